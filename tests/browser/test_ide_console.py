"""The tools of a console: colours, bars that redraw themselves, links, search, selection, clearing, standing still."""
import re

import pytest
from playwright.sync_api import expect

from support.ide import open_ide

pytestmark = pytest.mark.kgw


@pytest.fixture(scope="module")
def work(made, browser):
    """One page for all: each test has a file of its own."""
    it = open_ide(browser, made.server)
    yield it
    it.close()


SHOW = r"""
import sys, time
print("\x1b[31mred\x1b[0m \x1b[38;5;208morange\x1b[0m \x1b[38;2;1;2;3mtrue\x1b[0m \x1b[1mbold\x1b[0m")
for i in range(11):
    print(f"\r{10 * i:3}% " + "#" * i, end="", flush=True)
    time.sleep(0.01)
print()
print("see https://site.example/page?x=1 for more")
print("oops", file=sys.stderr)
print("<b>not html</b> & <script>window.pwned = 1</script>")

def fail():
    raise ValueError("on purpose")
fail()
"""


def test_colours_bars_links_and_places(work):
    work.upload({"show.py": SHOW})
    work.run("show.py")
    expect(work.badge("show.py")).to_have_text("exit 1")
    log = work.log("show.py")
    red, orange, true = (log.get_by_text(word, exact=True) for word in ("red", "orange", "true"))
    assert red.evaluate("e => e.style.color") == "var(--ansi-1)"
    assert orange.evaluate("e => getComputedStyle(e).color") == "rgb(255, 135, 0)"
    assert true.evaluate("e => getComputedStyle(e).color") == "rgb(1, 2, 3)"
    lines = work.text("show.py").splitlines()
    assert [line for line in lines if "%" in line] == ["100% " + "#" * 10]
    assert "<b>not html</b> & <script>window.pwned = 1</script>" in lines
    assert work.page.evaluate("window.pwned") is None
    link = log.get_by_role("link", name="https://site.example/page?x=1")
    assert link.get_attribute("target") == "_blank" and "noopener" in link.get_attribute("rel")
    expect(log.locator(".text.err", has_text="oops")).to_be_visible()
    log.press("End")
    log.get_by_title("Open show.py, line 14").first.click()
    expect(work.page.get_by_role("contentinfo")).to_contain_text("Ln 14")
    expect(work.editor("show.py")).to_be_focused()


def test_search_finds_and_steps_through_ten_thousand_lines(work):
    work.settings("Lines kept in a console", "20000")
    work.upload({"many.py": "for i in range(10_000):\n    print(i, 'needle' if i % 700 == 350 else 'hay')\n"})
    work.run("many.py")
    expect(work.badge("many.py")).to_have_text("exit 0")
    log = work.log("many.py")
    log.press("Control+f")
    field = work.console("many.py").get_by_label("Find in output")
    field.fill("needle")
    found = work.console("many.py").locator(".found")
    expect(found).to_have_text("1 of 14")
    expect(log.locator(".match.current")).to_have_text("needle")
    field.press("Enter")
    expect(found).to_have_text("2 of 14")
    expect(log.locator(".row", has=work.page.locator(".match.current"))).to_have_text("1050 needle")
    field.press("Shift+Enter")
    field.press("Shift+Enter")
    expect(found).to_have_text("14 of 14")
    expect(log.locator(".row", has=work.page.locator(".match.current"))).to_have_text("9450 needle")
    work.console("many.py").get_by_role("button", name="Regular expression").click()
    field.fill("^99[0-9]{2} ")
    expect(found).to_have_text("1 of 100")
    field.fill("(")
    expect(found).to_contain_text(re.compile("unterminated|invalid", re.I))
    field.press("Escape")
    expect(field).to_be_hidden()
    assert log.locator(".row").count() < 100


def test_a_selection_over_rows_out_of_sight_is_copied_exactly(work):
    log = work.show_console("many.py").get_by_role("log")
    log.press("Home")
    first = log.locator("[data-index='2'] .text")
    expect(first).to_be_visible()
    box = first.bounding_box()
    work.page.mouse.move(box["x"] + 1, box["y"] + 8)
    work.page.mouse.down()
    for _ in range(40):
        work.page.mouse.wheel(0, 400)
    work.page.wait_for_timeout(300)
    row = log.locator(".row").nth(5)
    expect(row).to_be_visible()
    end = row.bounding_box()
    work.page.mouse.move(end["x"] + 400, end["y"] + 5, steps=3)
    work.page.mouse.up()
    work.page.keyboard.press("Control+c")
    lines = work.page.evaluate("navigator.clipboard.readText()").splitlines()
    assert len(lines) > 500
    assert lines == [f"{i} {'needle' if i % 700 == 350 else 'hay'}" for i in range(2, 2 + len(lines))]
    box = first.bounding_box() if first.count() else log.locator(".row .text").nth(8).bounding_box()
    work.page.mouse.dblclick(box["x"] + 2, box["y"] + 8)
    work.page.keyboard.press("Control+c")
    assert re.fullmatch(r"\d+", work.page.evaluate("navigator.clipboard.readText()"))


def test_scrolling_up_stands_still_and_end_follows_again(work):
    work.upload({"slow.py": "import time\nfor i in range(400):\n    print('line', i, flush=True)\n    time.sleep(0.02 if i > 100 else 0)\n"})
    work.run("slow.py")
    log = work.log("slow.py")
    expect(log).to_contain_text(re.compile(r"line [123]\d\d"))  # some line that is in sight, whichever
    log.hover()
    work.page.mouse.wheel(0, -600)
    pill = work.console("slow.py").get_by_role("button", name=re.compile("new line"))
    expect(pill).to_contain_text(re.compile(r"[1-9]\d* new lines"))
    seen = log.inner_text()
    work.page.wait_for_timeout(500)
    assert log.inner_text() == seen
    log.press("End")
    expect(pill).to_be_hidden()
    expect(log).to_contain_text("line 399", timeout=20_000)
    expect(log.locator(".text.note").last).to_be_visible()


def test_wrap_times_clear_copy_and_save(work):
    work.upload({"wide.py": "print('x' * 3000)\nprint('y')\n"})
    work.run("wide.py")
    expect(work.badge("wide.py")).to_have_text("exit 0")
    console, log = work.console("wide.py"), work.log("wide.py")
    width = "e => e.scrollWidth - e.clientWidth"
    assert log.evaluate(width) == 0
    console.get_by_role("button", name="Wrap long lines").click()
    expect(log.locator(".row").first).to_be_visible()
    assert log.evaluate(width) > 1000
    console.get_by_role("button", name="Wrap long lines").click()
    console.get_by_role("button", name="Show times").click()
    expect(log.locator(".time").first).to_have_text(re.compile(r"\d\d:\d\d:\d\d\.\d{3}"))
    assert work.text("wide.py").startswith("xxx"), "times are no part of what is copied"
    console.get_by_role("button", name="Show times").click()
    console.get_by_role("button", name="Copy all").click()
    expect(work.page.get_by_text("3 lines copied", exact=True).last).to_be_attached()
    assert work.page.evaluate("navigator.clipboard.readText()").splitlines()[:2] == ["x" * 3000, "y"]
    with work.page.expect_download() as download:
        console.get_by_role("button", name="Save whole output").click()
    assert download.value.suggested_filename == "wide.py.log"
    assert open(download.value.path()).read() == "x" * 3000 + "\ny\n"
    log.press("Control+l")
    expect(log).to_contain_text("No output yet")


def test_the_oldest_lines_go_and_a_marker_says_how_many(work):
    work.settings("Lines kept in a console", "100")
    work.run("many.py")
    expect(work.badge("many.py")).to_have_text("exit 0")
    expect(work.console("many.py").locator(".dropped")).to_contain_text("9,901 earlier lines are not shown")
    expect(work.console("many.py").locator(".usage")).to_have_text("100 / 100 lines")
    with work.page.expect_download() as download:
        work.console("many.py").get_by_role("button", name="Save whole output").click()
    assert open(download.value.path()).read().count("\n") == 10_000
    work.settings("Lines kept in a console", "2000")


def test_the_input_line_has_a_history_and_takes_pasted_lines(work):
    work.upload({"echo.py": "while True:\n    print('got', repr(input()))\n"})
    work.run("echo.py")
    field = work.console("echo.py").get_by_label("Input for echo.py")
    for word in ("one", "two"):
        work.type("echo.py", word)
    expect(work.log("echo.py")).to_contain_text("got 'two'")
    field.press("ArrowUp")
    expect(field).to_have_value("two")
    field.press("ArrowUp")
    expect(field).to_have_value("one")
    field.press("ArrowDown")
    field.press("ArrowDown")
    expect(field).to_have_value("")
    work.page.evaluate("navigator.clipboard.writeText('p1\\np2\\nrest')")
    field.press("Control+v")
    expect(work.log("echo.py")).to_contain_text("got 'p2'")
    expect(field).to_have_value("rest")
    work.stop("echo.py")
    expect(field).to_be_hidden()


def test_clicking_into_a_console_never_moves_the_page(work):
    work.log("echo.py").click()
    assert work.sideways() == [0, 0, 0]
