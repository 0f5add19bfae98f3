from . import quoted as QUOTE  # noqa: F401

KERNEL_TESTS = dict(
    kernel_name="python3",
    language_name="python",
    file_extension=".py",
    code_hello_world="print('hello, world')",
    code_stderr="import sys; print('test', file=sys.stderr)",
    code_generate_error="raise Exception",
    code_page_something="zip?",
    code_inspect_sample="zip",
    completion_samples=[{"text": "zi", "matches": {"zip"}}],
    complete_code_samples=["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"],
    incomplete_code_samples=["print('''hello", "def f(x):\n  x*2"],
    invalid_code_samples=["import = 7q"],
    code_execute_result=[{"code": "1+2+3", "result": "6"},
                         {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"}],
    code_display_data=[
        {"code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))", "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('\\\\frac{1}{2}'))", "mime": "text/latex"},
    ],
    code_history_pattern="1?2*",
    supported_history_operations=("tail", "range", "search"),
    code_clear_output="from IPython.display import clear_output; clear_output()",
)
UNDECLARED = {}

PRINT = "print(TEXT)"
LARGE = "print('x' * 1_000_000)"
KEEP, KEPT = "my_text = 'kept'", "print(my_text)"
LOOP = "print('looping', flush=True)\nwhile True: pass"
RECURSION = "def f(n): return f(n + 1)\nf(0)"
MEMORY = "b = []\nwhile True: b.append(bytearray(8 << 20))"
MEMORY_SAYS = "out of memory"
DIE = "import os; os._exit(3)"
DIE_SAYS = "status 3"
INPUT = "print('hello, ' + input('name? '))"
DEFINE = "the_answer = 42"
