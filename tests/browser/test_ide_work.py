"""The workspace: files in all the ways they come and go, tabs and splits, a second tab; keyboard alone; axe; a phone."""
import io
import json
import re
import zipfile

import pytest
from playwright.sync_api import expect

from support.ide import Ide

pytestmark = pytest.mark.kgw


def zipped(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def answer(work, label, text, button):
    work.page.get_by_label(label).fill(text)
    work.page.get_by_role("dialog").get_by_role("button", name=button, exact=True).click()
    expect(work.page.get_by_role("dialog")).to_be_hidden()


def test_files_come_move_and_go(work):
    page = work.page
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload files or a zip").click()
    chooser.value.set_files([{"name": "all.zip", "mimeType": "application/zip", "buffer": zipped({"src/a.py": "A = 1\n", "src/deep/b.py": "B = 2\n"})}])
    expect(work.entry("src/deep/b.py")).to_be_visible()
    page.get_by_role("button", name="New folder", exact=True).click()
    answer(work, "Name or path of the folder", "lib", "New folder")
    page.get_by_role("button", name="New file", exact=True).click()
    field = page.get_by_label("Name or path of the file")
    field.fill("src/a.py")
    expect(page.get_by_text("There is a src/a.py already.")).to_be_visible()
    field.fill("../x.py")
    expect(page.get_by_role("dialog").get_by_role("button", name="New file")).to_be_disabled()
    answer(work, "Name or path of the file", "lib/new.py", "New file")
    expect(work.editor("lib/new.py")).to_be_focused()
    page.keyboard.insert_text("print('kept')")

    work.entry("src/a.py").drag_to(work.entry("lib"))
    expect(work.entry("lib/a.py")).to_be_visible()
    work.entry("src").drag_to(work.entry("src/deep"))
    expect(page.get_by_text("A folder can't be moved into itself.").first).to_be_attached()
    work.entry("lib/a.py").focus()
    page.keyboard.press("F2")
    answer(work, "New name or path", "lib/renamed.py", "Rename")
    expect(work.entry("lib/renamed.py")).to_be_focused()
    work.entry("src").focus()
    page.keyboard.press("Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The folder and the 1 file in it are gone for good.")
    dialog.get_by_role("button", name="Cancel").click()
    expect(work.entry("src/deep/b.py")).to_be_visible()
    expect(work.entry("src")).to_be_focused()  # a dialog gives the keyboard back
    page.keyboard.press("Delete")
    dialog.get_by_role("button", name="Delete").click()
    expect(work.entry("src")).to_have_count(0)

    with page.expect_download() as download:
        page.get_by_role("button", name="Download all as zip").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert {n: archive.read(n) for n in archive.namelist()}.keys() == {"main.py", "lib/new.py", "lib/renamed.py"}
        assert archive.read("lib/new.py") == b"print('kept')"
    page.reload()
    expect(work.entry("lib/renamed.py")).to_be_visible()
    expect(work.editor("lib/new.py")).to_contain_text("print('kept')")


def test_a_shared_workspace_file_brings_its_files(work, server, tmp_path):
    work.upload({"shared.py": "print('shared')\n", "logo.bin": b"\x00\x01\xff"})
    work.page.get_by_role("button", name="Main menu").click()
    with work.page.expect_download() as download:
        work.page.get_by_role("menuitem", name="Share workspace by a file").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert {f["path"] for f in json.loads(path.read_text())["files"]} == {"main.py", "shared.py", "logo.bin"}
    other = Ide(work.page.context.new_page(), server).open()  # with a workspace of its own
    with other.page.expect_file_chooser() as chooser:
        other.page.get_by_role("button", name="Upload files or a zip").click()
    chooser.value.set_files(path)
    expect(other.entry("logo.bin")).to_be_visible()
    other.run("shared.py")
    expect(other.log("shared.py")).to_contain_text("shared")


def test_a_second_tab_does_not_disturb_the_first(work, server):
    work.write("main.py", "print('mine')\n")
    expect(work.page.get_by_role("contentinfo")).to_contain_text("saved")
    second = Ide(work.page.context.new_page(), server).open()
    expect(second.page.get_by_text(re.compile('"Workspace 1" is open in another tab')).last).to_be_attached()
    expect(second.entry("main.py")).to_have_count(0)
    second.page.get_by_role("button", name="Copy its files").click()
    second.run("main.py")
    expect(second.log("main.py")).to_contain_text("mine")
    second.write("main.py", "print('theirs')\n")
    second.page.keyboard.press("Control+s")
    second.page.wait_for_timeout(500)
    second.page.reload()
    expect(second.editor("main.py")).to_contain_text("theirs")
    work.page.reload()
    expect(work.editor("main.py")).to_contain_text("print('mine')")
    assert not work.console("main.py").is_visible(), "the second tab's run came to the first"
    second.page.close()
    assert second.errors == []


def test_an_editor_is_split_off_by_dragging_and_stays_so(work):
    work.upload({"left.py": "l = 1\n", "right.py": "r = 2\n"})
    work.open_file("left.py")
    work.open_file("right.py")
    box = work.page.locator(".dock").bounding_box()
    work.tab("right.py").drag_to(work.page.locator(".dock"), target_position={"x": box["width"] - 30, "y": box["height"] / 2})
    expect(work.editor("left.py")).to_be_visible()
    expect(work.editor("right.py")).to_be_visible()
    work.page.wait_for_timeout(500)
    work.page.reload()
    expect(work.editor("left.py")).to_be_visible()
    expect(work.editor("right.py")).to_be_visible()


def test_previews_of_what_is_no_program(work):
    png = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000"
                        "1f15c4890000000d49444154789c63f8cfc0f01f0005000201a5f645400000000049454e44ae426082")
    work.upload({"dot.png": png})
    expect(work.page.get_by_role("img", name="dot.png")).to_be_visible()
    assert work.page.get_by_role("img", name="dot.png").evaluate("e => e.naturalWidth") == 1
    for name, text, look in (
        ("t.csv", 'name,mark\n"Ada, L.",1\n', lambda: expect(work.page.get_by_role("cell", name="Ada, L.")).to_be_visible()),
        ("r.md", "# Title\n\n<script>window.pwned = 1</script>\n\n- [x] done\n", lambda: expect(work.page.get_by_role("heading", name="Title")).to_be_visible()),
        ("p.html", "<h1 id=h>Page</h1><script>try { top.pwned = 1 } catch {} h.textContent = 'ran as ' + origin + ' ' + (() => { try { return document.cookie || 'none' } catch { return 'denied' } })()</script>",
         lambda: expect(work.page.frame_locator("iframe").get_by_role("heading")).to_have_text("ran as null denied")),
    ):
        work.upload({name: text})
        work.page.get_by_role("button", name="Preview").click()
        look()
        assert work.page.evaluate("window.pwned") is None


def test_an_example_runs_as_it_is(work):
    work.page.keyboard.press("F1")
    work.page.get_by_role("combobox").fill("examples")
    work.page.keyboard.press("Enter")
    work.page.get_by_role("button", name="Add Several files and data").click()
    expect(work.editor("marks/main.py")).to_be_visible()
    work.page.get_by_role("button", name="Run", exact=True).first.click()
    expect(work.log("marks/main.py")).to_contain_text("maths    mean 93.2")


def test_everything_is_done_without_a_mouse(work):
    page = work.page
    page.keyboard.press("Alt+n")
    expect(page.get_by_label("Name or path of the file")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("keys.py")
    page.keyboard.press("Enter")
    expect(work.editor("keys.py")).to_be_focused()
    page.keyboard.insert_text("name = input('who? ')\nprint('hello', name)\nimport time\ntime.sleep(60)\n")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(work.editor("keys.py")).not_to_be_focused()
    page.keyboard.press("Control+1")
    expect(work.editor("keys.py")).to_be_focused()
    page.keyboard.press("F5")
    expect(work.log("keys.py")).to_contain_text("who?")
    page.keyboard.press("Control+`")
    expect(work.console("keys.py").get_by_label("Input for keys.py")).to_be_focused()
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    expect(work.log("keys.py")).to_contain_text("hello Ada")
    page.keyboard.press("Shift+F5")
    expect(work.badge("keys.py")).to_have_text("stopped")
    tabs = page.get_by_role("tablist").first
    work.tab("keys.py").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(tabs.get_by_role("tab", name="main.py")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Control+1")
    page.keyboard.press("Alt+w")
    expect(tabs.get_by_role("tab", name="main.py")).to_have_count(0)
    page.keyboard.press("Control+0")
    expect(page.locator('[role="treeitem"]:focus')).to_have_count(1)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(work.editor("main.py")).to_be_focused()
    page.keyboard.press("Control+Shift+h")
    expect(page.get_by_role("dialog")).to_contain_text("Run the active file")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def use_theme(work, name):
    work.page.keyboard.press("F1")
    work.page.get_by_role("combobox").fill(f"theme: {name}")
    work.page.keyboard.press("Enter")
    expect(work.page.locator("html")).to_have_attribute("data-theme", {"High contrast": "contrast"}.get(name, name.lower()))


COLOURS = "import sys\nfor c in [*range(30, 38), *range(90, 98)]:\n    print(f'\\x1b[{c}mcolour {c}\\x1b[0m')\nprint('err', file=sys.stderr)\nprint('https://a.example')\nx = input('? ')\n"


@pytest.mark.parametrize("size", ((1440, 900), (390, 844)), ids=("wide", "phone"))
def test_axe_finds_nothing_serious(ide, server, size):
    work = ide(server, *size)
    narrow = size[0] < 768
    if narrow:
        work.page.get_by_role("navigation").get_by_role("button", name="Files").click()
    work.upload({"colours.py": COLOURS, "readme.md": "# Hello\n"})
    work.run("colours.py")
    expect(work.log("colours.py")).to_contain_text("colour 97")
    for theme in ("Light", "Dark", "High contrast"):
        use_theme(work, theme)
        assert work.axe() == [], theme
        if narrow:
            for view in ("Files", "Editor", "Console"):
                work.page.get_by_role("navigation").get_by_role("button", name=view).click()
                assert work.axe() == [], (theme, view)
    for keys in ("Control+,", "Control+Shift+h", "F1"):
        work.page.keyboard.press(keys)
        expect(work.page.get_by_role("dialog")).to_be_visible()
        assert work.axe() == [], keys
        work.page.keyboard.press("Escape")
        expect(work.page.get_by_role("dialog")).to_be_hidden()


def test_a_phone_shows_one_thing_at_a_time(ide, server):
    work = ide(server, 390, 844)
    views = work.page.get_by_role("navigation")
    views.get_by_role("button", name="Files").click()
    work.upload({"ask.py": "print('hello', input('who? '))\n"})
    expect(work.editor("ask.py")).to_be_visible()
    work.page.get_by_role("button", name="Run", exact=True).first.click()
    expect(work.log("ask.py")).to_contain_text("who?")
    work.type("ask.py", "Ada")
    expect(work.log("ask.py")).to_contain_text("hello Ada")
    assert work.sideways() == [0, 0, 0]
    work.page.get_by_role("button", name="Network of this session", exact=True).click()
    expect(work.page.get_by_role("button", name="Run again").first).to_be_in_viewport(ratio=1)
    for view in ("Files", "Editor", "Console"):
        views.get_by_role("button", name=view).click()
        assert work.sideways() == [0, 0, 0], view
    work.page.reload()
    views.get_by_role("button", name="Console").click()
    expect(work.log("ask.py")).to_contain_text("hello Ada")


def test_a_wrong_token_lets_nobody_in_and_the_right_one_does(browser, server):
    page = browser.new_context().new_page()
    page.goto(f"{server.url}/")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The server does not know this token.")
    page.get_by_label("Token").fill(server.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("tree")).to_be_attached()
    assert server.token not in page.url
    page.goto(f"{server.url}/t/{server.token}/")
    expect(page.get_by_role("tree")).to_be_attached()
