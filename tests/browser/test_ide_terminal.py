"""What consoles show beside lines: pictures of plain programs, and terminals."""
import re

import pytest
from playwright.sync_api import expect

from support.ide import open_ide

pytestmark = [pytest.mark.kgw, pytest.mark.oci]


@pytest.fixture(scope="module")
def work(made, browser):
    it = open_ide(browser, made.server)
    yield it
    it.close()


FIGURE = """
import matplotlib.pyplot as plt
from kernelgw_display import send
print("first")
plt.plot([1, 3, 2])
plt.show()
print("second")
send({"text/html": "<h1 id='hello'>Hello</h1><script>document.title = 'ran'; try { parent.document.title = 'broken into' } catch (e) {}</script>",
      "text/plain": "a heading"}, display_id="h")
input("go on? ")
send({"text/html": "<h1>Changed</h1>"}, display_id="h", update=True)
"""


def test_a_figure_of_a_plain_program(work):
    work.upload({"figure.py": FIGURE})
    work.run("figure.py")
    figures = work.shown("figure.py").locator("figure")
    expect(figures).to_have_count(2)
    picture = figures.nth(0).frame_locator("iframe").locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("e => e.naturalWidth") > 100, "it has been drawn"
    assert figures.nth(0).locator("iframe").bounding_box()["height"] > 100, "the frame is as high as what it shows"
    heading = figures.nth(1).frame_locator("iframe").get_by_role("heading")
    expect(heading).to_have_text("Hello")
    frame = figures.nth(1).locator("iframe")
    assert frame.get_attribute("sandbox") == "allow-scripts"
    assert "broken into" not in work.page.title()
    lines = work.text("figure.py")
    assert lines.index("first") < lines.index("1: shown below") < lines.index("second") < lines.index("2: shown below")
    work.type("figure.py", "")
    expect(heading).to_have_text("Changed")
    expect(work.badge("figure.py")).to_have_text("exit 0")
    figures.nth(0).get_by_role("button", name="Close figure 1").click()
    expect(figures).to_have_count(1)


def test_figures_are_there_after_a_reload_and_gone_with_the_next_run(work):
    work.upload({"again.py": "import matplotlib.pyplot as plt, os\nif not os.path.exists('/work/no'):\n    plt.plot([1])\n    plt.show()\ninput()"})
    work.run("again.py")
    figures = work.shown("again.py").locator("figure")
    expect(figures).to_have_count(1)
    work.page.reload()
    work.show_console("again.py")
    expect(figures).to_have_count(1)
    work.stop("again.py")
    work.page.get_by_role("region", name="Console of again.py", exact=True).get_by_role("button", name="Run", exact=True).click()
    expect(figures).to_have_count(1)
    work.stop("again.py")


def rows(work, path):
    return work.console(path).locator(".xterm-rows")


CURSES = """
import curses
def main(screen):
    while True:
        rows, cols = screen.getmaxyx()
        screen.erase()
        screen.addstr(0, 0, f'size {rows}x{cols}')
        screen.refresh()
        key = screen.getch()
        if key == ord('q'):
            return
        screen.addstr(1, 0, f'key {key}')
curses.wrapper(main)
print('left')
"""


def test_a_program_that_draws_on_its_terminal(work):
    work.upload({"draw.py": CURSES})
    screen = work.in_a_terminal("draw.py")
    text = rows(work, "draw.py")
    expect(text).to_contain_text(re.compile(r"size \d+x\d+"))
    before = re.search(r"size (\d+)x(\d+)", text.inner_text()).groups()
    assert int(before[1]) > 40, "as wide as its console, not as the first guess"
    work.page.set_viewport_size({"width": 1100, "height": 700})
    expect(text).not_to_contain_text(f"size {before[0]}x{before[1]}")
    work.page.set_viewport_size({"width": 1440, "height": 900})
    screen.click()
    work.page.keyboard.type("q")
    expect(text).to_contain_text("left")
    expect(work.badge("draw.py")).to_have_text("exit 0")


def test_an_interpreter_by_keyboard_alone(work):
    work.upload({"talk.py": "import code, readline\ncode.interact(banner='ready', exitmsg='bye')"})
    work.in_a_terminal("talk.py")
    text = rows(work, "talk.py")
    expect(text).to_contain_text(">>>")
    keyboard = work.page.keyboard
    keyboard.type("6 *")  # the terminal has the keyboard as soon as it is there
    keyboard.press("Backspace")
    keyboard.type("* 7")
    keyboard.press("Enter")
    expect(text).to_contain_text("42")
    keyboard.type("import time; time.sleep(99)")
    keyboard.press("Enter")
    keyboard.press("Control+c")
    expect(text).to_contain_text("KeyboardInterrupt")
    keyboard.type("'a' + 'b'")
    keyboard.press("Control+a")  # a key of the program's, not the page's
    keyboard.type("'0' + ")
    keyboard.press("Enter")
    expect(text).to_contain_text("'0ab'")
    keyboard.press("Shift+Escape")
    expect(work.console("talk.py").get_by_role("button", name="Stop", exact=True)).to_be_focused()
    keyboard.press("Enter")
    expect(work.badge("talk.py")).to_have_text("stopped")


def test_a_terminal_after_a_reload(work):
    work.upload({"stay.py": "print('here it is')\nwhile True: print('got', input('? '))"})
    screen = work.in_a_terminal("stay.py")
    text = rows(work, "stay.py")
    expect(text).to_contain_text("here it is")
    work.page.reload()
    work.show_console("stay.py")
    expect(text).to_contain_text("here it is")
    screen.click()
    work.page.keyboard.type("more")
    work.page.keyboard.press("Enter")
    expect(text).to_contain_text("got more")
    assert work.axe() == []
    work.stop("stay.py")


def test_xterm_is_not_loaded_before_it_is_wanted(made, browser):
    it = open_ide(browser, made.server)
    try:
        loaded = it.page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
        assert not [name for name in loaded if "Terminal" in name], loaded
    finally:
        it.close()


def test_a_terminal_is_searched(work):
    work.upload({"many.py": "for i in range(400): print('needle' if i % 100 == 50 else 'hay', i)\nwhile True: print('got', repr(input('? ')))"})
    work.in_a_terminal("many.py")
    expect(rows(work, "many.py")).to_contain_text("hay 399")
    work.page.keyboard.press("Control+Shift+f")
    field = work.console("many.py").get_by_label("Find in output")
    expect(field).to_be_focused()
    work.page.keyboard.type("needle")
    found = work.console("many.py").locator(".found")
    expect(found).to_have_text(re.compile(r"[1-4] of 4"))
    seen = set()
    for _ in range(4):
        before = found.inner_text()
        field.press("Enter")
        expect(found).not_to_have_text(before)
        at = int(found.inner_text().split()[0])
        expect(rows(work, "many.py")).to_contain_text(f"needle {100 * at - 50}")
        seen.add(at)
    assert seen == {1, 2, 3, 4}
    field.fill("no such thing")
    expect(found).to_have_text("no match")
    field.press("Escape")
    expect(field).to_be_hidden()
    work.page.keyboard.type("typed")  # the program has the keyboard again, and has had nothing of all that
    work.page.keyboard.press("Enter")
    expect(rows(work, "many.py")).to_contain_text("got 'typed'")
    work.stop("many.py")


def test_a_terminal_on_a_phone(made, browser):
    """It fits, and has the keys that a phone's keyboard lacks."""
    it = open_ide(browser, made.server, 390, 844)
    page = it.page
    page.get_by_role("navigation").get_by_role("button", name="Files").click()
    it.upload({"keys.py": "import curses\ndef main(screen):\n    while True:\n        key = screen.getch()\n        screen.addstr(0, 0, f'key {key} of {screen.getmaxyx()[1]} columns   ')\n"
                          "        screen.refresh()\n        if key == 4: return\ncurses.set_escdelay(10)\ncurses.wrapper(main)\nprint('left')\n"})
    page.get_by_role("button", name="Main menu").click()
    menu = page.get_by_role("menu")
    assert menu.evaluate("e => e.getBoundingClientRect().right <= innerWidth && e.scrollWidth <= e.clientWidth")
    menu.get_by_role("menuitem", name="Run configurations").click()
    dialog = page.get_by_role("dialog", name="Run configurations")
    dialog.get_by_role("checkbox", name="In a terminal").check()
    dialog.get_by_role("button", name="Save and run").click()
    text = rows(it, "keys.py")
    keys = it.console("keys.py").get_by_role("toolbar", name="Keys of the terminal")
    for name, code in (("Up", 259), ("Left", 260), ("Tab", 9), ("Esc", 27)):
        keys.get_by_role("button", name=name, exact=True).click()
        expect(text).to_contain_text(re.compile(rf"key {code} of \d\d columns"))
    assert it.sideways() == [0, 0, 0]
    assert it.axe() == []
    keys.get_by_role("button", name="Control D").click()
    expect(text).to_contain_text("left")
    expect(keys).to_be_hidden()
    it.close()
