"""
JupyterLab in a real browser: what shares a kernel (two tabs, a console), the debugger, and another kernel for a notebook. In order.
(KERNELGW_E2E_SERVER=jupyter_server: plain `jupyter lab` with local kernels.)
"""
import os
import pathlib

import pytest
from playwright.sync_api import expect

from support.browser import chromium
from support.jupyterlab import Lab, jupyterlab

expect.set_options(timeout=20_000)  # of a machine with other work

SET, SHOW, SLEEP, STEP, THERE = range(5)
CELLS = ["x = 41\nprint('set')", "print('x is', x)", "import time; time.sleep(4)", "a = 20\nb = a * 2\nprint('b is', b)",
         "print('there' if 'x' in globals() else 'not there')"]


@pytest.fixture(scope="module")
def tabs(made, tmp_path_factory):
    """Two tabs of one browser, both with the one notebook."""
    home = tmp_path_factory.mktemp("lab")
    with jupyterlab(made.server, home, {"shared": CELLS}) as url, chromium(1400, 1100) as page:
        page.goto(url("shared"))
        first = Lab(page)
        first.wait_ready(len(CELLS))
        other = page.context.new_page()
        other.set_default_timeout(30_000)
        other.goto(url("shared").replace("/lab/tree", "/lab/workspaces/other/tree"))
        second = Lab(other)
        second.wait_ready(len(CELLS))
        yield first, second


@pytest.fixture(autouse=True)
def picture_of_a_failure(request, tabs):
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed and os.environ.get("KERNELGW_RESULTS"):
        folder = pathlib.Path(os.environ["KERNELGW_RESULTS"]).parent
        for i, lab in enumerate(tabs):
            lab.page.screenshot(path=folder / f"{request.node.name}-{i}.png")


def test_two_tabs_share_a_kernel(tabs, made):
    first, second = tabs
    first.run(SET)
    expect(first.output(SET)).to_contain_text("set")
    second.page.bring_to_front()
    second.run(SHOW)
    expect(second.output(SHOW)).to_contain_text("x is 41")
    if made.server.kind == "kernelgw":
        assert len(made.server.get("/api/kernels").json()) == 1
        assert made.server.get("/api/kernels").json()[0]["connections"] == 2


def test_what_one_tab_runs_makes_both_busy(tabs):
    first, second = tabs
    first.page.bring_to_front()
    first.run(SLEEP, done=False)
    second.page.bring_to_front()
    expect(second.page.locator("#jp-main-statusbar")).to_contain_text("| Busy")
    expect(second.page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
    first.page.bring_to_front()
    first.wait_done(SLEEP)


def test_console_of_the_notebook(tabs):
    """Another client of the same kernel: it knows the notebook's variables, and the notebook its."""
    first, _ = tabs
    first.command("notebook:create-console")
    prompt = first.page.locator(".jp-CodeConsole-promptCell .cm-content")
    prompt.click()
    prompt.press_sequentially("x = x + 1; print('console', x)")
    first.page.keyboard.press("Shift+Enter")
    expect(first.page.locator(".jp-CodeConsole-content")).to_contain_text("console 42")
    first.run(SHOW)
    expect(first.output(SHOW)).to_contain_text("x is 42")
    first.page.locator(".jp-CodeConsole").first.click()
    first.command("application:close")


def test_debugger(tabs):
    """A breakpoint by a click at a line's number; the cell stops there, its variables are shown, and it goes on."""
    first, _ = tabs
    first.cell(STEP).locator(".cm-content").click()
    first.page.locator(".jp-DebuggerBugButton").first.click()
    gutter = first.cell(STEP).locator(".cm-breakpoint-gutter .cm-gutterElement")
    expect(gutter).to_have_count(4)  # one is the spacer
    gutter.nth(3).click()
    expect(first.cell(STEP).locator(".cm-breakpoint-icon").last).to_be_visible()
    first.run(STEP, done=False)
    variables = first.page.locator(".jp-DebuggerVariables")
    expect(variables).to_contain_text("b", timeout=40_000)
    expect(first.page.locator(".jp-DebuggerCallstack")).to_contain_text(":3")
    expect(first.output(STEP)).to_have_count(1)
    expect(first.output(STEP)).not_to_contain_text("b is")
    first.command("debugger:continue")
    first.wait_done(STEP)
    expect(first.output(STEP)).to_contain_text("b is 40")
    first.page.locator(".jp-DebuggerBugButton").first.click()


def test_another_kernel(tabs):
    first, _ = tabs
    first.cell(THERE).locator(".cm-content").click()
    first.run(THERE)
    expect(first.output(THERE)).to_contain_text("there")
    expect(first.output(THERE)).not_to_contain_text("not there")
    first.command("notebook:change-kernel")
    dialog = first.page.locator(".jp-Dialog")
    dialog.locator("select").select_option(label="Python 3" if dialog.locator("select").locator(
        "option", has_text="Python 3 (ipykernel)").count() == 0 else "Python 3 (ipykernel)")
    dialog.locator("button.jp-mod-accept").click()
    expect(dialog).to_have_count(0)
    first.wait_idle()
    expect(first.page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
    first.run(THERE)
    expect(first.output(THERE)).to_contain_text("not there", timeout=30_000)
