"""JupyterLab with notebooks, its kernels served by a server under test (`jupyter lab --gateway-url=...`), or, for a Jupyter Server, its own."""
import contextlib
import json
import os
import re
import secrets
import shutil
import sys

import nbformat
from playwright.sync_api import expect

from . import procs, servers

SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
}


def write_settings(directory):
    for name, values in SETTINGS.items():
        path = directory / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


def write_notebook(path, cells):
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nb, path)


@contextlib.contextmanager
def jupyterlab(server, home, notebooks, folder=None, whole=False, follow=False):
    """
    Starts it in the folder home, with {name: its cells}. Gives url(name) of a notebook's page. folder: of the notebooks, when they are there
    already. whole: the server serves contents and sessions, too, behind one address with it (support/front.py). follow: with our
    extension (notebooks/labextension).
    """
    if folder is None:
        folder = home / "notebooks"
        folder.mkdir()
    for name, cells in notebooks.items():
        write_notebook(folder / f"{name}.ipynb", cells)
    write_settings(home / "settings")
    port, token = servers.free_port(), server.token if whole else secrets.token_hex(16)
    argv = [servers.VENV / "bin/jupyter-lab", "--ip=127.0.0.1", f"--port={port}", "--no-browser", "--allow-root",
            f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", f"--LabApp.user_settings_dir={home}/settings",
            f"--LabApp.workspaces_dir={home}/workspaces", "--LabApp.expose_app_in_browser=True"]
    if follow:
        extensions = home / "data/labextensions"
        extensions.mkdir(parents=True)
        shutil.copytree(servers.ROOT / "notebooks/labextension", extensions / "kernelgw-follow")
    if whole:
        argv += ["--ServerApp.allow_remote_access=True"]
    elif server.kind != "jupyter_server":
        argv += [f"--gateway-url={server.url}", f"--GatewayClient.auth_token={server.token}"]
    env = servers.clean_env(HOME=str(home), JUPYTER_RUNTIME_DIR=f"{home}/run", JUPYTER_CONFIG_DIR=f"{home}/config",
                            JUPYTER_DATA_DIR=f"{home}/data", IPYTHONDIR=f"{home}/ipython")
    env["PATH"] = f"{servers.VENV}/bin:{env['PATH']}"
    jupyter = servers.Process("jupyterlab", argv, home, env)
    try:
        assert procs.wait_until(lambda: "is running at" in jupyter.log_path.read_text(), 30), jupyter.log()
        if whole:
            port, behind = servers.free_port(), port
            front = servers.Process("front", [sys.executable, servers.ROOT / "tests/support/front.py", port, f"http://127.0.0.1:{behind}",
                                              server.url, server.token], home, env)
            assert procs.wait_until(lambda: servers.listens(port)), front.log()
        yield lambda name: f"http://127.0.0.1:{port}/lab/tree/{name}.ipynb?token={token}"
    finally:
        for pid in procs.with_marker(str(home)):
            os.kill(pid, 9)
        jupyter.proc.wait(10)
        if whole:
            front.kill()


class Lab:
    """JupyterLab's page with a notebook open. Cells are known by their place."""

    def __init__(self, page):
        self.page = page

    def wait_ready(self, cells):
        """So many cells are shown, and the kernel is there."""
        expect(self.page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(cells, timeout=60_000)
        # The indicator says idle even before there is a kernel, and a cell run then is passed over.
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text(re.compile(r"Python 3.*\| Idle"), timeout=60_000)
        self.wait_idle()

    def cell(self, name):
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(name)

    def output(self, name):
        return self.cell(name).locator(".jp-Cell-outputArea")

    def run(self, name, done=True):
        self.cell(name).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        if done:
            self.wait_done(name)

    def wait_done(self, name):
        expect(self.cell(name).locator(".jp-InputPrompt")).to_have_text(re.compile(r"^\[\d+\]:$"), timeout=30_000)

    def click(self, item):
        self.page.locator(f'.jp-NotebookPanel-toolbar [data-jp-item-name="{item}"] jp-button').click()

    def wait_idle(self, timeout=60_000):
        expect(self.page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", "idle",
                                                                                      timeout=timeout)

    def command(self, name, **args):
        """What a menu's item does, without waiting for what it asks."""
        self.page.evaluate("([name, args]) => { window.jupyterapp.commands.execute(name, args); }", [name, args])
