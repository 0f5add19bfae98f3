"""Programs in the browser client: each has its own console, input and stop, in every language."""
import re

import pytest
from playwright.sync_api import expect

from support import languages

pytestmark = pytest.mark.kgw


def test_two_programs_have_their_own_input(work):
    source = "a = input('first? ')\nb = input('second? ')\nimport sys\nrest = sys.stdin.read()\nprint('NAME got', repr(a), repr(b), repr(rest))\n"
    work.upload({"one.py": source.replace("NAME", "one"), "two.py": source.replace("NAME", "two")})
    work.run("one.py")
    work.run("two.py")
    for path, word in (("one.py", "A"), ("two.py", "B")):
        work.show_console(path)
        expect(work.log(path)).to_contain_text("first?")
        work.type(path, word)
        expect(work.log(path)).to_contain_text("second?")
        work.type(path, "")  # a blank line is a line
        work.console(path).get_by_label(f"Input for {path}").press("Control+d")
    for path, word in (("one.py", "A"), ("two.py", "B")):
        work.show_console(path)
        expect(work.log(path)).to_contain_text(f"{path[:3]} got '{word}' '' ''")
        expect(work.badge(path)).to_have_text("exit 0")
        assert f"first? {word}\n" in work.text(path)


def test_the_one_that_was_started_first_is_stopped_and_the_other_goes_on(work):
    loop = "import time\nn = 0\nwhile True:\n    n += 1\n    print(n, flush=True)\n    time.sleep(0.05)\n"
    work.upload({"one.py": loop, "two.py": loop})
    work.run("one.py")
    work.run("two.py")
    work.stop("one.py")
    expect(work.badge("one.py")).to_have_text("stopped", timeout=2000)
    work.show_console("two.py")
    expect(work.badge("two.py")).to_have_text("running")
    before = int(work.log("two.py").inner_text().split()[-1])
    work.page.wait_for_timeout(300)
    assert int(work.log("two.py").inner_text().split()[-1]) > before
    work.page.keyboard.press("Shift+F5")  # the active file is two.py
    expect(work.badge("two.py")).to_have_text("stopped")


def test_ctrl_enter_runs_the_file_in_front_as_it_is_now(work):
    work.upload({"a.py": "print('old a')\n", "b.py": "print('old b')\n"})
    work.open_file("a.py")
    work.open_file("b.py")
    work.write("b.py", "print('new b')\n")
    work.page.keyboard.press("Control+Enter")
    expect(work.log("b.py")).to_contain_text("new b")
    assert not work.console("a.py").is_visible() and work.editor("b.py").inner_text().strip() == "print('new b')"
    expect(work.badge("b.py")).to_have_text("exit 0")


def test_interrupt_ends_a_program_as_ctrl_c_does(work):
    work.upload({"loop.py": "import time\ntry:\n    print('in')\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('caught it')\n"})
    work.run("loop.py")
    expect(work.log("loop.py")).to_contain_text("in")
    work.console("loop.py").get_by_label("Input for loop.py").press("Control+c")
    expect(work.log("loop.py")).to_contain_text("caught it")
    expect(work.badge("loop.py")).to_have_text("exit 0")


def test_how_a_program_ended_stands_in_words(work):
    work.upload({"three.py": "import sys\nsys.exit(3)\n", "big.py": "x = bytearray(500_000_000)\n", "sig.py": "import os\nos.kill(os.getpid(), 15)\n"})
    for path, words in (("three.py", "exit 3"), ("big.py", "killed: out of memory"), ("sig.py", "killed by signal 15")):
        work.run(path)
        expect(work.badge(path)).to_have_text(words)


def test_input_that_is_waited_for_survives_a_reload(work):
    work.upload({"ask.py": "print('hello', input('your name? '))\n"})
    work.run("ask.py")
    expect(work.log("ask.py")).to_contain_text("your name?")
    work.page.reload()
    expect(work.log("ask.py")).to_contain_text("your name?")
    work.type("ask.py", "Ada")
    expect(work.log("ask.py")).to_contain_text("hello Ada")


def test_what_is_secret_stands_nowhere(work):
    """Asked for by getpass, or hidden by the person for a program that knows no such thing."""
    work.upload({"secret.py": "import getpass\nn = input('name? ')\np = getpass.getpass('password? ')\nt = input('token? ')\nprint(n, len(p), len(t), 'are in')\ninput()\n"})
    work.run("secret.py")
    expect(work.log("secret.py")).to_contain_text("name?")
    work.type("secret.py", "Ada")
    expect(work.log("secret.py")).to_contain_text("password?")
    field = work.console("secret.py").get_by_label("Input for secret.py, hidden", exact=True)
    expect(field).to_have_attribute("type", "password")
    work.page.reload()  # it is known after that, too
    expect(field).to_have_attribute("type", "password")
    assert work.axe() == []
    field.press("ArrowUp")
    expect(field).to_have_value("")
    field.fill("hunter2")
    field.press("Enter")
    expect(work.log("secret.py")).to_contain_text("token?")
    field = work.console("secret.py").get_by_label("Input for secret.py", exact=True)
    expect(field).to_have_attribute("type", "text")
    hide = work.console("secret.py").get_by_role("button", name="Hide what is typed")
    hide.click()
    field = work.console("secret.py").get_by_label("Input for secret.py, hidden", exact=True)
    field.fill("swordfish")
    field.press("Enter")
    expect(work.log("secret.py")).to_contain_text("Ada 7 9 are in")
    hide.click()
    field = work.console("secret.py").get_by_label("Input for secret.py", exact=True)
    field.press("ArrowUp")
    expect(field).to_have_value("")  # what was typed before the reload is not known any more, and what was hidden never was
    text = work.text("secret.py")
    assert "••••••••" in text
    with work.page.expect_download() as download:
        work.console("secret.py").get_by_role("button", name="Save whole output").click()
    for place in (text, work.page.content(), open(download.value.path()).read()):
        assert "hunter2" not in place and "swordfish" not in place


def test_who_waits_sees_the_place_in_the_queue(ide, make_server):
    """One program of a session at a time here: the others wait, in order."""
    work = ide(make_server("--session-runs", "1").server)
    work.upload({"first.py": "input('go? ')\n", "second.py": "print('second')\n", "third.py": "print('third')\n"})
    work.run("first.py")
    expect(work.log("first.py")).to_contain_text("go?")
    work.run("second.py")
    expect(work.badge("second.py")).to_have_text("waiting: number 1 in the queue")
    work.run("third.py")
    expect(work.badge("third.py")).to_have_text("waiting: number 2 in the queue")
    work.stop("second.py")
    expect(work.badge("second.py")).to_have_text("stopped")
    work.show_console("third.py")
    expect(work.badge("third.py")).to_have_text("waiting: number 1 in the queue")
    work.type("first.py", "")
    work.show_console("third.py")
    expect(work.badge("third.py")).to_have_text("exit 0")
    expect(work.log("third.py")).to_contain_text("third")


def test_more_programs_than_a_browser_has_connections_all_run(work):
    names = [f"p{i}.py" for i in range(8)]
    work.upload({name: f"import time\ntime.sleep(1)\nprint('I am', {i})\nx = input()\nprint('heard', x)\n" for i, name in enumerate(names)})
    for name in names:
        work.run(name)
    for i, name in enumerate(names):
        work.show_console(name)
        expect(work.log(name)).to_contain_text(f"I am {i}")
        work.type(name, f"word {i}")
    for i, name in enumerate(names):
        work.show_console(name)
        expect(work.log(name)).to_contain_text(f"heard word {i}")
        expect(work.badge(name)).to_have_text("exit 0")


PROGRAMS = {
    "python": ({"main.py": "import other\nprint('from', other.NAME)\n", "other.py": "NAME = 'other'\n"}, "main.py", "from other"),
    "javascript": ({"main.js": "console.log('from', require('./other.js'))\n", "other.js": "module.exports = 'other'\n"}, "main.js", "from other"),
    "java": ({"Main.java": "public class Main { public static void main(String[] a) { System.out.println(\"from \" + Other.name()); } }\n",
              "Other.java": "class Other { static String name() { return \"other\"; } }\n"}, "Main.java", "from other"),
    "cpp": ({"main.cpp": '#include <iostream>\n#include "other.h"\nint main() { std::cout << "from " << other() << std::endl; }\n',
             "other.h": "#pragma once\nconst char *other();\n", "other.cpp": '#include "other.h"\nconst char *other() { return "other"; }\n'}, "main.cpp", "from other"),
    "sql": ({"main.sql": "SELECT CONCAT('from ', 'other') AS answer;\n"}, "main.sql", "from other"),
    "bash": ({"main.sh": 'for part in 1; do\n    source ./other.sh\n    echo "from $name"\ndone\n', "other.sh": "name=other\n"}, "main.sh", "from other"),
}
BROKEN = {"java": ("Main.java", "class Main {\n    public static void main(String[] a) {\n        int x = \"no number\";\n    }\n}\n"),
          "cpp": ("main.cpp", "int main()\n{\n    return nothing;\n}\n")}


@pytest.mark.parametrize("language", PROGRAMS)
def test_every_language_runs_from_the_tree(ide, make_server, language):
    if language not in languages.offered():
        pytest.skip(f"{language} is not set up")
    files, entry, expected = PROGRAMS[language]
    work = ide(make_server("--languages", language).server)
    work.upload(files)
    work.run(entry)
    expect(work.log(entry)).to_contain_text(expected, timeout=60_000)
    expect(work.badge(entry)).to_have_text("exit 0")
    colours = "e => new Set([...e.querySelectorAll('.cm-line span')].map(s => getComputedStyle(s).color)).size"
    assert work.editor(entry).evaluate(colours) >= 2, "its words are told apart"
    if language in BROKEN:
        entry, text = BROKEN[language]
        work.write(entry, text)
        work.page.keyboard.press("F5")
        expect(work.badge(entry)).to_have_text("compile error", timeout=60_000)
        work.log(entry).get_by_title(f"Open {entry}, line 3").first.click()
        expect(work.page.get_by_role("contentinfo")).to_contain_text("Ln 3")
        expect(work.editor(entry)).to_be_focused()
        expect(work.log(entry).locator(".text.err").first).to_be_visible()


def test_arguments_are_kept_and_given(work):
    work.upload({"args.py": "import sys\nprint(sys.argv[1:])\n"})
    work.open_file("args.py")
    work.page.keyboard.press("F1")
    work.page.get_by_role("combobox").fill("arguments")
    work.page.keyboard.press("Enter")
    work.page.get_by_label("Arguments").fill("one 'two three'")
    work.page.get_by_role("button", name="Save and run").click()
    expect(work.log("args.py")).to_contain_text("['one', 'two three']")
    work.page.reload()
    work.run("args.py")
    expect(work.log("args.py")).to_contain_text("['one', 'two three']")


def test_the_first_program_is_there_soon_and_nothing_comes_from_elsewhere(browser, server):
    page = browser.new_context().new_page()
    asked, said = [], []
    page.on("console", lambda m: said.append(f"{m.type}: {m.text}"))
    page.on("request", lambda r: asked.append(r.url))
    page.goto(f"{server.url}/?token={server.token}")
    page.get_by_role("textbox", name="Editor of main.py").wait_for()
    assert "token" not in page.url
    assert [u for u in asked if not u.startswith((server.url, "blob:", "data:"))] == []
    assert not [line for line in said if line.startswith("error")], said


def test_files_that_a_program_makes_come_into_the_tree(work):
    work.upload({"make.py": "import os\nprint(sorted(os.listdir()))\nopen('data.csv', 'a').write('2,new\\n')\nos.makedirs('out', exist_ok=True)\n"
                            "open('out/made.txt', 'w').write('made')\nos.remove('old.txt')\n",
                 "data.csv": "1,old\n", "old.txt": "x"})
    work.run("make.py")
    expect(work.badge("make.py")).to_have_text("exit 0")
    expect(work.log("make.py")).to_contain_text("files written: data.csv, out/made.txt")
    expect(work.entry("old.txt")).to_have_count(0)
    work.open_file("data.csv")
    expect(work.editor("data.csv")).to_contain_text("2,new")
    work.entry("data.csv").click()
    work.page.keyboard.press("Delete")
    work.page.get_by_role("button", name="Delete", exact=True).click()
    expect(work.entry("data.csv")).to_have_count(0)
    work.page.reload()
    expect(work.entry("make.py")).to_be_visible()
    expect(work.entry("data.csv")).to_have_count(0)  # the end of a run that is heard again brings nothing back
    work.upload({"look.py": "import os\nprint(sorted(os.listdir()))\n"})
    work.run("look.py")
    expect(work.log("look.py")).to_contain_text("['look.py', 'main.py', 'make.py', 'out']")
