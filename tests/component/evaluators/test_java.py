"""The Java evaluator in its image (runtimes/java), played the agent for by tests/support/evaluator.py."""
import base64
import re
import time

import pytest

from support.evaluator import Died

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def java(shared):
    """The evaluator, with what tests ask of it. One for all: names in tests differ."""
    return Java(shared)


@pytest.fixture
def another(fresh):
    return Java(fresh)


class Java:
    def __init__(self, e):
        self.e = e

    def ok(self, code, **more):
        result = self.e.execute(code, **more)
        assert result.reply["status"] == "ok", result
        return result

    def fails(self, code, **more):
        result = self.e.execute(code, **more)
        assert result.reply["status"] == "error", result
        return result.reply["ename"], plain(result)

    def value(self, code, **more):
        data = self.ok(code, **more).data
        return data and data["text/plain"]

    def matches(self, code, cursor=None):
        reply = self.e.request("complete", code=code, cursor_pos=len(code) if cursor is None else cursor).reply
        assert reply["status"] == "ok"
        return reply["matches"], reply["cursor_start"], reply["cursor_end"]

    def inspect(self, code, cursor, detail_level=0):
        reply = self.e.request("inspect", code=code, cursor_pos=cursor, detail_level=detail_level).reply
        return reply["data"].get("text/plain") if reply["found"] else None

    def whole(self, code):
        return self.e.request("is_complete", code=code).reply["status"]


def plain(result):
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(result.reply["traceback"]))


@pytest.mark.parametrize("code, value", [
    ("1 + 1", "2"), ("1 + 1;", "2"), ("1; 2; 3", "3"), ('"a\\tb" + \'c\'', '"a\\tbc"'), ("null", "null"), ("1.5f", "1.5"),
    ("int va = 4; va", "4"), ("va;", "4"), ("va = 5", None), ("va++", "5"), ("va++;", None),
    ("var vb = new ArrayList<Integer>(); vb.add(1);", None), ("vb.add(2)", "true"), ("vb", "[1, 2]"),
    ("new int[] {1, 2}", "int[2] { 1, 2 }"), ("// nothing", None), ("", None), ("   \n\n", None),
    ('switch (va) { case 7 -> "seven"; default -> "other"; }', '"seven"'),
    ("record Vr(int x, String y) { Vr { x++; } }\nnew Vr(1, \"é🎈\")", "Vr[x=2, y=é🎈]"),
    ("<T extends Comparable<T>> T larger(T a, T b) { return a.compareTo(b) > 0 ? a : b; }\nlarger(3, 4)", "4"),
    ("List.of(3, 1).stream().map(n -> n * n).sorted().toList()", "[1, 9]"),
    ("enum Ve { A, B }\nVe.values().length", "2"), ("Duration.ofMinutes(90)", "PT1H30M"),
])
def test_values(java, code, value):
    result = java.ok(code)
    assert (result.data and result.data["text/plain"], result.stdout + result.stderr) == (value, "")


def test_text_goes_where_it_belongs_and_keeps_its_order_with_pictures(java):
    result = java.ok('System.out.print("a"); System.err.println("b"); display(1); System.out.println("c");')
    assert (result.stdout, result.stderr) == ("ac\n", "b\n")
    kinds = [k for k, _ in result.order]
    assert kinds.index("display") > kinds.index("stdout") and kinds[-1] == "stdout", result.order


def test_a_cell_is_checked_before_it_runs(java):
    name, text = java.fails('System.out.println("too early");\nint wrong = ;')
    assert name == "CompileError" and "line 2: error: illegal start of expression" in text
    assert java.e.execute('System.out.println("too early");\nint wrong = ;').stdout == ""


def test_compile_errors_show_line_and_mark(java):
    name, text = java.fails('\n// a comment\nString ce = "ä";\n\tint broken = ce.length() + undefined;')
    assert name == "CompileError"
    lines = text.split("\n")
    assert re.fullmatch(r"cell \d+, line 4: error: cannot find symbol", lines[0])
    assert lines[1].strip() == "int broken = ce.length() + undefined;"
    assert lines[2].index("^") == lines[1].index("undefined")
    assert "symbol:   variable undefined" in text


def test_names_are_those_that_cells_give(java):
    name, text = java.fails('String nobody = null;\nnobody.length()')
    assert name == "java.lang.NullPointerException" and 'because "nobody" is null' in text
    name, text = java.fails("record Here(int a) {}\nObject here = new Here(1);\n(String) here")
    assert "class Here cannot be cast to class java.lang.String" in text
    assert java.value("enum Way { UP, DOWN }\nWay.values()") == "Way[2] { UP, DOWN }"
    assert java.value("class Bare {}\nnew Bare()").startswith("Bare@")


def test_a_last_statement_needs_no_semicolon(java):
    assert java.fails('throw new Exception("checked")')[0] == "java.lang.Exception"
    java.ok("int n = 0;\ndo { n++; } while (n < 3)")
    assert java.value("n") == "3"
    java.ok("import java.text.DecimalFormat")
    java.ok("System.out.println(1);\nfinal int bare = 5")
    assert java.value("bare") == "5"
    java.ok("List<String> names")
    assert java.value("names") == "null"
    name, text = java.fails('int wrong = "x"')
    assert (name, text.count("error:")) == ("CompileError", 1) and "String cannot be converted to int" in text


def test_what_printf_returns_is_no_value(java):
    result = java.ok('System.out.printf("%d%n", 3)')
    assert (result.data, result.stdout) == (None, "3\n")
    assert java.ok('System.err.append("x")').data is None


def test_a_package_line_is_told_to_be_left_out(java):
    name, text = java.fails("\npackage app;\npublic class App { }")
    assert name == "CompileError" and "line 2: error: cells are in no package: leave this line out\n    package app;" in text


def test_colours(java):
    result = java.e.execute("int c = true;")
    assert any("\x1b[" in line for line in result.reply["traceback"])


def test_exceptions_name_cell_and_line(java):
    java.ok("int ratio(int a, int b) {\n    return a / b;\n}")
    name, text = java.fails("int before = 1;\n\nratio(before, 0)")
    assert name == "java.lang.ArithmeticException"
    assert re.search(r"ArithmeticException: / by zero\n    at ratio \(cell \d+, line 2\)\n       return a / b;\n    at cell \d+, line 3$", text)
    assert java.value("before") == "1", "what ran before the error stays"


def test_causes_and_own_exceptions(java):
    java.ok("class Trouble extends RuntimeException { Trouble(String m, Throwable c) { super(m, c); } }")
    name, text = java.fails('try { Integer.parseInt("x"); } catch (Exception e) { throw new Trouble("outer", e); }')
    assert name == "Trouble" and "Trouble: outer" in text and "Caused by:\njava.lang.NumberFormatException" in text
    assert "REPL" not in text and "JShell" not in text and "kernelgw" not in text and "reflect" not in text


def test_traces_that_user_code_prints_are_clean_too(java):
    result = java.ok('try { throw new IllegalStateException("x"); } catch (Exception e) { e.printStackTrace(); }')
    assert re.fullmatch(r"java.lang.IllegalStateException: x\n\tat cell \d+, line 1\n", result.stderr)


def test_what_is_not_declared_yet_is_told(java):
    result = java.ok("int usesLater() { return comesLater() + 1; }")
    assert "method usesLater() is declared, but can't be used until method comesLater() is declared" in result.stderr
    name, text = java.fails("usesLater()")
    assert name == "UnresolvedReference" and "method comesLater()" in text
    assert java.value("int comesLater() { return 41; }\nusesLater()") == "42"


def test_redefinition(java):
    java.ok('int re = 1;\nint rf() { return re; }\nclass Rc { int v = 1; }')
    assert java.value('String re = "now text";\nre') == '"now text"'
    assert java.value("class Rc { int v = 2; }\nnew Rc().v") == "2"


def test_imports(java):
    assert java.value("import java.awt.*;\nimport java.awt.image.*;\nList<Integer> still = List.of(1); still") == "[1]"


def test_switch_statements_are_not_expressions(java):
    assert java.ok('switch (3) {\n case 3: System.out.println("three"); break;\n default:\n}\nSystem.out.println("next");'
                   ).stdout == "three\nnext\n"
    assert re.search(r"cell \d+, line 3", java.fails('switch (3) {\n case 3:\n  System.out.println(1 / (3 - 3)); }\nint x = 1;')[1])


def test_displays(java):
    result = java.ok('''display(html("<b>1</b>")); display(markdown("*m*")); display(svg("<svg/>")); display(latex("$x$"));
        display(json(Map.of("k", List.of(1, true)))); display(json("[1, null]")); display("t", "text/plain");
        display(new Rich() { public Map<String, ?> mimeBundle() { return Map.of("text/html", "<i>r</i>"); }
                             public String toString() { return "r"; } });''')
    data = [d["data"] for d in result.displays]
    assert data[0] == {"text/html": "<b>1</b>", "text/plain": "<b>1</b>"}
    assert [next(iter(d)) for d in data[1:4]] == ["text/markdown", "image/svg+xml", "text/latex"]
    assert data[4]["application/json"] == {"k": [1, True]} and data[5]["application/json"] == [1, None]
    assert data[6] == {"text/plain": "t"} and data[7] == {"text/html": "<i>r</i>", "text/plain": "r"}


def test_images(java):
    code = """var im = new java.awt.image.BufferedImage(30, 20, java.awt.image.BufferedImage.TYPE_INT_RGB);
        var g = im.createGraphics(); g.setColor(java.awt.Color.WHITE); g.drawString("x", 5, 15); im"""
    data = java.ok(code).data
    png = base64.b64decode(data["image/png"])
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and png[16:24] == bytes([0, 0, 0, 30, 0, 0, 0, 20])
    assert data["text/plain"] == "BufferedImage of 30 x 20"


def test_updates_and_clear(java):
    result = java.ok('var d = display(1); d.update(2); displayAs("mine", 3); updateDisplay("mine", 4); clearOutput(); clearOutput(true); d')
    events = [e for e in result.events if e["event"] in ("display", "clear")]
    assert [e.get("update") for e in events] == [False, True, False, True, None, None]
    assert events[0]["display_id"] == events[1]["display_id"] and events[3]["display_id"] == "mine"
    assert [e["wait"] for e in events[4:]] == [False, True]
    assert result.data is None, "a display is no value"


def test_input(java):
    result = java.ok('''Scanner sc = new Scanner(System.in); System.out.print("name? "); String nm = sc.nextLine();
        System.out.println(nm + sc.nextInt() + sc.nextInt());''', stdin=["Zoë", "4 5"])
    assert result.stdout == "name? Zoë45\n"
    assert java.value('new BufferedReader(new InputStreamReader(System.in)).readLine()', stdin=["b"]) == '"b"'
    result = java.ok('readLine("who? ") + readPassword("secret: ")', stdin=["a", "b"])
    assert [(e["prompt"], e["password"]) for e in result.events if e["event"] == "input"] == [("who? ", False), ("secret: ", True)]
    assert result.data["text/plain"] == '"ab"'


def test_input_that_is_not_to_be_had(java):
    assert "can't read input" in java.fails("System.in.read()")[1]
    assert java.value("System.in.read()", stdin=[]) == "-1"
    assert java.fails('readLine("? ")', stdin=[])[0] == "java.util.NoSuchElementException"


@pytest.mark.parametrize("code", [
    "int kept1 = 1; while (true) { kept1++; }",
    "Thread.sleep(1_000_000)",
    "synchronized (Rich.class) { Rich.class.wait(); }",
    "new LinkedBlockingQueue<Integer>().take()",
    "new ServerSocket(0).accept()",
    "while (true) System.out.println(1);",
    "for (int n = 0; ; n++) display(n);",
    "try { while (true) { } } finally { System.out.println(1); }",
    "new Object() { public String toString() { while (true); } }",
])
def test_interrupts(java, code):
    java.ok("int keptBefore = 42;")
    began = time.monotonic()
    name, _ = java.fails(code, interrupt_after=0.5)
    assert name == "KeyboardInterrupt"
    assert time.monotonic() - began < 30
    assert java.value("keptBefore") == "42"


def test_interrupt_of_input(java):
    assert java.fails("new Scanner(System.in).nextLine()", stdin=[], interrupt_after=0.5)[0] == "KeyboardInterrupt"
    assert java.value("1") == "1"


def test_code_that_catches_everything_is_left_behind(another):
    name, text = another.fails("while (true) { try { Thread.sleep(10); } catch (Throwable t) { } }", interrupt_after=3)
    assert name == "KeyboardInterrupt" and "can't be ended" in text
    assert another.value("1 + 1") == "2"


def test_interrupt_between_cells_does_nothing(java):
    java.e.interrupt()
    time.sleep(0.5)  # signals take their way
    assert java.value("6 * 7") == "42"


def test_stack_overflow(java):
    name, text = java.fails("int deep(int n) { return deep(n + 1) + 1; }\ndeep(0)")
    assert name == "java.lang.StackOverflowError" and "more ..." in text and len(text) < 10_000


@pytest.mark.parametrize("fill", ["new byte[1 << 20]", "new int[50]", '"s".repeat(1000)'])
def test_out_of_memory_is_survived(another, fill):
    name, text = another.fails(f"List<Object> all = new ArrayList<>();\nwhile (true) all.add({fill});")
    assert name == "java.lang.OutOfMemoryError" and "line 2" in text
    assert another.value("all.size() > 10") == "true"
    another.ok("all = null;")
    assert another.value("new byte[20 << 20].length") == str(20 << 20)
    another.ok("class Afterwards { int v; }\nnew Afterwards().v")


def test_exit_is_death(another):
    with pytest.raises(Died) as death:
        another.ok('System.out.print("last words"); System.exit(3);')
    assert death.value.status == 3 and death.value.result.stdout == "last words"


def test_threads_print_after_their_cell(java):
    java.ok('new Thread(() -> { try { Thread.sleep(300); } catch (InterruptedException e) { } System.out.println("later"); }).start();')
    time.sleep(1)
    assert "later" in java.ok("1").stdout


def test_uncaught_in_a_thread(java):
    result = java.ok('var th = new Thread(() -> { throw new IllegalStateException("there"); }, "worker"); th.start(); th.join();')
    assert re.search(r'Exception in thread "worker" .*IllegalStateException.*: there\n.*lambda \(cell \d+, line 1\)', result.stderr)


def test_large_output(java):
    result = java.ok('for (int i = 0; i < 50_000; i++) System.out.println("line " + i);')
    assert result.stdout == "".join(f"line {i}\n" for i in range(50_000))
    assert java.ok('System.out.print("x".repeat(3_000_000));').stdout == "x" * 3_000_000


def test_user_expressions_and_silence(java):
    result = java.ok("int given = 5; given", user_expressions={"good": "given * 2", "bad": "nothing", "none": "int q = 1;"})
    values = result.reply["user_expressions"]
    assert values["good"] == {"status": "ok", "data": {"text/plain": "10"}, "metadata": {}}
    assert values["bad"]["status"] == "error" and values["bad"]["ename"] == "CompileError"
    assert values["none"]["status"] == "error"
    assert java.ok("given", silent=True).data is None


def test_completion(java):
    java.ok('String greeting = "hi"; class Counter { int countUp() { return 1; } }')
    assert java.matches("greet") == (["greeting"], 0, 5)
    names, start, end = java.matches("greeting.toUpper")
    assert "toUpperCase(" in names and (start, end) == (9, 16)
    assert "sqrt(" in java.matches("double d = Math.sq")[0]
    assert "countUp()" in java.matches("new Counter().co")[0]
    assert java.matches('String emoji = "🎈"; greeting.isE')[1:] == (29, 32)
    assert "return" in java.matches("ret")[0] and "return" not in java.matches("greeting.ret")[0]
    assert "java.util" in "".join("java." + n for n in java.matches("import java.ut")[0])
    assert java.matches('"in a string greet') == ([], 13, 18)


def test_completion_of_what_the_cell_itself_declares(java):
    assert "add(" in java.matches("var made = new ArrayList<String>();\nmade.ad")[0]
    assert java.matches("void lo(int count) {\n    int counter = 1;\n    cou")[0] == ["count", "counter"]
    assert "word" in java.matches('List.of("a").stream().map(word -> wor')[0]
    assert java.matches("for (int index = 0; ind")[1:] == (20, 23)


def test_inspection(java):
    java.ok('int seen = 3;\n/** Doubles. */\nint doubled(int n) {\n    return 2 * n;\n}\nrecord Pt(int x) { }')
    assert java.inspect("seen + 1", 2) == "int seen = 3"
    assert "int doubled(int n)" in java.inspect("doubled(4)", 3)
    assert "return 2 * n" in java.inspect("doubled(4)", 8, detail_level=1)
    assert "record Pt(int x)" in java.inspect("new Pt(1)", 5)
    assert "String String.substring(int" in java.inspect('"abc".substring(1)', 10)
    assert "Math.max(int" in java.inspect("Math.max(1, ", 12)
    assert java.inspect("nothingLikeThis", 3) is None


@pytest.mark.parametrize("code, status", [
    ("1 + 1", "complete"), ("int a = 1", "complete"), ("if (true) {", "incomplete"), ("foo(", "incomplete"), ("/* open", "incomplete"),
    ("class A {\n}", "complete"), ("int 7x = ;;)", "invalid"), ("", "complete"),
])
def test_is_complete(java, code, status):
    assert java.whole(code) == status


def test_configure(another):
    assert another.e.request("configure", env={"COLOUR": "grün"}, cwd="/work/sub").reply["status"] == "ok"
    assert another.value('System.getenv("COLOUR") + System.getenv().get("COLOUR")') == '"grüngrün"'
    another.ok('Files.writeString(Path.of("here.txt"), "text"); new File("there.txt").createNewFile();')
    assert another.value('Path.of("x").toAbsolutePath() + " " + new File("y").getAbsolutePath()') == '"/work/sub/x /work/sub/y"'
    assert another.value('Files.exists(Path.of("/work/sub/here.txt")) && new File("/work/sub/there.txt").exists()') == "true"
    assert another.value('new String(new ProcessBuilder("sh", "-c", "echo $COLOUR; pwd").start().getInputStream().readAllBytes())') \
        == '"grün\\n/work/sub\\n"'


def test_unknown_requests_are_refused(java):
    assert java.e.request("dance").reply["status"] == "error"
    assert java.value("1") == "1"


def test_nothing_of_the_warm_up_is_seen(another):
    for name in ("square", "a", "P", "A", "numbers", "lambda"):
        assert another.fails(name)[0] == "CompileError"
    assert java_descriptors(another) == "nothing"


def java_descriptors(java):
    """The evaluator's pipes are its own: a child of the user's code has none of them."""
    out = java.ok('System.out.print(new String(new ProcessBuilder("sh", "-c", "ls -l /proc/self/fd | grep -c pipe").start().getInputStream().readAllBytes()));')
    return "nothing" if int(out.stdout.strip()) <= 3 else out.stdout
