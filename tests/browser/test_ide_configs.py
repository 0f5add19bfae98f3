"""How a program is run: by itself, or by a configuration that has a name and a file of its own."""
import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.kgw

TELL = "import os, sys\nprint('FILE', sys.argv[1:], os.environ.get('MODE'), flush=True)\n"


def dialog_of(work):
    work.page.keyboard.press("F1")
    work.page.keyboard.type("run configurations")
    work.page.keyboard.press("Enter")
    dialog = work.page.get_by_role("dialog", name="Run configurations")
    expect(dialog).to_be_visible()
    return dialog


def make(work, **fields):
    dialog = dialog_of(work)
    dialog.get_by_role("button", name="New").click()
    dialog.get_by_label("Program").select_option(fields.pop("Program"))
    for label, value in fields.items():
        dialog.get_by_label(label.replace("_", " "), exact=False).fill(value)
    return dialog


def test_a_configuration_pins_its_file_and_says_how_it_is_run(work):
    work.upload({"main.py": TELL.replace("FILE", "main"), "other.py": TELL.replace("FILE", "other")})
    work.open_file("other.py")
    dialog = make(work, Program="main.py", Name="two words", Arguments='one "two three"', Environment_variables="MODE=fast\n# a note\n")
    assert work.axe() == []
    dialog.get_by_role("button", name="Save and run").click()
    expect(work.log("main.py")).to_contain_text("main ['one', 'two three'] fast")
    expect(work.badge("main.py")).to_have_text("exit 0")
    # the other file is in front, and F5 means the configuration, after a reload, too
    expect(work.editor("other.py")).to_be_visible()
    work.page.reload()
    expect(work.page.get_by_role("button", name="What Run means: two words")).to_be_visible()
    work.log("main.py").press("Control+l")
    work.editor("other.py").click()
    work.page.keyboard.press("F5")
    expect(work.log("main.py")).to_contain_text("main ['one', 'two three'] fast")
    assert not work.console("other.py").is_visible()
    # by keyboard alone back to the file in front
    work.page.get_by_role("button", name="What Run means: two words").press("Enter")
    work.page.get_by_role("menuitemradio", name="The active file: other.py").press("Enter")
    work.editor("other.py").click()
    work.page.keyboard.press("F5")
    expect(work.log("other.py")).to_contain_text("other [] None")
    # and out of the palette
    work.page.keyboard.press("F1")
    work.page.keyboard.type("configuration two words")
    work.page.keyboard.press("Enter")
    work.show_console("main.py")
    expect(work.page.get_by_role("button", name="What Run means: two words")).to_be_visible()
    dialog = dialog_of(work)
    dialog.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(work.page.get_by_role("button", name=re.compile("What Run means: other.py"))).to_be_visible()


def test_a_program_has_the_time_that_its_configuration_gives(work):
    work.upload({"long.py": "import time\nprint('begun', flush=True)\ntime.sleep(60)\n"})
    work.open_file("long.py")
    dialog = dialog_of(work)
    dialog.get_by_label("Time limit, in seconds").fill("1")
    dialog.get_by_role("button", name="Save and run").click()
    expect(work.badge("long.py")).to_have_text("time limit 1 s")


def test_a_configuration_that_cannot_be_is_not_kept(work):
    work.upload({"main.py": TELL})
    work.open_file("main.py")
    dialog = make(work, Program="main.py", Environment_variables="MODE fast")
    expect(dialog.get_by_role("status")).to_have_text('"MODE fast" is not NAME=value.')
    expect(dialog.get_by_role("button", name="Save and run")).to_be_disabled()
    dialog.get_by_label("Environment variables").fill("MODE=fast")
    dialog.get_by_label("Name").fill(" ")
    expect(dialog.get_by_role("status")).to_have_text("A configuration needs a name.")
    dialog.get_by_label("Name").fill("fine")
    dialog.get_by_label("Time limit, in seconds").fill("86400")
    dialog.get_by_role("button", name="Save and run").click()
    expect(work.log("main.py")).to_contain_text(re.compile("Could not start: .*wall_s"))  # in the server's words
