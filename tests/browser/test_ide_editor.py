"""Writing in the browser client: completion and hover out of a kernel, formatting."""
import re

import pytest
from playwright.sync_api import expect

from support import procs

pytestmark = pytest.mark.kgw


def test_a_kernel_completes_and_explains(work, server):
    page = work.page
    before = {k["id"] for k in server.get("/api/kernels").json()}
    work.upload({"help.py": "from math import sqrt\n\n\ndef double(number):\n    return 2 * number\n\n\nprint(sqrt(4))\n"})
    work.open_file("help.py")
    work.command("completion and hover")
    expect(page.get_by_role("contentinfo")).to_contain_text("help: kernel")
    mine = {k["id"] for k in server.get("/api/kernels").json()} - before
    assert len(mine) == 1
    work.editor("help.py").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("import textwrap\ntextwrap.dede")
    offered = page.locator(".cm-tooltip-autocomplete")
    expect(offered.get_by_role("option", name=re.compile("^dedent"))).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.keyboard.type("dou")
    page.keyboard.press("Control+Space")
    expect(offered.get_by_role("option", name=re.compile("^double"))).to_be_visible()
    page.wait_for_timeout(100)  # a list that has just come takes no key yet
    page.keyboard.press("Enter")
    expect(work.editor("help.py")).to_contain_text(re.compile(r"double$"))
    page.mouse.move(5, 5)
    work.editor("help.py").get_by_text("sqrt", exact=True).last.hover()
    expect(page.locator(".code-hover")).to_contain_text("Return the square root of x.")
    work.command("completion and hover")
    expect(page.get_by_role("contentinfo")).not_to_contain_text("help: kernel")
    assert procs.wait_until(lambda: not mine & {k["id"] for k in server.get("/api/kernels").json()}), "the kernel is still there"


def test_code_is_formatted_and_what_can_not_be_is_shown(work):
    page = work.page
    work.upload({"ugly.ts": "function add(a:number,b:number){return a+b}\nconsole.log( add(1,2) )\n", "bad.js": "let a = 1;\nlet = ;\n", "plain.py": "x=1\n"})
    work.open_file("ugly.ts")
    work.editor("ugly.ts").click()
    page.keyboard.press("Shift+Alt+f")
    expect(work.editor("ugly.ts")).to_contain_text("function add(a: number, b: number) {")
    expect(work.editor("ugly.ts")).to_contain_text("console.log(add(1, 2));")
    page.keyboard.press("Control+z")
    expect(work.editor("ugly.ts")).to_contain_text("function add(a:number,b:number){return a+b}")
    work.open_file("bad.js")
    page.keyboard.press("Shift+Alt+f")
    expect(page.get_by_text(re.compile(r"Can't be formatted: .*\(line 2\)")).last).to_be_attached()
    expect(page.get_by_role("contentinfo")).to_contain_text("Ln 2")
    work.open_file("plain.py")
    page.keyboard.press("Shift+Alt+f")
    expect(page.get_by_text("There is no formatter for Python here").last).to_be_attached()
