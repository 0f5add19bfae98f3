from . import quoted as QUOTE  # noqa: F401

KERNEL_TESTS = dict(
    kernel_name="javascript",
    language_name="javascript",
    file_extension=".js",
    code_hello_world="console.log('hello, world')",
    code_stderr="console.error('test')",
    code_generate_error="throw new Error('x')",
    code_page_something="Math.max?",
    code_inspect_sample="Math.max",
    completion_samples=[{"text": "parseI", "matches": {"parseInt"}}, {"text": "Math.flo", "matches": {"floor"}},
                        {"text": "require('node:pat", "matches": {"node:path", "node:path/posix", "node:path/win32"}}],
    complete_code_samples=["1", "console.log('hello, world')", "function f(x) {\n  return x * 2\n}\n", "let a: number = 1"],
    incomplete_code_samples=["`hello", "function f(x) {\n  x * 2", "const a = [1,", "interface A {"],
    invalid_code_samples=["import = 7q", "let = = 1"],
    code_execute_result=[{"code": "1+2+3", "result": "6"}, {"code": "[1, 2, 3].map(n => n * n)", "result": "[ 1, 4, 9 ]"},
                         {"code": "const n: number = await Promise.resolve(4); n", "result": "4"}],
    code_display_data=[
        {"code": "display.html('<b>test</b>')", "mime": "text/html"}, {"code": "display.svg('<svg/>')", "mime": "image/svg+xml"},
        {"code": "display.png(Buffer.from([137, 80, 78, 71]))", "mime": "image/png"},
        {"code": "display.json({ a: 1 })", "mime": "application/json"}, {"code": "display.markdown('*m*')", "mime": "text/markdown"},
        {"code": "display.latex('\\\\frac{1}{2}')", "mime": "text/latex"},
    ],
    code_history_pattern="1?2*",
    supported_history_operations=("tail", "range", "search"),
    code_clear_output="clearOutput()",
)
UNDECLARED = {}

PRINT = "console.log(TEXT)"
LARGE = "console.log('x'.repeat(1_000_000))"
KEEP, KEPT = "const kgw_kept = 'kept'", "console.log(kgw_kept)"
LOOP = "console.log('looping')\nfor (;;);"
RECURSION = "function f(n) { return f(n + 1) + 1 }\nf(0)"
MEMORY = "const b = []\nfor (;;) b.push(Buffer.alloc(8 << 20, 1))"
MEMORY_SAYS = "out of memory"
DIE = "process.exit(3)"
DIE_SAYS = "status 3"
INPUT = "console.log('hello, ' + prompt('name? '))"
DEFINE = "const the_answer = 42"
