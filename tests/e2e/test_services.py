"""
@jupyterlab/services, the library under JupyterLab, unmodified in Node: a front-end's day (clients/services/life.mjs). What it sees is
the same from Jupyter Server, the control of this test: with --long it is asked, too.
"""
import json
import os
import shutil
import subprocess

import pytest

from e2e.test_differential import start
from support import servers

pytestmark = [pytest.mark.kgw, pytest.mark.timeout(300)]
FOLDER = servers.ROOT / "tests/e2e/clients/services"


def cell(count, kinds=(), text="", result=None, error=None):
    return {"text": text, "result": result, "error": error, "kinds": ["execute_input", *kinds],
            "status": "error" if error else "ok", "count": count}


SEEN = {
    "specs": {"default": "python3", "python": "python"}, "info": "ok",
    "hello": cell(1, ["execute_result"], "hello\n", "42"),
    "error": cell(2, ["error"], error="ZeroDivisionError"),
    "input": cell(3, text="früh\n"),
    "display": cell(4, ["display_data", "update_display_data"]),
    "complete": True, "inspect": True, "isComplete": "incomplete", "history": "ok",
    "comm": {"n": 1, "bytes": [3, 2, 1]},
    "overheard": True, "notOverheard": True, "interrupted": "KeyboardInterrupt",
    "subshells": True, "subshell": {"status": "ok", "whileBusy": True}, "shells": 1,
    "debugger": {"initialized": True, "stopped": True, "line": 2, "x": "40", "after": "ok"},
    "restarted": cell(1, text="False\n"), "restartSeen": True,
    "deathSeen": True, "afterDeath": cell(1, text="False\n"), "dialledOnce": True,
    "running": True, "found": True, "renamed": ["renamed.ipynb", "renamed"], "changed": "2", "oldKernelGone": True, "ended": True,
    "contents": {"saved": "notebook", "restored": {}, "moved": "moved.ipynb", "copied": "moved-Copy1.ipynb",
                 "listed": ["moved-Copy1.ipynb", "moved.ipynb"], "missing": 404},
}


@pytest.fixture(scope="module")
def node():
    """The program, and a folder that has the packages and the scripts."""
    program, packages = subprocess.check_output([FOLDER / "install.sh"], text=True).split()
    folder = servers.new_directory()
    os.symlink(f"{packages}/node_modules", folder / "node_modules")
    for script in FOLDER.glob("*.mjs"):
        shutil.copy(script, folder)
    yield program, folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def module(node):
    """The client of kgw.v1 as one file, as it stands by itself."""
    path = node[1] / "kgw.mjs"
    subprocess.run([servers.ROOT / "client/build.sh", "rolldown", "src/lib/kgw/index.ts", "--format", "esm", "--file", path], check=True,
                   stdout=subprocess.DEVNULL)
    return path


def run(node, script, *args):
    """What the script saw."""
    program, folder = node
    done = subprocess.run([program, folder / script, *args], text=True, timeout=250, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1]), done.stderr[-3000:]


@pytest.mark.parametrize("kind", ["kernelgw", "jupyter_server"] if os.environ.get("KERNELGW_LONG") else ["kernelgw"])
def test_a_day_in_the_life_of_a_front_end(kind, made_of, node):
    server, stop = start(kind, made_of)
    try:
        saw, said = run(node, "life.mjs", server.url + "/", server.token, "contents")
        assert saw == SEEN, said
    finally:
        stop()


NOTEBOOK = {
    "found": {"running": 0, "sessions": 0, "language": "python", "argv": True, "display": True}, "info": "python",
    "silently": {"text": "startup\n", "data": [], "error": None, "status": "ok", "count": 0},
    "cell": {"text": "cell\n", "data": ["42"], "error": None, "status": "ok", "count": 1},
    "error": "NameError", "input": "Ada\n", "complete": True, "inspect": True,
    "widget": {"data": {"n": 1}, "heard": "[({'k': 2}, [b'\\x01\\x02'])]", "known": 1}, "interrupted": "KeyboardInterrupt",
    "live": {"name": True, "type": "notebook", "active": True, "connections": 1}, "reattached": ["41"], "restarted": "NameError", "left": 0,
}


@pytest.mark.parametrize("kind", ["kernelgw", "jupyter_server"] if os.environ.get("KERNELGW_LONG") else ["kernelgw"])
def test_what_vs_code_says_to_an_existing_server(kind, made_of, node):
    """With the server's token, and with nothing but the password that it asks for; two windows at one kernel."""
    server, stop = start(kind, made_of)
    try:
        saw, said = run(node, "vscode.mjs", server.url + "/", server.token)
        asks = kind == "kernelgw"  # a Jupyter Server without a JupyterLab has no /tree, and the extension takes it to need none
        assert saw == {"hub": False, "needPassword": asks, "wrongPassword": None, "wrongToken": 403, "byToken": NOTEBOOK, "byPassword": NOTEBOOK,
                       "pongs": True}, said
    finally:
        stop()


def test_the_same_day_over_one_socket(made_of, node, module):
    """Of kgw.v1: client/src/lib/kgw/ gives the library what it takes for WebSockets."""
    server, stop = start("kernelgw", made_of)
    try:
        saw, said = run(node, "life.mjs", server.url + "/", server.token, "contents", module)
        assert saw == SEEN, said
    finally:
        stop()


def test_two_kernels_over_a_socket_that_is_cut(server, node, module):
    """Three times while both write: nothing is missing or twice, and neither kernel's connection has seen a break."""
    saw, said = run(node, "shared.mjs", server.url + "/", server.token, module)
    assert saw == {"status": ["ok"] * 3, "whole": [True, True], "broken": [], "sockets": 4, "addresses": ["/api/kgw/ws"]}, said
