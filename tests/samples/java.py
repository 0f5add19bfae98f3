from . import quoted as QUOTE  # noqa: F401

KERNEL_TESTS = dict(
    kernel_name="java",
    language_name="java",
    file_extension=".java",
    code_hello_world='System.out.println("hello, world");',
    code_stderr='System.err.println("test");',
    code_generate_error='throw new IllegalStateException("meant");',
    code_page_something="String?",
    code_inspect_sample="String",
    completion_samples=[{"text": "Syst", "matches": {"System"}}, {"text": "Math.sq", "matches": {"sqrt("}}],
    complete_code_samples=["1 + 1", "int a = 3;", "int f(int n) {\n  return n;\n}", "// nothing"],
    incomplete_code_samples=["int f(int n) {", 'System.out.println("a"', "for (int i = 0; i < 3; i++)", "/* open"],
    invalid_code_samples=["int 7q = ;;)"],
    code_execute_result=[{"code": "1+2+3", "result": "6"},
                         {"code": "List.of(1, 2, 3).stream().map(n -> n * n).toList()", "result": "[1, 4, 9]"},
                         {"code": "int[] a = {1, 2}; a", "result": "int[2] { 1, 2 }"}],
    code_display_data=[
        {"code": 'display(html("<b>test</b>"));', "mime": "text/html"},
        {"code": 'display(latex("$x^2$"));', "mime": "text/latex"},
        {"code": 'display(svg("<svg xmlns=\'http://www.w3.org/2000/svg\'/>"));', "mime": "image/svg+xml"},
        {"code": "display(new java.awt.image.BufferedImage(2, 2, 1));", "mime": "image/png"},
        {"code": 'display(json(Map.of("a", 1)));', "mime": "application/json"},
    ],
    code_history_pattern="1?2*",
    supported_history_operations=("tail", "range", "search"),
    code_clear_output="clearOutput();",
)
UNDECLARED = {}

PRINT = "System.out.println(TEXT);"
LARGE = 'System.out.println("x".repeat(1_000_000));'
KEEP, KEPT = 'String kgwKept = "kept";', "System.out.println(kgwKept);"
LOOP = 'System.out.println("looping");\nwhile (true) { }'
RECURSION = "int down(int n) { return down(n + 1) + 1; }\ndown(0)"
MEMORY = "List<byte[]> all = new ArrayList<>();\nwhile (true) all.add(new byte[1 << 20]);"
MEMORY_SAYS = "OutOfMemoryError"
DIE = "System.exit(3);"
DIE_SAYS = "status 3"
INPUT = 'System.out.println("hello, " + readLine("name? "));'
DEFINE = "int the_answer = 42;"
