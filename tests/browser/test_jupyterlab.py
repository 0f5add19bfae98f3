"""
JupyterLab in a real browser, its kernels served by kernelgw: `jupyter lab --gateway-url=…`. The tests are one person's
session at one notebook, in order. (KERNELGW_E2E_SERVER=jupyter_server: plain `jupyter lab` with a local kernel.)
"""
import os
import pathlib

import pytest
from playwright.sync_api import expect

from support import procs
from support.browser import chromium
from support.jupyterlab import Lab, jupyterlab

expect.set_options(timeout=20_000)  # of a machine with other work

CELLS = {
    "text": "print('answer', 6 * 7)",
    "figure": "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.figure(figsize=(4, 1.6))\n"
              "plt.plot([n * n for n in range(20)]);",
    "slider": "import ipywidgets\nslider = ipywidgets.IntSlider(value=3, max=10, description='pick')\nslider",
    "slider value": "print('picked', slider.value)",
    "error": "def divide(a, b):\n    return a / b\n\ndivide(1, 0)",
    "input": "name = input('who? ')\nprint('hello', name)",
    "endless": "print('spinning', flush=True)\nwhile True: pass",
    "still there": "print('kept', name)",
    "after restart": "print('fresh', 'name' not in globals())",
}

class FirstLab(Lab):
    """With the cells by their names."""

    def cell(self, name):
        return super().cell(list(CELLS).index(name))


@pytest.fixture(scope="module")
def lab(made, tmp_path_factory):
    home = tmp_path_factory.mktemp("lab")
    with jupyterlab(made.server, home, {"first": CELLS.values()}) as url, chromium(1280, 1130) as page:
        page.goto(url("first"))
        lab = FirstLab(page)
        lab.wait_ready(len(CELLS))
        yield lab


@pytest.fixture(autouse=True)
def picture_of_a_failure(request, lab):
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed and os.environ.get("KERNELGW_RESULTS"):
        folder = pathlib.Path(os.environ["KERNELGW_RESULTS"]).parent
        lab.page.screenshot(path=folder / f"{request.node.name}.png")


def test_text(lab):
    lab.run("text")
    expect(lab.output("text")).to_contain_text("answer 42")


def test_figure(lab):
    lab.run("figure")
    image = lab.output("figure").locator("img")
    expect(image).to_be_visible()
    assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") > 100


def test_slider(lab):
    """Moved in the browser, read in the kernel."""
    lab.run("slider")
    handle = lab.output("slider").locator(".noUi-handle")
    expect(handle).to_be_visible()
    handle.focus()
    for _ in range(4):
        lab.page.keyboard.press("ArrowRight")
    expect(lab.output("slider").locator(".widget-readout")).to_have_text("7")

    def read():
        lab.run("slider value")
        return lab.output("slider value").inner_text().strip()

    # ipywidgets sends a move when the kernel is done with the one before: the first cells may be ahead of the last move.
    assert procs.wait_until(lambda: read() == "picked 7"), read()


def test_error(lab):
    lab.run("error")
    expect(lab.output("error")).to_contain_text("ZeroDivisionError")
    expect(lab.output("error")).to_contain_text("return a / b")


def test_input(lab):
    lab.run("input", done=False)
    box = lab.output("input").locator("input")
    expect(box).to_be_visible()
    expect(lab.output("input")).to_contain_text("who?")
    box.fill("Ada")
    box.press("Enter")
    lab.wait_done("input")
    expect(lab.output("input")).to_contain_text("hello Ada")


def test_screenshot(lab):
    """For the README: kept where KERNELGW_SCREENSHOT says."""
    lab.page.evaluate("document.querySelector('.jp-WindowedPanel-outer')?.scrollTo(0, 0)")
    lab.page.wait_for_timeout(300)
    picture = lab.page.screenshot(path=os.environ.get("KERNELGW_SCREENSHOT"))
    assert picture.startswith(b"\x89PNG")


def test_interrupt(lab):
    lab.run("endless", done=False)
    expect(lab.output("endless")).to_contain_text("spinning")
    expect(lab.cell("endless").locator(".jp-InputPrompt")).to_have_text("[*]:")
    lab.click("interrupt")
    lab.wait_done("endless")
    expect(lab.output("endless")).to_contain_text("KeyboardInterrupt")
    lab.run("still there")
    expect(lab.output("still there")).to_contain_text("kept Ada")


def test_restart(lab):
    """Through jupyter_server's gateway client this is where other servers leave cells at [*]."""
    for _ in range(3):
        lab.click("restart")
        lab.page.locator(".jp-Dialog button.jp-mod-accept").click()
        expect(lab.page.locator(".jp-Dialog")).to_have_count(0)
        lab.wait_idle()
        lab.run("after restart")
        expect(lab.output("after restart")).to_contain_text("fresh True")
        lab.run("input", done=False)
        box = lab.output("input").locator("input")
        box.fill("Eve")
        box.press("Enter")
        lab.wait_done("input")


def test_run_all_after_restart(lab):
    """Restart and run up to an error: every cell before it has run, none after it."""
    lab.page.get_by_role("menuitem", name="Kernel", exact=True).click()
    lab.page.get_by_text("Restart Kernel and Run All Cells…").click()
    lab.page.locator(".jp-Dialog button.jp-mod-accept").click()
    expect(lab.output("slider value")).to_contain_text("picked 3", timeout=60_000)
    expect(lab.cell("error").locator(".jp-InputPrompt")).to_have_text("[5]:")
    expect(lab.output("text")).to_contain_text("answer 42")
    lab.wait_idle()


def test_kernel_is_gone_with_the_session(lab, made):
    """Shut down in the browser: no kernel is left on the server."""
    lab.page.get_by_role("menuitem", name="Kernel", exact=True).click()
    lab.page.get_by_text("Shut Down Kernel", exact=True).click()
    assert made.server.kind != "kernelgw" or procs.wait_until(
        lambda: made.server.get("/api/kernels").json() == [])
