"""Files of a session: there before its programs and kernels start, and back when they have ended."""
import time

import pytest

from support import procs
from support.runs import Run

pytestmark = pytest.mark.kgw


@pytest.fixture
def session(server):
    name = f"files-{time.monotonic_ns()}"
    yield name
    assert server.delete(f"/api/workspaces/{name}").status_code in (204, 404)


class Files:
    def __init__(self, server, session):
        self.server, self.base = server, f"/api/workspaces/{session}/files"

    def list(self):
        r = self.server.get(self.base)
        assert r.status_code == 200, r.text
        return {f["path"]: f for f in r.json()["files"]}

    def get(self, path, **more):
        return self.server.get(f"{self.base}/{path}", **more)

    def put(self, path, data, **more):
        return self.server.rest("PUT", f"{self.base}/{path}", data=data, **more)

    def delete(self, path, **more):
        return self.server.delete(f"{self.base}/{path}", **more)


@pytest.fixture
def files(server, session):
    return Files(server, session)


def run(server, session, code, **more):
    """The exit model of a program that ended well."""
    r = Run(server, code, session=session, **more)
    model = r.wait()
    assert model["exit_code"] == 0, r.output()
    return {"output": r.output(), **model}


def test_what_a_program_makes_is_there_for_the_next_one(server, session, files):
    made = run(server, session, "import os\nos.makedirs('out/deep')\nopen('out/deep/a.txt', 'w').write('text')\n"
               "open('image.png', 'wb').write(bytes(range(256)) * 3000)\nopen('tool.sh', 'w').write('#!/bin/sh')\nos.chmod('tool.sh', 0o755)")
    assert {c["path"]: c["size"] for c in made["files"]["changed"]} == {"out/deep/a.txt": 4, "image.png": 768000, "tool.sh": 9}
    assert set(made["files"]) == {"changed"}  # main.py came with the request and is as it was
    assert set(files.list()) == {"out/deep/a.txt", "image.png", "tool.sh"}
    assert files.get("image.png").content == bytes(range(256)) * 3000
    look = "import os\nprint(sorted(os.path.join(d, f) for d, _, fs in os.walk('.') for f in fs), open('out/deep/a.txt').read(), os.access('tool.sh', os.X_OK))"
    seen = run(server, session, look)
    assert seen["output"] == "['./image.png', './main.py', './out/deep/a.txt', './tool.sh'] text True\n"
    assert "files" not in seen  # nothing has changed


def test_changes_and_deletions_come_back_and_nothing_stale_stays(server, session, files):
    assert files.put("keep.txt", b"old").status_code == 201
    assert files.put("gone.txt", b"x").status_code == 201
    told = run(server, session, "import os\nopen('keep.txt', 'a').write(' and new')\nos.remove('gone.txt')\nopen('.cache', 'w').close()")
    assert [c["path"] for c in told["files"]["changed"]] == ["keep.txt"] and told["files"]["deleted"] == ["gone.txt"]
    assert files.get("keep.txt").text == "old and new" and files.get("gone.txt").status_code == 404
    # What is in the request, and not in the workspace, is gone with its run; so is what the server does not keep.
    assert run(server, session, "import os; print(sorted(os.listdir()))", entry="other.py")["output"] == "['keep.txt', 'other.py']\n"
    assert files.delete("keep.txt").status_code == 204 and files.delete("keep.txt").status_code == 404
    assert run(server, session, "import os; print(os.listdir())")["output"] == "['main.py']\n"


def test_a_request_may_say_that_its_files_are_all(server, session, files):
    files.put("extra.txt", b"x")
    told = run(server, session, "import os; print(os.listdir()); open('extra.txt', 'w').write('mine')", workspace_files=False)
    assert told["output"] == "['main.py']\n"
    assert files.get("extra.txt").text == "mine" and "conflicts" not in told["files"]
    body = {"language": "python", "entry": "a.py", "files": [], "session": session, "workspace_files": False}
    assert server.post("/api/runs", body).status_code == 400
    assert server.post("/api/runs", {**body, "workspace_files": 1}).status_code == 400


def test_a_program_of_the_workspaces_own(server, session, files):
    files.put("src/main.py", b"import helper; print(helper.word)")
    files.put("src/helper.py", b"word = 'found'")
    r = server.post("/api/runs", {"language": "python", "entry": "src/main.py", "session": session})
    assert r.status_code == 202, r.text
    again = Run.__new__(Run)
    again.server, again.id = server, r.json()["run_id"]
    assert again.wait()["exit_code"] == 0 and again.output() == "found\n"
    r = server.post("/api/runs", {"language": "python", "entry": "none.py", "session": session})
    assert r.status_code == 400 and "none.py" in r.json()["message"]


def test_conflicts_are_told_and_both_versions_kept(server, session, files):
    files.put("shared.txt", b"base")
    files.put("removed.txt", b"base")
    code = ("import sys, os\nprint('ready', flush=True)\ninput()\nopen('shared.txt', 'w').write('of the program')\n"
            "open('same.txt', 'w').write('same')\nos.remove('removed.txt')")
    r = Run(server, code, session=session)
    r.wait_output("ready")
    tag = files.list()["shared.txt"]["hash"]
    assert files.put("shared.txt", b"of the client", headers={"If-Match": f'"{tag}"'}).status_code == 200
    assert files.put("shared.txt", b"too late", headers={"If-Match": f'"{tag}"'}).status_code == 412
    assert files.put("shared.txt", b"too late", headers={"If-None-Match": "*"}).status_code == 412
    files.put("same.txt", b"same")
    files.put("removed.txt", b"changed meanwhile")
    r.stdin(b"\n")
    told = r.wait()["files"]
    beside = f"shared.conflict-{r.id[:8]}.txt"
    assert sorted(told["conflicts"], key=lambda c: c["path"]) == [
        {"path": "removed.txt", "kept_as": None}, {"path": "shared.txt", "kept_as": beside}]
    assert [c["path"] for c in told["changed"]] == [beside]
    assert files.get("shared.txt").text == "of the client" and files.get(beside).text == "of the program"
    assert files.get("removed.txt").text == "changed meanwhile" and "deleted" not in told


def test_a_kernels_files_come_and_go_with_its_cells(server, session, files):
    files.put("helper.py", b"word = 'found'")
    kernel = server.start_kernel(name="python3", kernelgw={"session": session})
    with server.channels(kernel) as c:
        assert c.execute("import helper, os; print(helper.word, sorted(n for n in os.listdir() if n != '__pycache__'))").stdout == "found ['helper.py']\n"
        c.execute("open('made.csv', 'w').write('1,2')")
        assert procs.wait_until(lambda: "made.csv" in files.list())
        for i in range(5):
            c.execute(f"open('made.csv', 'w').write('{i},2')")  # as long as it was
        assert procs.wait_until(lambda: files.get("made.csv").text == "4,2")
        c.execute("os.remove('helper.py'); open('last.txt', 'w').write('x' * 1000000)")
    server.delete(f"/api/kernels/{kernel}")  # what the last cell made is not lost with it
    assert procs.wait_until(lambda: "last.txt" in files.list())
    assert sorted(files.list()) == ["last.txt", "made.csv"]
    assert run(server, session, "print(open('made.csv').read(), len(open('last.txt').read()))")["output"] == "4,2 1000000\n"


def test_what_can_not_come_back_is_told(server, session, files):
    code = """
import os, socket
os.symlink('/etc/passwd', 'link'); os.symlink('/etc', 'etc'); os.mkfifo('pipe')
socket.socket(socket.AF_UNIX).bind('sock')
os.truncate(os.open('huge', os.O_CREAT | os.O_WRONLY), 20 << 20)
os.truncate(os.open('sparse', os.O_CREAT | os.O_WRONLY), 10 << 20)
open(b'\\xff', 'w').close()
open('good', 'w').write('x')
"""
    told = run(server, session, code)["files"]
    assert sorted(c["path"] for c in told["changed"]) == ["good", "sparse"]
    why = {e["path"]: e["why"] for e in told["left_out"]}
    assert set(why) == {"link", "etc", "pipe", "sock", "huge"} and told["more"]
    assert "16 MB" in why["huge"] and "no regular file" in why["link"]
    assert files.get("sparse").content == bytes(10 << 20)
    for path in ("link", "etc/passwd", "../../etc/passwd", "%2e%2e/x", "huge"):
        assert files.get(path).status_code in (400, 403, 404), path


def test_what_a_session_may_keep_is_bounded(make_server):
    server = make_server("--session-files-mb", "1", "--session-files", "10", "--files-total-mb", "2", "--stock-kernels", "0").server
    files = Files(server, "small")
    told = run(server, "small", "for i in range(5): open(f'f{i}', 'wb').write(bytes(300000))")["files"]
    assert [c["path"] for c in told["changed"]] == ["f0", "f1", "f2"]
    assert [e["path"] for e in told["left_out"]] == ["f3", "f4"] and "1 MB" in told["left_out"][0]["why"]
    assert files.put("more", bytes(300000)).status_code == 413
    told = run(server, "small", "import os\nfor i in range(3): os.remove(f'f{i}')\nfor i in range(3000): open(f'n{i:04}', 'w').close()")["files"]
    assert len(files.list()) == 10 and len(told["left_out"]) == 100 and told["more"]
    assert "10 files" in told["left_out"][-1]["why"]
    for name in ("b", "c"):
        assert Files(server, name).put("x", bytes(1 << 20)).status_code == (201 if name == "b" else 503)
    for name in ("small", "b", "c"):
        server.delete(f"/api/workspaces/{name}")
    assert Files(server, "c").put("x", bytes(1 << 20)).status_code == 201  # what has gone makes room


def test_a_hundred_thousand_files_end_well(server, session, files):
    told = Run(server, "import os\nn = 0\ntry:\n for i in range(100000):\n  os.close(os.open(f'f{i}', os.O_CREAT | os.O_WRONLY)); n += 1\n"
               "except OSError as e:\n print(e.strerror)\nprint(n > 1000)", session=session, limits={"wall_s": 60})
    model = told.wait(90)
    assert model["exit_code"] == 0 and told.output().endswith("True\n")
    assert model["files"]["more"] and 0 < len(files.list()) <= 2000
    assert server.delete(f"/api/workspaces/{session}/files").status_code == 204
    assert files.list() == {}


def test_files_over_http(server, session, files):
    assert files.get("x").status_code == 404 and server.get(files.base).status_code == 404
    made = files.put("a/page.html", b"<script>alert(1)</script>")
    assert made.status_code == 201 and made.json()["size"] == 25
    page = files.get("a/page.html")
    assert "sandbox" in page.headers["Content-Security-Policy"] and page.headers["X-Content-Type-Options"] == "nosniff"
    assert files.get("a/page.html", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304
    assert files.put("a/page.html", b"x", headers={"If-Match": page.headers["ETag"]}).status_code == 200
    for path in ("a", "a/page.html/b", "x//y", "x/%0a", "a" * 300):
        r = files.put(path, b"")
        assert r.status_code == 400 and r.json()["message"], path
    assert server.get(files.base, auth=False).status_code == 403
    assert server.get(f"{files.base}/a/page.html", auth=False).status_code == 403
    model = server.get(f"/api/workspaces/{session}").json()
    assert model["files"]["count"] == 1 and model["files"]["bytes"] == 1


def test_files_of_a_run_that_was_stopped_or_ran_out_of_time(server, session, files):
    code = "import time\nopen('log', 'w').write('so far')\nprint('ready', flush=True)\ntime.sleep(100)"
    stopped = Run(server, code, session=session)
    stopped.wait_output("ready")
    stopped.signal("KILL")
    assert [c["path"] for c in stopped.wait()["files"]["changed"]] == ["log"]
    late = Run(server, code.replace("log", "late"), session=session, limits={"wall_s": 1})
    assert late.wait()["reason"] == "timeout" and files.get("late").text == "so far"


def test_a_run_without_a_session_keeps_nothing(server):
    r = Run(server, "open('x', 'w').close()")
    assert r.wait()["exit_code"] == 0 and "files" not in r.model()


@pytest.mark.oci
def test_files_come_back_from_a_run_that_outlived_its_server(make_server):
    made = make_server("--stock-kernels", "0")
    run_ = Run(made.server, "print('ready', flush=True)\ninput()\nopen('after', 'w').write('x')", session="kept")
    run_.wait_output("ready")
    made.server.process.kill()
    server = made.start_server()
    assert procs.wait_until(lambda: server.get(f"/api/runs/{run_.id}").json()["state"] == "running")
    run_.server = server
    run_.stdin(b"\n")
    assert [c["path"] for c in run_.wait()["files"]["changed"]] == ["after"]
    assert Files(server, "kept").get("after").text == "x"
