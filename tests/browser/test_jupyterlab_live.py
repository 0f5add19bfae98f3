"""
A notebook that the server runs by itself (POST /api/notebooks/run), opened meanwhile in JupyterLab: what a front-end that knows nothing of such runs
shows, and that nothing of either side is lost. Once with kernelgw as all of its server, behind one address with it, so that it finds the run's
kernel by the notebook's path; once with kernelgw as its gateway, the folder being the same. And with our extension (notebooks/labextension).
"""
import pytest
from playwright.sync_api import expect

from support import procs
from support.browser import chromium
from support.jupyterlab import Lab, jupyterlab
from support.notebooks import Books, notebook, text_of

pytestmark = pytest.mark.kgw
expect.set_options(timeout=20_000)  # of a machine with other work

FIRST, TICKS, LAST, NOTE = range(4)
CELLS = ["kept = 41\nprint('first')",
         "import time\ntry:\n    for n in range(600):\n        print('tick', n, flush=True); time.sleep(0.2)\n"
         "except KeyboardInterrupt:\n    print('told to go on')", "kept += 1\nprint('last', kept)", "md:# note"]


@pytest.fixture(scope="module")
def books(made_of):
    it = Books(made_of)
    yield it
    it.stop()


class Live(Lab):
    """A run that is in its second cell until it is told, and JupyterLab with its notebook."""

    def __init__(self, page, books, name, run):
        super().__init__(page)
        self.books, self.name, self.run_id = books, name, run

    def go_on(self):
        """Ends the second cell, and the run with it."""
        self.books.server.post(f"/api/kernels/{self.books.get(self.run_id)['kernel_id']}/interrupt")
        return self.books.wait(self.run_id)

    def dirty(self):
        return self.page.evaluate("window.jupyterapp.shell.currentWidget.context.model.dirty")

    def saved(self, text):
        """A Jupyter Server writes a file in place: it may be half there."""
        written = (self.books.root / f"{self.name}.ipynb").read_text()
        return text in written and written.endswith("}\n")

    def last_tick(self):
        return int(self.output(TICKS).inner_text().split("tick ")[-1].split()[0])

    def reload(self):
        """File, Reload Notebook from Disk. It asks where something was typed."""
        self.command("docmanager:reload")

    def shows_the_whole_run(self):
        expect(self.output(TICKS)).to_contain_text("told to go on")
        expect(self.output(LAST)).to_contain_text("last 42")
        for cell in (FIRST, TICKS, LAST):
            expect(self.cell(cell).locator(".jp-InputPrompt")).to_have_text(f"[{cell + 1}]:")


@pytest.fixture
def live(request, books, tmp_path):
    how, follow = request.param
    name = request.node.name.replace("[", "-").replace("]", "")
    books.put(f"{name}.ipynb", notebook(*CELLS))
    run = books.post(path=f"{name}.ipynb", keep_kernel=True)["id"]
    assert procs.wait_until(lambda: "tick 2\n" in text_of(books.read(f"{name}.ipynb").cells[TICKS]), 30)
    with jupyterlab(books.server, tmp_path, {}, folder=books.root, whole=how == "whole", follow=follow) as url, chromium(1280, 1000) as page:
        page.goto(url(name))
        expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(CELLS), timeout=60_000)
        expect(page.locator("#jp-main-statusbar")).to_contain_text("| " + ("Busy" if how == "whole" else "Idle"), timeout=60_000)
        lab = Live(page, books, name, run)
        expect(lab.output(FIRST)).to_contain_text("first")
        expect(lab.output(TICKS)).to_contain_text("tick 2")
        assert not lab.dirty(), "opening it is no change, so nothing will be saved over the run's outputs"
        yield lab
    for kernel in books.server.get("/api/kernels").json():  # also the one of an earlier test that failed
        books.server.delete(f"/api/kernels/{kernel['id']}")


@pytest.mark.parametrize("live", [("whole", False)], ids=["whole"], indirect=True)
def test_stock_jupyterlab_finds_the_run(live, books):
    """It is at the run's kernel. A console of it shows what the run does as it comes; the notebook does when it is loaded again."""
    kernel = books.get(live.run_id)["kernel_id"]
    model, = books.server.get("/api/kernels").json()
    assert model["id"] == kernel and model["connections"] == 1
    seen = live.last_tick()
    assert procs.wait_until(lambda: f"tick {seen + 1}\n" in text_of(books.read(f"{live.name}.ipynb").cells[TICKS]))
    live.reload()
    expect(live.output(TICKS)).to_contain_text(f"tick {seen + 1}")
    expect(live.page.locator(".jp-Dialog")).to_have_count(0)
    live.command("notebook:create-console")
    console = live.page.locator(".jp-CodeConsole")
    console.first.click()
    live.command("console:toggle-show-all-kernel-activity")
    done = live.go_on()
    assert done["outcome"] == "ok" and done["save_error"] is None
    expect(console).to_contain_text("last 42")
    live.page.locator(".jp-Notebook").click()
    live.reload()
    live.shows_the_whole_run()
    live.run(LAST)  # keep_kernel: one goes on with what the run left
    expect(live.output(LAST)).to_contain_text("last 43")


@pytest.mark.parametrize("live", [("gateway", False)], ids=["gateway"], indirect=True)
def test_nothing_of_either_side_is_lost(live, books):
    """Who typed something meanwhile is asked: the run's file is not saved over unseen, and where it is, its outputs go beside it."""
    assert len(books.server.get("/api/kernels").json()) == 2, "a kernel of its own: the gateway's client knows no sessions of others"
    live.cell(FIRST).locator(".cm-content").click()
    live.page.keyboard.press("End")
    live.page.keyboard.type("  # mine")
    assert live.dirty()
    live.command("docmanager:save")
    dialog = live.page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("has changed on disk")
    dialog.get_by_role("button", name="Overwrite").click()
    expect(dialog).to_have_count(0)
    assert procs.wait_until(lambda: live.saved("# mine"))
    done = live.go_on()
    assert done["outcome"] == "ok" and "somebody else" in done["save_error"]
    assert "# mine" in books.read(f"{live.name}.ipynb").cells[FIRST].source
    cells = books.read(done["output_path"]).cells
    assert "told to go on" in text_of(cells[TICKS]) and text_of(cells[LAST]) == "last 42\n"


@pytest.mark.parametrize("live", [("whole", True), ("gateway", True)], ids=["whole", "gateway"], indirect=True)
def test_with_our_extension_the_notebook_shows_it_as_it_comes(live, books):
    for _ in range(2):
        expect(live.output(TICKS)).to_contain_text(f"tick {live.last_tick() + 1}\n")
    assert live.go_on()["save_error"] is None
    live.shows_the_whole_run()
    assert not live.dirty()
    live.cell(FIRST).locator(".cm-content").click()
    live.page.keyboard.type("# mine\n")
    live.command("docmanager:save")
    assert procs.wait_until(lambda: live.saved("# mine")), "and saves without a question"
    assert text_of(books.read(f"{live.name}.ipynb").cells[LAST]) == "last 42\n"
