"""C++'s evaluator, runtimes/cpp/evaluator."""
import re
import time

import pytest

from support.evaluator import Died


def ok(result):
    assert result.reply["status"] == "ok", result
    return result


def value(evaluator, code, **more):
    """What a cell shows as its value."""
    data = ok(evaluator.execute(code, **more)).data
    return data and data["text/plain"]


def failure(evaluator, code, **more):
    """(ename, evalue, traceback without its colours)"""
    result = evaluator.execute(code, **more)
    assert result.reply["status"] == "error", result
    reply = result.reply
    assert all("\n" not in line for line in reply["traceback"])
    return reply["ename"], reply["evalue"], plain("\n".join(reply["traceback"]))


def plain(text):
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def test_it_says_what_it_is(shared):
    info = shared.info
    assert info["event"] == "ready" and info["implementation"] == "kernelgw-cpp"
    about = info["language_info"]
    assert about["name"] == "C++" and about["file_extension"] == ".cpp"
    assert about["mimetype"] == about["codemirror_mode"] == "text/x-c++src" and about["pygments_lexer"] == "cpp"


# Values

@pytest.mark.parametrize("code, shown", [
    ("1 + 1", "2"), ("1 + 1;", None), ("", None), ("// a comment", None), ("true", "true"), ("'a'", "'a'"), ("'\\n'", "'\\n'"),
    ("2.0", "2.0"), ("0.1f", "0.1"), ("1e300", "1e+300"), ("1.0 / 3", "0.3333333333333333"), ("-7L", "-7"),
    ("18446744073709551615ULL", "18446744073709551615"), ("std::numeric_limits<double>::infinity()", "inf"),
    ('"text"', '"text"'), ('std::string("a\\"b\\n")', '"a\\"b\\n"'), ('std::string_view("v")', '"v"'), ("(const char*)nullptr", "nullptr"),
    ('std::string("日本語 🎈")', '"日本語 🎈"'), ("U'é'", "'é'"), ("(unsigned char)200", "200"), ("(short)3", "3"),
    ("std::vector<int>{1, 2, 3}", "{ 1, 2, 3 }"), ("std::vector<int>{}", "{ }"), ("std::vector<bool>{true, false}", "{ true, false }"),
    ("std::array<double, 2>{1, 2.5}", "{ 1.0, 2.5 }"), ('std::vector<std::string>{"a"}', '{ "a" }'),
    ('std::map<std::string, int>{{"a", 1}, {"b", 2}}', '{ "a" => 1, "b" => 2 }'), ("std::set<char>{'x', 'a'}", "{ 'a', 'x' }"),
    ("std::pair(1, 'c')", "{ 1, 'c' }"), ('std::tuple(1, 2.5, std::string("s"))', '{ 1, 2.5, "s" }'), ("std::tuple<>()", "{ }"),
    ("std::optional<int>(3)", "3"), ("std::optional<int>()", "nullopt"), ("std::variant<int, std::string>(4)", "4"),
    ("std::vector<std::vector<int>>{{1}, {}}", "{ { 1 }, { } }"), ("(int*)nullptr", "nullptr"), ("nullptr", "nullptr"),
    ("std::unique_ptr<int>()", "nullptr"), ("std::complex<double>(1, 2)", "(1,2)"), ("std::list<int>{1}", "{ 1 }"),
    ("std::bitset<4>(5)", "0101"), ("std::stack<int>()", "(std::stack<int>) 0 elements"), ("std::chrono::seconds(3)", "3s"), ("-7 + 1;\n+3", "3"), ("auto [b1, b2] = std::pair(1, 2.5); b2", "2.5"),
    ("std::cout", None), ("std::cout << 1", None), ("int arr[3] = {1, 2, 3}; arr", "{ 1, 2, 3 }"), ('char text[10] = "abc"; text', '"abc"'),
    ("(void)0", None), ("struct bits { unsigned a : 3; }; bits b{5}; b.a", "5"), ("int assigned; assigned = 4", "4"),
    ("enum class level { low, high }; level::high", "(level) 1"), ("std::make_shared<int>(3) ? 1 : 0", "1"),
    ("std::vector<bool>{true}[0]", "true"), ('L"wide é"', '"wide é"'), ('u8"é"', '"é"'), ('u"é🎈"', '"é🎈"'), ('U"🎈"', '"🎈"'), ("U'\\n'", "'\\n'"),
    ("std::nullopt", "nullopt"), ("std::views::iota(1, 6) | std::views::filter([](int x) { return x % 2; })", "{ 1, 3, 5 }"),
    ('const char *names[] = {"a", "b"}; names', '{ "a", "b" }'), ("int grid[2][2] = {{1, 2}, {3, 4}}; grid", "{ { 1, 2 }, { 3, 4 } }"),
    ("std::runtime_error(\"what\")", "std::runtime_error: what"),
])
def test_the_last_value_is_shown(shared, code, shown):
    assert value(shared, code) == shown


def test_pointers_and_own_types_show_where_they_are(shared):
    assert re.fullmatch(r"0x[0-9a-f]+", value(shared, "int pointed; &pointed"))
    assert re.fullmatch(r"\(opaque\) @0x[0-9a-f]+", value(shared, "class opaque {}; opaque o; o"))
    assert re.fullmatch(r"0x[0-9a-f]+", value(shared, "std::make_unique<int>(3)"))
    assert re.fullmatch(r"0x[0-9a-f]+", value(shared, "int function_shown() { return 1; }\nfunction_shown"))
    assert "lambda" in value(shared, "auto lambda_shown = [] { return 1; };\nlambda_shown")


def test_long_containers_are_cut(shared):
    shown = value(shared, "std::vector<int>(1000000)")
    assert shown.endswith(", ... }") and len(shown) < 20000


def test_own_types_show_what_they_stream(shared):
    ok(shared.execute("struct point { int x, y; }; std::vector<point> points{{1, 2}};"))
    assert "@0x" in value(shared, "points")
    ok(shared.execute('std::ostream &operator<<(std::ostream &o, const point &p) { return o << "<" << p.x << " " << p.y << ">"; }'))
    assert value(shared, "points") == "{ <1 2> }", "though it was shown before, in another way"
    ok(shared.execute('std::ostream &operator<<(std::ostream &o, const point &p) { return o << p.x; }'))
    assert value(shared, "points[0]") == "1"
    assert value(shared, 'struct friendly { friend std::ostream &operator<<(std::ostream &o, const friendly &) { return o << "hi"; } };'
                 'friendly()') == "hi"


# Rich output

def test_rich_values_and_displays(shared):
    result = ok(shared.execute('#include <kgw/display.hpp>\nstd::cout << "a"; kgw::display(kgw::html("<b>x</b>")); std::cout << "b";\n'
                               'kgw::markdown("*m*")'))
    assert [(kind, what if isinstance(what, str) else what["data"]) for kind, what in result.order] == [
        ("stdout", "a"), ("display", {"text/html": "<b>x</b>"}), ("stdout", "b"), ("result", {"text/markdown": "*m*"})]


def test_a_bundle_is_found_beside_its_type(shared):
    ok(shared.execute('namespace shapes { struct circle { int r; };\n'
                      'kgw::mime_bundle mime_bundle_repr(const circle &c) {\n'
                      '  return {{"image/svg+xml", "<svg/>"}, {"text/plain", "circle " + std::to_string(c.r)},'
                      ' {"application/json", "{\\"r\\": 3}"}}; } }'))
    wanted = {"image/svg+xml": "<svg/>", "text/plain": "circle 3", "application/json": {"r": 3}}
    assert ok(shared.execute("shapes::circle{3}")).data == wanted
    assert ok(shared.execute("kgw::display(shapes::circle{3});")).displays[0]["data"] == wanted


def test_displays_can_be_updated_and_cleared(shared):
    events = ok(shared.execute('kgw::display(1, "id"); kgw::update(std::string("two"), "id"); kgw::clear_output(true);')).events
    assert events[0]["display_id"] == events[1]["display_id"] == "id" and events[1]["update"]
    assert events[1]["data"] == {"text/plain": '"two"'} and events[2] == {"event": "clear", "wait": True}


def test_pictures_are_base64(shared):
    for text, coded in (("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("abcd", "YWJjZA==")):
        assert value(shared, f'kgw::base64("{text}")') == f'"{coded}"'
    assert ok(shared.execute('kgw::png("abc")')).data == {"image/png": "YWJj"}


def test_names_of_xeus_cling_work(shared):
    result = ok(shared.execute('#include <xcpp/xdisplay.hpp>\nxcpp::display(std::string("s"), "there", false);'))
    assert result.displays[0]["data"] == {"text/plain": '"s"'}


# Definitions over cells

def test_things_are_defined_again(shared):
    ok(shared.execute("int redefined = 1; int use_it() { return redefined; }"))
    assert value(shared, 'std::string redefined = "other"; redefined') == '"other"'
    assert value(shared, "use_it()") == "1", "what was compiled before keeps what it had"
    for n in (1, 2, 3):
        assert value(shared, f"int twice(int x) {{ return x < 1 ? {n} : twice(x - 1); }}\ntwice(3)") == str(n)
        assert value(shared, f"struct thing {{ int a[{n}]; int f(); }}; int thing::f() {{ return {n}; }}\n"
                             f"std::vector<thing> things(2); things[0].f() * 100 + sizeof(thing)") == str(100 * n + 4 * n)
        assert value(shared, f"template <class T> struct box {{ T v; T get() {{ return v * {n}; }} }};\nbox<int>{{5}}.get()") == str(5 * n)
        assert value(shared, f"template <class T> T fn(T v) {{ return v * {n}; }}\nfn(2.5)") == str(2.5 * n)
        assert value(shared, f"enum color {{ red = {n}, green }};\ngreen * 1") == str(n + 1)
        assert value(shared, f"namespace deep {{ namespace er {{ int g() {{ return {n}; }} }} }}\ndeep::er::g()") == str(n)
        assert value(shared, f"auto lambda = [](int x) {{ return x * {n}; }};\nlambda(2)") == str(2 * n)
        assert value(shared, f"using number = std::array<char, {n}>;\nsizeof(number)") == str(n)
        assert value(shared, f"static int hidden = {n}; const int fixed = {n}; constexpr int known = {n};\nhidden + fixed + known") == str(3 * n)
        assert value(shared, f"auto [one, two] = std::pair({n}, 'c');\none") == str(n)
    assert value(shared, "lambda(5)") == "15"


def test_overloads_add_up(shared):
    ok(shared.execute("int over(int) { return 1; }"))
    ok(shared.execute("int over(double) { return 2; }"))
    assert value(shared, "over(1) * 10 + over(1.0)") == "12"
    ok(shared.execute("int over(int) { return 3; }"))
    assert value(shared, "over(1) * 10 + over(1.0)") == "32"


def test_declared_in_one_cell_and_defined_in_another(shared):
    ok(shared.execute("int later(int); int calls_later() { return later(1) + 1; }"))
    assert failure(shared, "calls_later()")[0] == "LinkError"
    ok(shared.execute("int later(int x) { return x * 10; }"))
    assert value(shared, "calls_later()") == "11"
    assert value(shared, "int later(int);\nlater(2)") == "20", "declared again, it's still there"
    ok(shared.execute("int later(int x) { return x * 100; }"))
    assert value(shared, "later(2)") == "200"
    assert value(shared, "struct node; struct list { node *first; }; struct node { int v; };\nnode n1{7}; list{&n1}.first->v") == "7"
    assert value(shared, "bool odd(int); bool even(int n) { return n == 0 || odd(n - 1); } bool odd(int n) { return n && even(n - 1); }\n"
                         "even(10)") == "true"


def test_twice_in_one_cell_is_an_error(shared):
    assert "redefinition of 'same'" in failure(shared, "int same = 1;\ndouble same = 2;")[1]


def test_a_failed_cell_leaves_things_as_they_were(shared):
    ok(shared.execute("int kept = 1; struct stays { int v = 2; };"))
    failure(shared, "double kept = 3;\nstruct stays {};\nnonsense;")
    assert value(shared, "kept + stays{}.v") == "3"
    failure(shared, "int half_made = 1; nonsense;")
    assert "undeclared" in failure(shared, "half_made")[1]


@pytest.mark.parametrize("code, wrong, shown", [
    ("std::vector<std::pair<short, char>> retried; retried.push_back({1, 'a'}); retried.size()", "retried.nothing", "1"),
    ("std::promise<short> retried; retried.set_value(3); retried.get_future().get()", "undefined_thing", "3"),
    ("std::vector<long double> retried{2, 1}; std::sort(retried.begin(), retried.end()); retried.at(0)", 'retried.at("x")', "1.0"),
    ("std::map<std::string, std::set<short>> retried; retried[\"a\"].insert(2); retried", "int n = \"text\"", '{ "a" => { 2 } }'),
    ("Before::list retried; retried.emplace_back(); retried.size()", "Before b = 1", "1"),
    ("struct Own { int n; }; std::vector<Own> retried; retried.push_back({4}); retried.back().n", "Own::nothing", "4"),
    ("auto twice = [](auto n) { return 2 * n; }; std::function<short(short)> retried = twice; retried(4)", "twice(nothing)", "8"),
    ("struct Shape { virtual ~Shape() = default; }; std::shared_ptr<Shape> retried = std::make_shared<Shape>(); retried.use_count()",
     "retried->nothing", "1"),
    ("template <class T> struct Pile { std::vector<T> v; int put(T t) { v.push_back(t); return v.size(); } };\nPile<float> retried; retried.put(1)",
     "retried.put(nothing)", "1"),
])
def test_a_cell_that_was_wrong_is_put_right(fresh, code, wrong, shown):
    """What the library instantiated for it is there for the next one, and what the cell itself defined is not in its way."""
    ok(fresh.execute("struct Before { short n = 1; using list = std::deque<Before>; };"))
    for _ in range(2):
        assert fresh.execute(f"{code};\n{wrong};").reply["ename"] == "CompileError"
    assert value(fresh, code) == shown
    assert value(fresh, code) == shown


def test_a_template_that_is_wrong_itself_stays_so(fresh):
    code = "struct Bare {}; std::vector<Bare> bare(3); std::sort(bare.begin(), bare.end());"
    assert fresh.execute(code).reply["ename"] == "CompileError"
    assert fresh.execute(code).reply["status"] == "error"
    assert value(fresh, "1 + 1") == "2"


def test_state_lives_over_cells(shared):
    ok(shared.execute("static int counted = 0; int count_up() { static int n = 0; counted++; return ++n; }\n"
                      "auto counter = [n = 0]() mutable { return ++n; }; auto inner = [] { static int n; return ++n; };"))
    for n in (1, 2, 3):
        assert value(shared, "count_up()") == value(shared, "counter()") == value(shared, "inner()") == str(n)
    assert value(shared, "counted") == "3"


def test_statements_stand_anywhere(fresh):
    assert ok(fresh.execute("for (int i = 0; i < 3; i++)\n    std::cout << i;\nif (true) { std::cout << 'y'; } else { std::cout << 'n'; }\n"
                            "#include <numeric>\nint s = 0; { int s2 = 4; s += s2; }\nwhile (s > 0) s--;\n"
                            "switch (s) { case 0: std::cout << 'z'; }\nusing namespace std; cout << s;")).stdout == "012yz0"


def test_virtual_functions_templates_and_macros(shared):
    assert value(shared, "struct animal { virtual std::string says() = 0; virtual ~animal() = default; };\n"
                         "struct dog : animal { std::string says() override { return \"woof\"; } };\n"
                         "std::unique_ptr<animal> pet = std::make_unique<dog>(); pet->says()") == '"woof"'
    assert value(shared, "dynamic_cast<dog*>(pet.get()) != nullptr") == "true"
    assert value(shared, "#define SQUARE(x) ((x) * (x))\nSQUARE(7)") == "49"
    assert value(shared, "template <std::integral T> T cubed(T x) { return x * x * x; }\ncubed(3)") == "27"
    assert value(shared, "std::ranges::sort(*std::make_unique<std::vector<int>>(3)); "
                         "std::regex_match(\"abc\", std::regex(\"[a-c]+\"))") == "true"
    assert value(shared, "struct generous { template <class T> operator T() const { return T{}; } }; int(generous{})") == "0"


# Streams

def test_streams_keep_their_order(shared):
    result = ok(shared.execute('std::cout << "a"; printf("b"); std::cout << "c"; puts("d"); std::clog << "e"; fprintf(stderr, "f");'
                               'std::wcout << L"";'))
    assert result.stdout == "abcd\n" and result.stderr == "ef"


def test_a_line_is_shown_when_it_ends(fresh):
    ok(fresh.execute('std::cout << std::endl; std::chrono::hours warm(1);'))
    began = time.monotonic()
    result = fresh.execute('std::cout << "first\\n"; std::this_thread::sleep_for(std::chrono::hours(1));', interrupt_after=1)
    assert result.stdout == "first\n" and result.reply["ename"] == "KeyboardInterrupt" and time.monotonic() - began < 20


def test_input_by_every_way(shared):
    assert value(shared, "int i; double d; std::cin >> i >> d; i + d", stdin=["1 2.5"]) == "3.5"
    assert value(shared, "std::string line; std::getline(std::cin, line); line", stdin=["a whole line"]) == '"a whole line"'
    assert value(shared, 'int n1 = 0; scanf("%d", &n1); n1', stdin=["77"]) == "77"
    assert value(shared, "char buffer[20]; fgets(buffer, 20, stdin)", stdin=["fgets"]) == '"fgets\\n"'
    assert value(shared, "int c = getchar(); char d1 = 0; std::cin >> d1; (char)c + std::string(1, d1)", stdin=["xy"]) == '"xy"'
    assert value(shared, "char bytes[8]; read(0, bytes, 8)", stdin=["raw"]) == "4"
    assert value(shared, "int sum = 0, x1; while (std::cin >> x1) sum += x1; sum", stdin=["1 2", "3"]) == "6"


def test_input_left_over_is_not_the_next_cells(shared):
    ok(shared.execute("std::cin >> i;", stdin=["1 2 3"]))
    assert value(shared, "std::getline(std::cin, line); line", stdin=["fresh"]) == '"fresh"'


def test_no_input_is_the_end_of_it(shared):
    assert value(shared, "std::string none; (bool)(std::cin >> none)") == "false"


def test_programs_tricks_with_streams_do_no_harm(fresh):
    assert value(fresh, "std::ios::sync_with_stdio(false); std::cin.tie(nullptr); int fast; std::cin >> fast; fast", stdin=["12"]) == "12"
    assert ok(fresh.execute('printf("a"); std::cout << "b"; printf("c");')).stdout == "abc"
    ok(fresh.execute('auto kept = std::cout.rdbuf(); std::ostringstream caught; std::cout.rdbuf(caught.rdbuf());'))
    ok(fresh.execute('std::cout << "into the other";'))
    assert value(fresh, "std::cout.rdbuf(kept); caught.str()") == '"into the other"'
    ok(fresh.execute("std::cout.rdbuf(std::ostringstream().rdbuf());"))
    fresh.execute('std::cout << "may fail"; throw 1;')
    assert ok(fresh.execute('std::cout << "here again";')).stdout == "here again"


def test_forked_processes_are_processes(fresh):
    ok(fresh.execute("#include <sys/wait.h>\nint ended(pid_t p) { int s; waitpid(p, &s, 0); return WIFEXITED(s) ? WEXITSTATUS(s) : -WTERMSIG(s); }"))
    for end, status in (("exit(4)", "4"), ("throw 3", "1"), ("*(volatile int *)0 = 1", "-11"), ("1", "0"), ('kgw::display(1); std::cin.get()', "0")):
        ok(fresh.execute(f"pid_t child = fork(); if (child == 0) {{ {end}; }}"))
        ok(fresh.execute("int status = ended(child);"))
        assert value(fresh, "status") == status, end


def test_a_whole_program_can_be_pasted(shared):
    for word in ("one", "two"):
        ok(shared.execute(f'#include <iostream>\nint main() {{\n    std::cout << "{word}";\n}}'))
        result = ok(shared.execute("main()"))
        assert (result.stdout, result.data["text/plain"]) == (word, "0")


# What goes wrong

def test_errors_say_where(shared):
    ename, evalue, trace = failure(shared, "int fine = 1;\nint bad = undefined_name;")
    assert ename == "CompileError" and re.match(r"Cell \[\d+\]:2:11: use of undeclared identifier 'undefined_name'", evalue)
    assert re.match(r"Cell \[\d+\]:2:11: error: ", trace) and "    2 | int bad = undefined_name;" in trace
    assert "inputs" not in trace
    assert re.match(r"Cell \[\d+\]:2:9: ", failure(shared, "int one1;\nprintf((")[1]), "where it ends too early"
    raw = shared.execute("nonsense!").reply["traceback"]
    assert "\x1b[" in raw[0]


def test_errors_in_templates_name_the_cell_and_no_inner_names(shared):
    ok(shared.execute("struct unordered {};"))
    trace = failure(shared, "std::vector<unordered> list1(3);\nstd::sort(list1.begin(), list1.end());")[2]
    assert "Cell [" in trace and "unordered" in trace and "__kgw" not in trace


def test_threads_as_the_library_has_them(fresh):
    """call_once, and what is made of it, use thread-local variables of the library; cells have others than it."""
    assert value(fresh, "int times = 0; std::once_flag once;\n"
                        "for (int i = 0; i < 3; i++) std::call_once(once, [] { times++; });\ntimes") == "1"
    assert value(fresh, "auto later = std::async(std::launch::async, [] { return 42; }); later.get()") == "42"
    assert value(fresh, "std::async(std::launch::deferred, [] { return 43; }).get()") == "43"
    assert value(fresh, """std::promise<int> promise; auto future = promise.get_future();
std::thread giver([&] { promise.set_value(7); }); giver.join();
future.get()""") == "7"
    assert value(fresh, "std::packaged_task<int(int)> task([](int n) { return 2 * n; }); task(4); task.get_future().get()") == "8"
    reply = fresh.execute('std::async(std::launch::async, []() -> int { throw std::runtime_error("inside"); }).get()').reply
    assert (reply["ename"], reply["evalue"]) == ("std::runtime_error", "inside")
    assert value(fresh, "std::jthread worker([](std::stop_token stop) { while (!stop.stop_requested()) std::this_thread::yield(); });\n"
                        "worker.request_stop()") == "true"
    assert value(fresh, "thread_local int mine = 1; std::thread([] { mine = 5; }).join(); mine") == "1"
    reply = fresh.execute("extern thread_local int nowhere; nowhere").reply
    assert (reply["ename"], reply["evalue"]) == ("LinkError", "undefined reference to 'nowhere'")


def test_lambdas_that_would_capture_all(shared):
    assert value(shared, "int base = 3;\n/* é */ auto add = [&](int n) { return base + n; }; auto same = [=] { return base; };\n"
                         "add(4) + same()") == "10"
    assert value(shared, "std::function<int(int)> fib = [&](int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); };\nfib(10)") == "55"
    assert value(shared, "int sum = 0;\nfor (int i : {1, 2}) std::for_each_n(&i, 1, [&](int n) { sum += n * i; });\nsum") == "5"


def test_warnings_are_shown(shared):
    result = ok(shared.execute("int narrow() { if (int a = 3; a = 4) return 1; return 0; }"))
    assert "warning: using the result of an assignment" in plain(result.stderr)
    assert ok(shared.execute('{ using namespace std; string a = "a", b = move(a); }')).stderr == ""


def test_undefined_references_are_told(shared):
    ename, evalue, _ = failure(shared, "void nowhere(int); nowhere(1);")
    assert (ename, evalue) == ("LinkError", "undefined reference to 'nowhere(int)'")
    assert value(shared, "1 + 1") == "2"


@pytest.mark.parametrize("code, ename, evalue", [
    ('throw std::runtime_error("bad luck");', "std::runtime_error", "bad luck"), ("throw 42;", "int", "42"),
    ('throw "text";', "char const*", "text"), ("std::vector<int>().at(3);", "std::out_of_range", "vector::_M_range_check"),
    ("struct own : std::exception { const char *what() const noexcept override { return \"mine\"; } };\nthrow own();", "own", "mine"),
    ("struct strange {}; throw strange();", "strange", ""), ("[]() noexcept { throw 1; }();", "std::terminate", "type int"),
    ("int *null = nullptr; *null = 1;", "SIGSEGV", "null pointer"), ("*(int *)0xdead000 = 1;", "SIGSEGV", "0xdead000"),
    ("int down(int n) { volatile char b[1000]; b[0] = 1; return n < 0 ? 0 : down(n + 1) + b[0]; }\ndown(1);", "SIGSEGV", "stack overflow"),
    ("volatile int zero = 0; 1 / zero", "SIGFPE", "divided by zero"), ("abort();", "SIGABRT", "abort()"),
    ("#include <cassert>\nassert(1 == 2);", "SIGABRT", "1 == 2"), ("exit(3);", "SystemExit", "3"), ("std::exit(4);", "SystemExit", "4"),
    ("std::unique_ptr<int> no_int; *no_int = 1;", "SIGSEGV", "null pointer"), ("raise(SIGILL);", "SIGILL", "illegal instruction"),
])
def test_cells_fail_in_words_and_the_session_goes_on(shared, code, ename, evalue):
    ok(shared.execute("int survivor = 5;"))
    name, text, trace = failure(shared, code)
    assert name == ename and evalue in text and ename in trace
    assert value(shared, "survivor") == "5"


def test_a_broken_heap_ends_the_process(fresh):
    ename, evalue, _ = failure(fresh, "char *p = (char *)malloc(20); free(p); free(p);")
    assert ename == "SIGABRT" and "double free" in evalue
    with pytest.raises(Died):
        fresh.execute("1")


def test_ends_when_the_process_is_ended(fresh):
    with pytest.raises(Died) as died:
        fresh.execute("_exit(3);")
    assert died.value.status == 3


# Interrupts

@pytest.mark.parametrize("code", [
    "while (true) {}", "while (true) keeps.push_back(1), keeps.clear();", "while (true) { std::map<int, std::string> m; m[1] = std::string(100, 'a'); }",
    "std::this_thread::sleep_for(std::chrono::hours(1));", "std::mutex m; m.lock(); std::condition_variable_any v; v.wait(m);",
    "while (true) std::cout << \"\";", "std::thread forever([] { while (true) std::this_thread::yield(); }); forever.join();",
    "std::string name; std::cin >> name;",
])
def test_interrupt_ends_the_cell_alone(fresh, code):
    ok(fresh.execute("std::vector<int> keeps{1}; int state = 7;"))
    began = time.monotonic()
    result = fresh.execute(code, stdin=[], interrupt_after=0.3)
    assert result.reply["ename"] == "KeyboardInterrupt" and time.monotonic() - began < 20
    assert value(fresh, "state") == "7"


def test_interrupt_between_cells_does_nothing(fresh):
    ok(fresh.execute("int calm = 3;"))
    fresh.interrupt()
    assert value(fresh, "calm") == "3"


# What front ends ask

@pytest.mark.parametrize("code, matches, start", [
    ("std::vec", {"vector"}, 5), ("numbers.pu", {"push_back"}, 8), ("own_na", {"own_name"}, 0), ("record1.", {"x", "yy", "length"}, 8),
    ("pointer1->y", {"yy"}, 10), ("int a = own_n", {"own_name"}, 8), ("for (auto v : numb", {"numbers"}, 14), ("whi", {"while"}, 0),
    ("auto l = [] { return record1.l", {"length"}, 29), ("#incl", {"include"}, 1), ('std::string é = "日本"; own_na', {"own_name"}, 22),
    ("std::cout << numbers.si", {"size"}, 21), ("own_kind::f", {"first"}, 10), ("1", set(), 1),
])
def test_completion(shared, code, matches, start):
    ok(shared.execute("std::vector<int> numbers; int own_name; struct record { int x; double yy; int length() { return 1; } };"
                      "record record1; record *pointer1 = &record1; enum class own_kind { first, second };"))
    reply = shared.request("complete", code=code, cursor_pos=len(code)).reply
    assert reply["status"] == "ok" and matches <= set(reply["matches"]) and (matches or not reply["matches"]), reply
    assert reply["cursor_start"] == start and reply["cursor_end"] == len(code)
    assert value(shared, "own_name = 3") == "3", "completion leaves nothing behind"


@pytest.mark.parametrize("code, said", [
    ("documented", "int documented(int value)"), ("documented(", "Says what it does"), ("std::max", "const _Tp &std::max"),
    ("numbers2.push_back", "push_back"), ("record2", "record_type"), ("record2.length", "int record_type::length()"), ("printf", "int printf"),
])
def test_inspection(shared, code, said):
    ok(shared.execute("/// Says what it does.\nint documented(int value) { return value; } std::vector<int> numbers2;\n"
                      "struct record_type { int length() { return 1; } } record2;"))
    reply = shared.request("inspect", code=code, cursor_pos=len(code), detail_level=0).reply
    assert reply["found"] and said in reply["data"]["text/plain"] and "__kgw" not in reply["data"]["text/plain"], reply


def test_inspection_of_nothing(shared):
    for code in ("no_such_name", "", "   ", "std::", "1 + "):
        assert shared.request("inspect", code=code, cursor_pos=len(code), detail_level=0).reply["found"] is False


@pytest.mark.parametrize("status, codes", [
    ("complete", ["", "1", "int x = 1;", "int f() { return 1; }", "struct a { int b; };", "// (", "/* ( */ 1", 'std::cout << "(";', "x++",
                  "#if 1\nint a;\n#endif", "for (;;) {}", "'('", 'R"x(()")x"', "a[1]", "if (x) { y(); }", "do x(); while (y);"]),
    ("incomplete", ["int f() {", "f(1,", "x +", "int a =", "/* no end", "if (x)", "class a {}", "#if 1", "a \\", "template <class T>", "else",
                    'R"(no end', "for (int i = 0;", "a ="]),
    ("invalid", [")", "a]", "(]", '"no end', "#endif"]),
])
def test_is_complete(shared, status, codes):
    assert {c: shared.request("is_complete", code=c).reply["status"] for c in codes} == {c: status for c in codes}


def test_user_expressions(shared):
    reply = ok(shared.execute("int base = 20;", user_expressions={"sum": "base + 1", "bad": "nothing_here", "rich": 'kgw::html("<i>")'})).reply
    values = reply["user_expressions"]
    assert values["sum"] == {"status": "ok", "data": {"text/plain": "21"}, "metadata": {}}
    assert values["bad"]["status"] == "error" and values["bad"]["ename"] == "CompileError"
    assert values["rich"]["data"] == {"text/html": "<i>"}


def test_silent_shows_no_value(shared):
    assert ok(shared.execute("1 + 1", silent=True)).data is None


def test_configure_sets_variables_and_folder(shared):
    assert shared.request("configure", env={"KGW_TEST": "ä"}, cwd="/tmp").reply["status"] == "ok"
    assert value(shared, 'std::string(getenv("KGW_TEST")) + std::filesystem::current_path().string()') == '"ä/tmp"'
    assert shared.request("configure", cwd="/nonexistent").reply["status"] == "error"


def test_what_it_does_not_know(shared):
    assert shared.request("dance").reply["status"] == "error"


def test_warm_code_leaves_nothing_and_works(fresh):
    import json
    from support import evaluator
    manifest = json.loads((evaluator.ROOT / "runtimes" / "cpp" / "runtime.json").read_text())
    result = ok(fresh.execute(manifest["kernel"]["warm_code"], silent=True))
    assert (result.stdout, result.stderr, result.events) == ("", "", [])
    assert "undeclared" in failure(fresh, "v")[1]
