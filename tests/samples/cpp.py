from . import quoted as QUOTE  # noqa: F401

KERNEL_TESTS = dict(
    kernel_name="cpp",
    language_name="C++",
    file_extension=".cpp",
    code_hello_world='std::cout << "hello, world" << std::endl;',
    code_stderr='std::cerr << "test" << std::endl;',
    code_generate_error='throw std::runtime_error("on purpose");',
    code_page_something="std::vector?",
    code_inspect_sample="std::vector",
    completion_samples=[{"text": "std::vec", "matches": {"vector"}}],
    complete_code_samples=["1", 'std::cout << "hello, world";', "int f(int x) {\n    return x * 2;\n}", "struct p { int x; };"],
    incomplete_code_samples=["int f(int x) {", "/* not yet", "for (int i = 0; i < 3; i++)", "int x ="],
    invalid_code_samples=["int x = 3);", '"no end'],
    code_execute_result=[{"code": "1+2+3", "result": "6"},
                         {"code": "std::vector<int>{1, 4, 9}", "result": "{ 1, 4, 9 }"}],
    code_display_data=[
        {"code": 'kgw::display(kgw::html("<b>test</b>"));', "mime": "text/html"},
        {"code": 'kgw::display(kgw::latex("$x^2$"));', "mime": "text/latex"},
    ],
    code_history_pattern="1?2*",
    supported_history_operations=("tail", "range", "search"),
    code_clear_output="kgw::clear_output();",
)
UNDECLARED = {}

PRINT = "std::cout << TEXT << std::endl;"
LARGE = "std::cout << std::string(1'000'000, 'x') << std::endl;"
KEEP, KEPT = 'std::string kgw_kept = "kept";', "std::cout << kgw_kept << std::endl;"
LOOP = 'std::cout << "looping" << std::endl;\nwhile (true) {}'
RECURSION = "int f(int n) { return f(n + 1) + 1; }\nf(0)"
MEMORY = "std::vector<std::string> b;\nwhile (true) b.push_back(std::string(8 << 20, 'x'));"
MEMORY_SAYS = "out of memory"
DIE = "_exit(3);"
DIE_SAYS = "status 3"
INPUT = 'std::cout << "name? "; std::string name; std::getline(std::cin, name); std::cout << "hello, " << name << std::endl;'
DEFINE = "int the_answer = 42;"
