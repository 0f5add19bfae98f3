"""
Other people's clients: nbclient and papermill through jupyter_server's gateway client, one question of whose is answered in
its place (clients/run_notebook.py), and jupyter_kernel_client. jupyter_kernel_test is in test_languages.py, @jupyterlab/services in
test_services.py, JupyterLab in tests/browser.
"""
import json
import os

import nbformat
import pytest

from support import servers
from support.clients import call, environment, gateway_env


@pytest.fixture
def gateway(server, tmp_path):
    """Where a server takes no token in the path, one without a token is started."""
    own = None
    if server.kind != "kernelgw":
        own = server = servers.start_reference(server.kind, tmp_path, token="")
    yield gateway_env(server, tmp_path)
    if own:
        own.stop()


def notebook():
    nb = nbformat.v4.new_notebook()
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nb.cells = [
        nbformat.v4.new_code_cell("n = 6", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print('printed', n)\nn * 7"),
        nbformat.v4.new_code_cell("%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, n]);"),
        nbformat.v4.new_markdown_cell("# text"),
        nbformat.v4.new_code_cell("import sys; print('warned', file=sys.stderr)"),
    ]
    return nb


@pytest.mark.parametrize("how,n", [("nbclient", 6), ("papermill", 7)])
def test_notebook_is_run(server, gateway, tmp_path, how, n):
    source, target = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    nbformat.write(notebook(), source)
    before = {k["id"] for k in server.get("/api/kernels").json()}
    done = call("run_notebook.py", how, source, target, *(["n=7"] if how == "papermill" else []), env=gateway)
    assert done.returncode == 0, done.stdout[-3000:]
    cells = [c for c in nbformat.read(target, as_version=4).cells if c.cell_type == "code"]
    outputs = [o for c in cells for o in c.outputs]
    assert f"printed {n}\n" in [o.text for o in outputs if o.output_type == "stream"]
    assert str(n * 7) in [o.data["text/plain"] for o in outputs if o.output_type == "execute_result"]
    assert any("image/png" in o.get("data", {}) for o in outputs), "the figure is there"
    assert "warned\n" in [o.text for o in outputs if o.get("name") == "stderr"]
    assert all(c.execution_count for c in cells)
    assert {k["id"] for k in server.get("/api/kernels").json()} == before, "its kernel went with it"


def test_error_in_a_notebook_reaches_the_client(gateway, tmp_path):
    nb = notebook()
    nb.cells[1].source = "def f(): raise KeyError('lost key')\nf()"
    source = tmp_path / "in.ipynb"
    nbformat.write(nb, source)
    done = call("run_notebook.py", "nbclient", source, tmp_path / "out.ipynb", env=gateway)
    assert done.returncode != 0 and "lost key" in done.stdout and os.path.exists(source)


def test_jupyter_kernel_client(server, tmp_path):
    """From PyPI; it shows its token as Bearer, which Kernel Gateway refuses."""
    before = {k["id"] for k in server.get("/api/kernels").json()}
    done = call("run_cells.py", server.url, server.token, env={**servers.clean_env(), "HOME": str(tmp_path)},
                python=environment("kernel_client"))
    assert done.returncode == 0, done.stdout[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "own": True, "status": "ok", "count": 1, "outputs": ["said\n", "42"], "error": ["ZeroDivisionError"], "variables": ["x"],
        "language": "python", "after restart": ["NameError"], "alive": True, "ended": True}
    assert {k["id"] for k in server.get("/api/kernels").json()} == before, "its kernel went with it"
