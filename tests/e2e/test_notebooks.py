"""/api/notebooks/run: notebooks that the server runs, with and without anybody watching."""
import datetime
import json
import os
import signal
import time

import nbformat
import pytest

from support import clients, languages, procs, servers
from support.notebooks import Books, code_cells, notebook, text_of
from test_users import as_user, write_users

pytestmark = pytest.mark.kgw


@pytest.fixture(scope="module")
def books(made_of):
    it = Books(made_of, "--notebook-runs", "2")
    yield it
    it.stop()


def test_outputs_are_written_into_the_file(books):
    books.put("a.ipynb", notebook("md:# text", "n = 6\nprint('printed', n)", "", "n * 7",
                                  "import sys; print('warned', file=sys.stderr)", ("1 / 0", ["skip-execution"])))
    told = books.post(path="a.ipynb")
    assert told["path"] == told["output_path"] == "a.ipynb" and told["state"] in ("queued", "starting", "running")
    done = books.wait(told["id"])
    assert (done["outcome"], done["cells_done"], done["cells_total"], done["error"]) == ("ok", 3, 3, None)
    assert done["wall_ms"] > 0 and done["created"] <= done["started"] <= done["ended"]
    nb = books.read("a.ipynb")
    cells = code_cells(nb)
    assert [text_of(c) for c in cells] == ["printed 6\n", "", "", "warned\n", ""]
    assert cells[2].outputs[0].data["text/plain"] == "42" and cells[2].outputs[0].execution_count == 2
    assert [c.execution_count for c in cells] == [1, None, 2, 3, None]
    assert nb.metadata.language_info.name == "python" and "papermill" not in nb.metadata
    assert books.server.get("/api/kernels").json() == books.server.get("/api/sessions").json() == []
    assert done["id"] in [r["id"] for r in books.server.get("/api/notebooks/run").json()]


SAME = [
    "import time, sys\nfor i in range(3):\n    print(i, end=' ', flush=True); time.sleep(0.1)\nprint()\n'end'",
    "from IPython.display import display, clear_output, HTML\nh = display('one', display_id='d'); display(HTML('<b>x</b>'))",
    "h.update('two')\nprint('a'); clear_output(wait=True); print('b')",
    "clear_output(wait=True)\nfor i in range(3):\n    clear_output(wait=True); print('frame', i)",
    "display('three', display_id='d'); print('x'); clear_output()",
    "display('four', display_id='d')",
    "sys.stderr.write('e1\\n'); sys.stderr.flush(); time.sleep(0.3); print('o', flush=True)\nNone",
    ("raise KeyError('k')", ["raises-exception"]),
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    "input('name? ')",
]


def same_outputs(nb):
    """What a notebook shows, text joined: in how many pieces it came is chance."""
    shown = []
    for cell in code_cells(nb):
        outputs = []
        for o in cell.outputs:
            o = json.loads(json.dumps(o))
            if o["output_type"] == "stream" and outputs and outputs[-1].get("name") == o["name"]:
                outputs[-1]["text"] += o["text"]
            elif o["output_type"] == "error":
                outputs.append({"ename": o["ename"], "evalue": o["evalue"], "lines": len(o["traceback"])})
            else:
                outputs.append(o)
        shown.append((cell.execution_count, outputs))
    return shown


def test_outputs_are_those_of_nbclient(books, tmp_path):
    nb = notebook(*SAME)
    books.put("same.ipynb", nb)
    theirs, out = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    nbformat.write(nb, theirs)
    ran = clients.call("run_notebook.py", "nbclient-allow", theirs, out, env=clients.gateway_env(books.server, tmp_path))
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert books.run(path="same.ipynb", allow_errors=True)["outcome"] == "ok"
    ours, expected = same_outputs(books.read("same.ipynb")), same_outputs(nbformat.read(out, as_version=4))
    for number, pair in enumerate(zip(ours, expected)):
        assert pair[0] == pair[1], SAME[number]
    assert len(ours) == len(expected) == len(SAME)
    times, theirs = ([set(c.metadata.execution) for c in code_cells(nb)] for nb in (books.read("same.ipynb"), nbformat.read(out, as_version=4)))
    assert [t - {"shell.execute_reply.started"} for t in times] == theirs


def test_times_are_those_that_jupyterlab_records(books):
    nb = notebook("md:# x", "import time; time.sleep(0.3); print('slept')", "1 / 0", "")
    nb.cells[3].metadata["execution"] = {"kept": "it is not run"}
    books.put("times.ipynb", nb)
    assert books.run(path="times.ipynb", allow_errors=True)["outcome"] == "ok"
    cells = books.read("times.ipynb").cells
    for cell in cells[1:3]:
        t = {k: datetime.datetime.strptime(v, "%Y-%m-%dT%H:%M:%S.%fZ") for k, v in cell.metadata.execution.items()}
        order = ["iopub.status.busy", "shell.execute_reply.started", "shell.execute_reply", "iopub.status.idle"]
        assert set(t) == {*order, "iopub.execute_input"} and [t[k] for k in order] == sorted(t[k] for k in order)
        assert t["iopub.status.busy"] <= t["iopub.execute_input"] <= t["iopub.status.idle"]
    slept = cells[1].metadata.execution
    assert slept["shell.execute_reply"] > slept["iopub.execute_input"]
    assert "execution" not in cells[0].metadata and cells[3].metadata.execution == {"kept": "it is not run"}
    assert books.run(path="times.ipynb", allow_errors=True, record_timing=False)["outcome"] == "ok"
    assert ["execution" in c.metadata for c in books.read("times.ipynb").cells] == [False, False, False, True]


def test_outputs_come_while_it_runs_and_nobody_watches(books):
    books.put("live.ipynb", notebook("print('first', flush=True)\nimport time; time.sleep(60)"))
    run = books.post(path="live.ipynb")["id"]
    books.server.http.close()
    assert procs.wait_until(lambda: text_of(books.read("live.ipynb").cells[0]) == "first\n", 30), "before the cell has ended"
    assert set(books.read("live.ipynb").cells[0].metadata.execution) == {"iopub.status.busy", "iopub.execute_input"}
    model = books.get(run)
    assert (model["state"], model["cell"], model["cells_done"]) == ("running", 0, 0)
    # a front-end that opens the file finds the kernel by the path
    session = books.server.post("/api/sessions", {"path": "live.ipynb", "type": "notebook", "name": "",
                                                  "kernel": {"name": "python3"}}).json()
    assert session["kernel"]["id"] == model["kernel_id"] and session["kernel"]["execution_state"] == "busy"
    with books.server.channels(model["kernel_id"]) as c:
        c.request("kernel_info_request", channel="control")
        assert books.server.delete(f"/api/notebooks/run/{run}").status_code == 204
        done = books.wait(run)
    assert done["outcome"] == "stopped" and "cell 0" in done["reason"]
    cell = books.read("live.ipynb").cells[0]
    assert text_of(cell) == "first\n" and cell.outputs[-1].ename == "KeyboardInterrupt"
    assert books.server.get("/api/kernels").json() == []
    assert books.server.delete(f"/api/notebooks/run/{run}").status_code == 204
    assert books.server.get(f"/api/notebooks/run/{run}").status_code == 404, "the second one forgets it"


def test_several_at_once_and_a_line(books):
    for i in range(4):
        books.put(f"q{i}.ipynb", notebook(f"import time; time.sleep({60 if i == 1 else 1.5}); print({i})"))
    runs = [books.post(path=f"q{i}.ipynb") for i in range(4)]
    assert [r.get("position") for r in runs] == [None, None, 1, 2]
    seen = list(books.events(runs[3]["id"]))
    assert {m["state"] for m in seen} >= {"queued", "running", "ended"} and seen[-1]["outcome"] == "ok"
    assert [m["position"] for m in seen if m["state"] == "queued"][0] == 2
    assert 1 in [m.get("position") for m in seen]
    assert books.server.delete(f"/api/notebooks/run/{runs.pop(1)['id']}").status_code == 204
    for i, run in zip((0, 2, 3), runs):
        books.wait(run["id"])
        assert text_of(books.read(f"q{i}.ipynb").cells[0]) == f"{i}\n"


def test_progress_is_told(books):
    books.put("p.ipynb", notebook(*[f"import time; time.sleep(0.2); print({i})" for i in range(4)]))
    run = books.post(path="p.ipynb")["id"]
    seen = list(books.events(run, "text/event-stream"))
    assert seen[-1]["state"] == "ended"
    done = [m["cells_done"] for m in seen]
    assert done == sorted(done) and done[-1] == 4 and len(set(done)) >= 4
    assert all(m["cells_total"] == 4 for m in seen if m["started"])


def test_parameters(books):
    books.put("par.ipynb", notebook("md:# x", ("n = 6\nwho = 'a'", ["parameters"]), "print(n, who)"))
    done = books.run(path="par.ipynb", output_path="par-out.ipynb", parameters={"n": 7, "who": 'it\'s "b"\\'})
    assert done["outcome"] == "ok" and done["output_path"] == "par-out.ipynb"
    nb = books.read("par-out.ipynb")
    assert nb.cells[2].metadata.tags == ["injected-parameters"]
    assert nb.cells[2].source.startswith("# Parameters\nn = 7\n")
    assert text_of(nb.cells[3]) == '7 it\'s "b"\\\n'
    note = nb.metadata.papermill
    assert note.parameters == {"n": 7, "who": 'it\'s "b"\\'} and note.input_path == "par.ipynb" and note.duration > 0
    assert [c.metadata.papermill.status for c in nb.cells] == ["completed"] * 4
    assert not books.read("par.ipynb").cells[-1].outputs, "the input stays as it was"
    # again, with other values: the cell that was put in is replaced
    assert books.run(path="par-out.ipynb", output_path="par-out.ipynb", parameters={"n": 8})["outcome"] == "ok"
    nb = books.read("par-out.ipynb")
    assert len(nb.cells) == 4 and text_of(nb.cells[3]) == "8 a\n"


@pytest.mark.parametrize("tags", [[], ["parameters"], ["injected-parameters"]])
def test_the_cell_is_the_one_that_papermill_makes(books, tags):
    from papermill.parameterize import parameterize_notebook
    values = {"n": 7, "x": 0.5, "big": 2 ** 40, "s": 'it\'s "b"', "on": True, "no": None, "l": [1, "a", [2.5]], "d": {"k": {"j": [False]}}}
    nb = notebook("md:# x", ("n = 6", tags), "print(n)")
    loaded = nbformat.reads(nbformat.writes(nb), as_version=4)
    loaded.metadata["papermill"] = nbformat.NotebookNode()  # as its own loading leaves it
    for cell in loaded.cells:
        cell.metadata.setdefault("tags", [])
    theirs = parameterize_notebook(loaded, values, kernel_name="python3", language="python")
    done = books.run(notebook=nb, parameters=values)
    ours = nbformat.reads(books.server.get(f"/api/notebooks/run/{done['id']}/notebook").text, as_version=4)
    assert [(c.source, c.metadata.get("tags", [])) for c in ours.cells] == [(c.source, c.metadata.tags) for c in theirs.cells]
    assert done["outcome"] == "ok" and text_of(ours.cells[-1]) == ("7\n" if tags else "6\n"), "at the top, what follows has the last word"


# language: (the parameters cell, what shows them), which gives 7 text 0.5
SHOWN = {
    "javascript": ("let n = 6; let s = 'a'; let x = 1.5;", "console.log(n, s, x)"),
    "java": ('int n = 6; String s = "a"; double x = 1.5;', 'System.out.println(n + " " + s + " " + x);'),
    "cpp": ('int n = 6; std::string s = "a"; double x = 1.5;', 'std::cout << n << " " << s << " " << x << std::endl;'),
    "sql": ("SET @n = 6; SET @s = 'a'; SET @x = 1.5", "SELECT CONCAT_WS(' ', @n, @s, @x) AS shown"),
    "bash": ("n=6; s=a; x=1.5", 'echo "$n $s $x"'),
}


@pytest.fixture(scope="module")
def all_languages(made_of):
    it = Books(made_of, "--languages", ",".join(set(SHOWN) & set(languages.offered())), "--stock-kernels", "0", "--stock-boxes", "0")
    yield it
    it.stop()


@pytest.mark.oci
@pytest.mark.parametrize("language, declared", [(name, name != "javascript") for name in sorted(
    set(SHOWN) & set(languages.offered()))] + [("cpp", False)] * ("cpp" in languages.offered()))
def test_parameters_in_each_language(all_languages, language, declared):
    before, shows = SHOWN[language]
    nb = notebook(*([(before, ["parameters"])] if declared else []), shows, kernel=languages.manifests()[language]["name"],
                  language=language)
    done = all_languages.run(notebook=nb, parameters={"n": 7, "s": 'it\'s "b"\\', "x": 0.5})
    text = all_languages.server.get(f"/api/notebooks/run/{done['id']}/notebook").text
    assert done["outcome"] == "ok", (done, text)
    last = nbformat.reads(text, as_version=4).cells[-1]
    assert '7 it\'s "b"\\ 0.5' in text_of(last) + "".join(o.data["text/plain"] for o in last.outputs if "data" in o), last


def test_an_error_stops_it_unless_allowed(books):
    books.put("e.ipynb", notebook("print(1)", ("1 / 0", ["raises-exception"]), "def f(): raise KeyError('lost key')\nf()", "print(4)"))
    done = books.run(path="e.ipynb", output_path="e1.ipynb")
    assert done["outcome"] == "error" and done["error"] == {"cell": 2, "ename": "KeyError", "evalue": "'lost key'"}
    assert "lost key" in done["reason"] and (done["cells_done"], done["cells_total"]) == (3, 4)
    cells = books.read("e1.ipynb").cells
    assert cells[1].outputs[0].ename == "ZeroDivisionError" and cells[2].outputs[0].ename == "KeyError"
    assert not cells[3].outputs and cells[3].execution_count is None
    assert [c.metadata.papermill.status for c in cells] == ["completed", "failed", "failed", "pending"]
    assert books.read("e1.ipynb").metadata.papermill.exception is True
    done = books.run(path="e.ipynb", allow_errors=True)
    assert done["outcome"] == "ok" and text_of(books.read("e.ipynb").cells[3]) == "4\n"


def test_a_cell_has_its_time(books):
    books.put("t.ipynb", notebook("print('begun', flush=True)\nwhile True: pass", "print(2)"))
    done = books.run(path="t.ipynb", timeout_s=1.5)
    assert done["outcome"] == "timeout" and "1.5 s" in done["reason"]
    cells = books.read("t.ipynb").cells
    assert cells[0].outputs[0].text == "begun\n" and cells[0].outputs[-1].ename == "CellTimeoutError" and not cells[1].outputs


def test_a_death_is_told_in_the_file(books):
    books.put("d.ipynb", notebook("x = 1", "import os; os._exit(3)", "print(x)"))
    done = books.run(path="d.ipynb", allow_errors=True)
    assert done["outcome"] == "died" and "status 3" in done["reason"] and done["error"]["ename"] == "KernelDied"
    cells = books.read("d.ipynb").cells
    assert cells[1].outputs[-1].ename == "KernelDied" and not cells[2].outputs


def test_a_kernel_that_somebody_ends(books):
    books.put("k.ipynb", notebook("print('x', flush=True)\nimport time; time.sleep(60)"))
    run = books.post(path="k.ipynb")["id"]
    assert procs.wait_until(lambda: books.get(run)["cell"] == 0, 30)
    books.server.delete(f"/api/kernels/{books.get(run)['kernel_id']}")
    done = books.wait(run)
    assert done["outcome"] == "died" and "somebody else" in done["reason"]
    assert books.read("k.ipynb").cells[0].outputs[-1].ename == "KernelDied"


def test_two_writers_lose_nothing(books):
    path = books.put("w.ipynb", notebook("print('first', flush=True)\nimport time; time.sleep(3)\nprint('last')"))
    run = books.post(path="w.ipynb")["id"]
    assert procs.wait_until(lambda: text_of(books.read("w.ipynb").cells[0]) == "first\n", 30)
    path.write_text(path.read_text().replace("first", "edited"))
    done = books.wait(run)
    assert done["outcome"] == "ok" and done["output_path"] == f"w-run-{run[:8]}.ipynb" and "somebody else" in done["save_error"]
    assert "edited" in path.read_text(), "the other writer's work stands"
    assert text_of(books.read(done["output_path"]).cells[0]) == "first\nlast\n"


def test_a_notebook_that_comes_with_the_request(books):
    done = books.run(notebook=notebook("print('x')"))
    assert done["outcome"] == "ok" and done["path"] is done["output_path"] is None
    r = books.server.get(f"/api/notebooks/run/{done['id']}/notebook")
    nb = nbformat.reads(r.text, as_version=4)
    assert text_of(nb.cells[0]) == "x\n" and r.text == nbformat.writes(nb) + "\n", "as nbformat writes it"
    done = books.run(notebook=notebook("print('y')"), output_path="y.ipynb", keep_kernel=True)
    assert text_of(books.read("y.ipynb").cells[0]) == "y\n"
    assert books.server.get(f"/api/notebooks/run/{done['id']}/notebook").status_code == 410
    session, = books.server.get("/api/sessions").json()
    assert session["path"] == "y.ipynb" and session["kernel"]["id"] == done["kernel_id"], "kept, as asked"
    books.server.delete(f"/api/sessions/{session['id']}")


def test_a_disk_that_refuses(books):
    folder = books.root / "ro"
    folder.mkdir()
    done = books.run(notebook=notebook("print('x')"), output_path="ro/x.ipynb")
    assert done["outcome"] == "failed" and "Permission denied" in done["reason"]
    assert "x\\n" in books.server.get(f"/api/notebooks/run/{done['id']}/notebook").text, "it is still there to be had"


def bad_file(books, name, text):
    (books.root / name).write_text(text)
    books.own(books.root / name)
    return name


@pytest.mark.parametrize("body, status, says", [
    ({}, 400, "which notebook"),
    ({"path": "none.ipynb"}, 404, "none.ipynb"),
    ({"path": "a.txt"}, 400, "must end in .ipynb"),
    ({"path": "../a.ipynb"}, 404, ""),
    ({"path": ".h/a.ipynb"}, 400, "hidden"),
    ({"path": 5}, 400, "path must be"),
    ({"path": "v1.ipynb"}, 400, "format 1"),
    ({"path": "junk.ipynb"}, 400, "no notebook"),
    ({"notebook": {}}, 400, "nbformat"),
    ({"notebook": [], "path": "a.ipynb"}, 400, "notebook must be"),
    ({"path": "v4.ipynb", "kernel_name": "cobol"}, 400, "no kernel cobol"),
    ({"path": "v4.ipynb", "parameters": {"a b": 1}}, 400, "a b"),
    ({"path": "v4.ipynb", "parameters": [1]}, 400, "parameters must be"),
    ({"path": "v4.ipynb", "timeout_s": 0}, 400, "timeout_s"),
    ({"path": "v4.ipynb", "allow_errors": "yes"}, 400, "allow_errors"),
    ({"path": "v4.ipynb", "record_timing": 1}, 400, "record_timing"),
    ({"path": "v4.ipynb", "kernelgw": {"limits": {"memory_mb": "x"}}}, 400, "memory_mb"),
    ({"path": "v4.ipynb", "env": {"A": 1}}, 400, "A"),
    ({"path": "v4.ipynb", "when": "now"}, 400, "when: there is no such field"),
])
def test_bad_requests(books, body, status, says):
    bad_file(books, "v1.ipynb", '{"nbformat": 1, "cells": []}')
    bad_file(books, "junk.ipynb", '{"nbformat": 4')
    books.put("v4.ipynb", notebook("print(1)"))
    assert says in books.post(status=status, **body)["message"]


def test_a_server_without_files(server):
    r = server.post("/api/notebooks/run", {"path": "a.ipynb"})
    assert r.status_code == 404 and "--contents-dir" in r.json()["message"]
    r = server.post("/api/notebooks/run", {"notebook": notebook("print(1)")})
    assert r.status_code == 202
    assert server.get("/api/notebooks/run/nobody").status_code == 404


def start_again(books):
    books.made.start_server()
    books.server = books.made.server


SLOW = "import time\nprint('begun', flush=True)\nfor i in range(8):\n    print(i, flush=True); time.sleep(0.8)"


@pytest.mark.oci
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGUSR1], ids=["killed", "left"])
def test_a_run_outlives_its_server(made_of, how):
    books = Books(made_of, "--notebook-runs", "2")
    try:
        nb = notebook("n = 0\nn += 1; print('first', n)", "n += 1\n" + SLOW, "n += 1; print('last', n)")
        books.put("s.ipynb", nb)
        runs = [books.post(path="s.ipynb")["id"], books.post(notebook=nb, parameters={"p": 1})["id"],
                books.post(notebook=notebook("print('waited')"))["id"]]
        assert procs.wait_until(lambda: all((books.get(r)["cell"] or 0) >= n for r, n in zip(runs, (1, 2))), 40)
        kernels = [books.get(r)["kernel_id"] for r in runs[:2]]
        books.server.process.kill(how)
        time.sleep(1)
        start_again(books)
        models = [books.get(r) for r in runs]
        assert [m["kernel_id"] for m in models[:2]] == kernels and [m["state"] for m in models[:2]] == ["running"] * 2
        assert models[0]["cells_total"] == 3 and models[2]["state"] in ("queued", "starting", "running", "saving", "ended")
        assert [k["id"] for k in books.server.get("/api/kernels").json() if k["id"] in kernels]
        done = [books.wait(r) for r in runs]
        assert [m["outcome"] for m in done] == ["ok"] * 3, done
        documents = [books.read("s.ipynb")] + [nbformat.reads(books.server.get(f"/api/notebooks/run/{r}/notebook").text, as_version=4)
                                               for r in runs[1:]]
        expected = ["first 1\n", "begun\n" + "".join(f"{i}\n" for i in range(8)), "last 3\n"]
        assert [text_of(c) for c in documents[0].cells] == expected, "each cell ran once, and nothing is missing"
        assert [text_of(c) for c in documents[1].cells] == ["", *expected] and text_of(documents[2].cells[0]) == "waited\n"
        assert done[0]["output_path"] == "s.ipynb" and done[0]["save_error"] is None
        assert books.server.get("/api/kernels").json() == books.server.get("/api/sessions").json() == []
        kept = books.made.directory / "state" / "notebooks"
        assert {p.name for p in kept.iterdir()} == {f"{r}.json" for r in runs} | {f"{r}.ipynb" for r in runs[1:]}
        for r in runs:
            assert books.server.delete(f"/api/notebooks/run/{r}").status_code == 204
        assert not list(kept.iterdir()), "nothing is kept of what was forgotten"
    finally:
        books.stop()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_how_runs_ended_is_told_by_the_next_server(made_of, how):
    books = Books(made_of, "--notebook-runs", "2")
    try:
        books.put("f.ipynb", notebook("print('in the file')"))
        books.put("bad.ipynb", notebook("1 / 0"))
        runs = [books.run(path="f.ipynb"), books.run(path="bad.ipynb", env={"SECRET": "s3cret"}),
                books.run(notebook=notebook("print('in memory')"), parameters={"p": "s3cret"})]
        document = books.server.get(f"/api/notebooks/run/{runs[2]['id']}/notebook").text
        assert [r["outcome"] for r in runs] == ["ok", "error", "ok"] and "in memory" in document
        for _ in range(2):
            books.server.process.kill(how)
            start_again(books)
            assert books.server.get("/api/notebooks/run").json() == runs, "all of it, oldest first"
            assert books.server.get(f"/api/notebooks/run/{runs[0]['id']}/notebook").status_code == 410
            assert books.server.get(f"/api/notebooks/run/{runs[2]['id']}/notebook").text == document
        kept = books.made.directory / "state" / "notebooks"
        assert not any("s3cret" in p.read_text() for p in kept.glob("*.json"))
        assert books.server.delete(f"/api/notebooks/run/{runs[1]['id']}").status_code == 204
        books.server.process.kill(how)
        start_again(books)
        assert [r["id"] for r in books.server.get("/api/notebooks/run").json()] == [runs[0]["id"], runs[2]["id"]]
    finally:
        books.stop()


@pytest.mark.oci
def test_users_take_turns(made_of, tmp_path):
    """Who has many notebooks waiting doesn't keep another one waiting for all of them; each one's own stay in order, over a restart, too."""
    folder = servers.new_directory()
    books = Books(made_of, "--users", str(write_users(folder, ada={}, bob={})), "--notebook-runs", "1")

    def post(user, code="print(1)"):
        r = as_user(books.server, user).post("/api/notebooks/run", {"notebook": notebook(code)})
        assert r.status_code == 202, r.text
        return r.json()

    def positions():
        told = [(user, r) for user in ("ada", "bob") for r in as_user(books.server, user).get("/api/notebooks/run").json()]
        return [names[r["id"]] for r in sorted((r for _, r in told if r["state"] == "queued"), key=lambda r: r["position"])]

    try:
        first = post("ada", "print('on', flush=True)\nimport time; time.sleep(60)")["id"]
        names = {first: "a0"}
        names |= {post("ada")["id"]: f"a{i}" for i in (1, 2, 3)}
        names |= {post("bob")["id"]: f"b{i}" for i in (1, 2)}
        assert positions() == ["b1", "a1", "b2", "a2", "a3"]
        assert procs.wait_until(lambda: books.get(first)["cell"] == 0, 30), "an operator sees it"
        books.server.process.kill()
        start_again(books)
        assert positions() == ["b1", "a1", "b2", "a2", "a3"]
        as_user(books.server, "ada").delete(f"/api/notebooks/run/{first}")
        for run in names:
            books.wait(run)
        began = sorted((books.get(run)["started"], name) for run, name in names.items())
        assert [name for _, name in began] == ["a0", "b1", "a1", "b2", "a2", "a3"]
    finally:
        books.stop()
        servers.remove(folder)


FLOOD = "import time\nprint('begun', flush=True)\ndef flood(n):\n    for i in range(n): print('x' * 100_000, flush=True); time.sleep(0.02)\n"
# more than an agent keeps: of what it had passed on already; of what nobody came for
LOST = {"early": ("flood(60)\nprint('passed', flush=True)\ntime.sleep(4)", "passed\n", 2),
        "away": ("time.sleep(2.5)\nflood(300)", "begun\n", 11)}


@pytest.mark.oci
@pytest.mark.parametrize("when", LOST if os.environ.get("KERNELGW_LONG") else ["early"])
def test_what_is_no_longer_kept_of_a_cell_is_marked(made_of, when):
    """What was written down stands before what is still to be had."""
    code, seen, away_s = LOST[when]
    books = Books(made_of)
    try:
        books.put("l.ipynb", notebook(f"{FLOOD}{code}\nprint('end')", "print('behind')"))
        run = books.post(path="l.ipynb")["id"]
        assert procs.wait_until(lambda: text_of(books.read("l.ipynb").cells[0]).endswith(seen), 40)
        books.server.process.kill()
        time.sleep(away_s)
        start_again(books)
        assert books.wait(run)["outcome"] == "ok"
        cells = books.read("l.ipynb").cells
        text = text_of(cells[0])
        assert text.startswith("begun\n") and text.endswith("end\n") and "[kernelgw: " in text, text[:300]
        assert "passed" in text if when == "early" else len(text) < 300 * 100_000
        assert text_of(cells[1]) == "behind\n"
    finally:
        books.stop()


@pytest.mark.oci
def test_a_run_whose_kernel_went_with_its_server(made_of):
    books = Books(made_of)
    try:
        books.put("s.ipynb", notebook("print('done')", "print('some', flush=True)\nimport time; time.sleep(60)"))
        run = books.post(path="s.ipynb")["id"]
        assert procs.wait_until(lambda: text_of(books.read("s.ipynb").cells[1]) == "some\n", 30)
        kernel = books.get(run)["kernel_id"]
        books.server.process.kill()
        (books.made.directory / "state" / "kernels" / f"{kernel}.json").unlink()  # so it is not taken over
        start_again(books)
        done = books.wait(run)
        assert done["outcome"] == "died" and "the server ended" in done["reason"]
        cells = books.read("s.ipynb").cells
        assert text_of(cells[0]) == "done\n" and text_of(cells[1]) == "some\n"
        assert cells[1].outputs[-1].ename == "KernelDied"
    finally:
        books.stop()


def test_a_server_that_ends_writes_what_there_is(made_of):
    books = Books(made_of)
    try:
        books.put("s.ipynb", notebook("print('done')", "print('some', flush=True)\nimport time; time.sleep(60)"))
        run = books.post(path="s.ipynb")["id"]
        assert procs.wait_until(lambda: books.get(run)["cell"] == 1, 30)
        time.sleep(0.3)
        assert books.server.process.stop() == 0
        cells = books.read("s.ipynb").cells
        assert text_of(cells[0]) == "done\n" and text_of(cells[1]) == "some\n"
        assert "the server ended" in cells[1].outputs[-1].evalue
    finally:
        books.stop()
