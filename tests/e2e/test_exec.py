"""kernelgw exec: a notebook from the command line, on a running server and on one of its own."""
import os
import pathlib
import pty
import signal
import subprocess
import time

import nbformat
import pytest

from support import procs, servers
from support.notebooks import notebook, text_of

pytestmark = pytest.mark.kgw

PARAMETERS = ("n = 6", ["parameters"])


def environment():
    """The host's kernels are those of the tests' environment."""
    return servers.clean_env(PATH=f"{servers.VENV}/bin:{os.environ['PATH']}", JUPYTER_PATH=f"{servers.VENV}/share/jupyter")


def run(*args, status=0, timeout=90, **more):
    done = subprocess.run([servers.binary("kernelgw"), "exec", *map(str, args)], env=environment(), text=True, timeout=timeout,
                          capture_output=True, **more)
    assert done.returncode == status, (done.returncode, done.stdout[-2000:], done.stderr[-3000:])
    return done


def write(path, *cells):
    nbformat.write(notebook(*cells), path)
    return path


def read(path):
    nb = nbformat.read(path, as_version=4)
    nbformat.validate(nb)
    return nb


@pytest.fixture
def at(server):
    return ("--url", f"{server.url}/?token={server.token}")


def leftovers():
    return [p for p in pathlib.Path("/tmp").glob("kernelgw-??????") if p.is_dir() and (p / "socket").exists()]


def test_on_a_running_server(at, server, tmp_path):
    def there():
        return [model["id"] for path in ("/api/kernels", "/api/notebooks/run") for model in server.get(path).json()]

    before = there()
    source, out = write(tmp_path / "in.ipynb", PARAMETERS, "print('n is', n, s)", "n * 2"), tmp_path / "out.ipynb"
    done = run(source, "-o", out, "-p", "n", "21", "-r", "s", "007", *at)
    cells = read(out).cells
    assert text_of(cells[2]) == "n is 21 007\n" and cells[3].outputs[0].data["text/plain"] == "42"
    assert read(out).metadata.papermill.parameters == {"n": 21, "s": "007"}
    assert not read(source).cells[1].outputs and done.stdout == ""
    assert there() == before, "nothing stays behind"


def test_on_a_server_of_its_own(tmp_path):
    before = leftovers()
    source = write(tmp_path / "in.ipynb", "import os; print(os.getuid())")
    run(source)
    nb = read(source)
    assert text_of(nb.cells[0]) == f"{os.getuid()}\n" and "papermill" not in nb.metadata, "in its place: not much more than outputs"
    assert "shell.execute_reply" in nb.cells[0].metadata.execution
    run(source, "--no-timing")
    assert "execution" not in read(source).cells[0].metadata
    assert leftovers() == before


def test_standard_input_and_output(at, tmp_path):
    done = run("-", "-o", "-", *at, input=nbformat.writes(notebook("print('x')")))
    assert text_of(nbformat.reads(done.stdout, as_version=4).cells[0]) == "x\n"


@pytest.mark.parametrize("cell, options, status, says", [
    ("def f(): raise KeyError('lost key')\nf()", (), 1, "lost key"),
    ("while True: pass", ("--timeout", "1"), 4, "not done within 1 s"),
    ("import os; os._exit(3)", (), 5, "status 3"),
])
def test_how_it_ended_is_the_exit_status(at, tmp_path, cell, options, status, says):
    source, out = write(tmp_path / "in.ipynb", "print('before')", cell, "print('behind')"), tmp_path / "out.ipynb"
    done = run(source, "-o", out, *options, *at, status=status)
    assert says in done.stderr
    cells = read(out).cells
    assert text_of(cells[0]) == "before\n" and cells[1].outputs[-1].output_type == "error" and not cells[2].outputs


def test_errors_may_be_allowed(at, tmp_path):
    source = write(tmp_path / "in.ipynb", "1 / 0", "print('behind')")
    run(source, "--allow-errors", "-q", *at)
    assert text_of(read(source).cells[1]) == "behind\n"


def test_an_old_notebook(at, tmp_path):
    v3 = nbformat.v3
    source = tmp_path / "old.ipynb"
    cells = [v3.new_heading_cell(source="title"), v3.new_code_cell(input="n = 6\nprint('old', n)", prompt_number=3, outputs=[
        v3.new_output(output_type="stream", output_text="of before")])]
    source.write_text(v3.writes_json(v3.new_notebook(worksheets=[v3.new_worksheet(cells=cells)])))
    run(source, "-q", *at)
    nb = read(source)
    assert (nb.nbformat, nb.nbformat_minor) == (4, 5) and "orig_nbformat" not in nb.metadata
    assert nb.cells[0].source == "# title" and text_of(nb.cells[1]) == "old 6\n" and nb.cells[1].execution_count == 1


@pytest.mark.parametrize("args, says", [
    ((), "which notebook"), (("a", "b"), "one notebook"), (("x.ipynb", "--nope"), "--nope"), (("x.ipynb", "-p", "n"), "-p needs"),
    (("x.ipynb", "--timeout", "soon"), "--timeout must be"), (("none.ipynb",), "none.ipynb"), (("junk.ipynb",), "no notebook"),
    (("v1.ipynb",), "format 1"), (("ok.ipynb", "--url", "ftp://x"), "http://"), (("ok.ipynb", "--url", "http://x", "--", "--port"), "own"),
])
def test_wrong_commands(tmp_path, args, says):
    write(tmp_path / "ok.ipynb", "1")
    (tmp_path / "junk.ipynb").write_text("{")
    (tmp_path / "v1.ipynb").write_text('{"nbformat": 1, "cells": []}')
    done = run(*args, status=2, cwd=tmp_path)
    assert says in done.stderr and done.stderr.count("\n") == 1


def test_wrong_for_the_server(at, server, tmp_path):
    source = write(tmp_path / "in.ipynb", "1")
    assert "no kernel cobol" in run(source, "-k", "cobol", *at, status=2).stderr
    assert "a b" in run(source, "-p", "a b", "1", *at, status=2).stderr
    assert "token" in run(source, "--url", server.url, "--token", "wrong", status=3).stderr
    assert "no answer" in run(source, "--url", "http://127.0.0.1:9", status=3).stderr
    assert "none/out.ipynb" in run(source, "-o", tmp_path / "none/out.ipynb", *at, status=6).stderr


def test_help_tells_the_statuses():
    out = run("--help").stdout
    for word in ("--allow-errors", "--timeout", "Exit status", "130"):
        assert word in out


def test_interrupt_stops_the_run_and_keeps_outputs(tmp_path):
    source = write(tmp_path / "in.ipynb", "print('first', flush=True)\nimport time; time.sleep(60)", "print('behind')")
    command = subprocess.Popen([servers.binary("kernelgw"), "exec", source], env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        assert procs.wait_until(lambda: text_of(read(source).cells[0]) == "first\n", 40), "written while it runs"
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=30)
    finally:
        command.kill()
        command.wait()
    assert command.returncode == 130 and "stopped in cell 0" in said
    cells = read(source).cells
    assert text_of(cells[0]) == "first\n" and cells[0].outputs[-1].ename == "KeyboardInterrupt" and not cells[1].outputs


def test_a_bar_on_a_terminal(at, tmp_path):
    source = write(tmp_path / "in.ipynb", "import time; time.sleep(0.5)", "time.sleep(0.5)")
    here, there = pty.openpty()
    command = subprocess.Popen([servers.binary("kernelgw"), "exec", source, *at], env=environment(), stderr=there, stdin=there)
    os.close(there)
    shown, until = b"", time.monotonic() + 60
    try:
        while time.monotonic() < until and (piece := os.read(here, 4096)):
            shown += piece
    except OSError:  # the terminal's other end is closed
        pass
    os.close(here)
    assert command.wait(10) == 0
    assert b"\r" in shown and b"[###############               ] 1/2 cells" in shown and b"2/2 cells" in shown
