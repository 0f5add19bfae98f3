"""Sessions over a restart of the server: their files, what they have used, and kernels that were only being started."""
import json
import os
import signal

import pytest

from support.procs import wait_until
from support.runs import Run, run as run_program
from support.servers import new_directory, remove
from test_users import as_user, write_users

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

FILES = {"a.txt": b"one", "dir/b.bin": bytes(range(256)) * 4000, "run.sh": b"#!/bin/sh\n"}


def put(server, session, path, data, query=""):
    r = server.rest("PUT", f"/api/workspaces/{session}/files/{path}{query}", data=data)
    assert r.status_code in (200, 201), r.text


def files_of(server, session):
    return server.get(f"/api/workspaces/{session}/files").json()


def folders(made):
    return sorted((made.directory / "state" / "workspaces").glob("*"))


def kept(made, session):
    """session.json of that name as it is on the disk, or None."""
    for folder in folders(made):
        try:
            doc = json.loads((folder / "session.json").read_text())
        except FileNotFoundError:
            continue
        if doc["name"] == session:
            return doc
    return None


def is_written(made, session):
    """Whether what the server has of it is on the disk; it is told so by nothing but the file."""
    def same():
        doc, now = kept(made, session), files_of(made.server, session)
        return doc and doc["revision"] == now["revision"] and {f["hash"] for f in doc["files"]} == {
            f["hash"] for f in now["files"]}
    return wait_until(same)


def restart(made, how):
    made.server.process.kill(how)
    return made.start_server()


@pytest.mark.parametrize("how", (signal.SIGKILL, signal.SIGUSR1, signal.SIGTERM))
def test_files_and_what_was_used_come_back(make_server, how):
    made = make_server("--stock-kernels", "0")
    server = made.server
    for path, data in FILES.items():
        put(server, "work", path, data, "?executable=1" if path == "run.sh" else "")
    model, _, _ = run_program(server, "open('made.txt', 'w').write('by a program')\nprint('x' * 1000)\n"
                              "import os\nos.remove('a.txt')\nfor _ in range(3000000): pass", session="work")
    assert model["exit_code"] == 0
    assert server.post("/api/workspaces", {"name": "empty"}).status_code == 201
    before, used = files_of(server, "work"), server.get("/api/workspaces/work").json()
    if how == signal.SIGKILL:  # else it writes before it ends
        assert is_written(made, "work") and wait_until(lambda: kept(made, "work")["cpu_ms"] == used["cpu_ms"])
        assert wait_until(lambda: kept(made, "empty"))
    server = restart(made, how)
    after, now = files_of(server, "work"), server.get("/api/workspaces/work").json()
    assert after["files"] == before["files"] and after["revision"] == before["revision"]
    assert {f["path"] for f in after["files"]} == {"dir/b.bin", "run.sh", "made.txt"}
    assert [f["executable"] for f in after["files"] if f["path"] == "run.sh"] == [True]
    assert server.get("/api/workspaces/work/files/dir/b.bin").content == FILES["dir/b.bin"]
    for member in ("cpu_ms", "output_bytes", "created"):
        assert now[member] == used[member], member
    assert now["cpu_ms"] > 0 and server.get("/api/workspaces/empty").json()["files"]["count"] == 0
    # they are as they were to programs, too
    _, out, _ = run_program(server, "print(open('made.txt').read())", session="work")
    assert out == "by a program\n"
    assert server.delete("/api/workspaces/work").status_code == 204
    assert wait_until(lambda: not kept(made, "work"))
    server = restart(made, how)
    assert [w["name"] for w in server.get("/api/workspaces").json()] == ["empty"]
    assert len(folders(made)) == 1


def test_who_was_told_of_a_runs_end_finds_its_files_after_a_kill_in_the_same_moment(make_server):
    made = make_server("--stock-kernels", "0", "--stock-boxes", "1")
    for turn in range(3):
        run = Run(made.server, f"for i in range(300): open(f'{{i}}.txt', 'w').write('{turn} ' * 10000)", session="work")
        while run.model()["state"] != "exited":
            pass
        server = restart(made, signal.SIGKILL)
        assert {f["path"] for f in files_of(server, "work")["files"]} == {f"{i}.txt" for i in range(300)}
        assert server.get("/api/workspaces/work/files/299.txt").text == f"{turn} " * 10000


def test_nobody_else_can_read_them_and_nothing_piles_up(make_server):
    made = make_server("--stock-kernels", "0", "--stock-boxes", "0")
    for i in range(20):
        put(made.server, "work", "secret.txt", b"version %d" % i)
    assert is_written(made, "work")
    folder, = folders(made)
    # session.json first, then what it does not name goes
    assert wait_until(lambda: len(list(folder.iterdir())) == 2), list(folder.iterdir())
    assert (folder / "session.json").exists()
    for path in (folder.parent, folder):
        assert path.stat().st_mode & 0o777 == 0o700, path
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_what_is_damaged_is_left_out_and_told(make_server):
    made = make_server("--stock-kernels", "0", "--stock-boxes", "0")
    for session in ("work", "other"):
        for i in range(3):
            put(made.server, session, f"{i}.txt", b"%d" % i)
        assert is_written(made, session)
    made.server.process.kill()
    hashes = {f["path"]: f["hash"] for f in kept(made, "work")["files"]}
    for folder in folders(made):
        name = json.loads((folder / "session.json").read_text())["name"]
        if name == "other":
            (folder / "session.json").write_text('{"version":1,"name":"oth')
            continue
        (folder / hashes["0.txt"]).write_bytes(b"another")
        (folder / hashes["1.txt"]).unlink()
        (folder / "half.new").write_bytes(b"begun by a server that was killed")
    server = made.start_server()
    assert [f["path"] for f in files_of(server, "work")["files"]] == ["2.txt"]
    assert server.get("/api/workspaces/other").status_code == 404
    log = server.process.log(200)
    assert log.count("a session's file is lost") == 2 and "a session was not taken over" in log
    put(server, "work", "3.txt", b"3")
    assert is_written(made, "work")
    assert wait_until(lambda: not list(folders(made)[0].parent.glob("*/*.new")))


def test_a_session_that_was_bound_has_its_grace(make_server):
    made = make_server("--stock-kernels", "0", "--session-grace-s", "0")
    with made.server.get("/api/workspaces/page/events?attach=1", stream=True):
        run = Run(made.server, "print('on', flush=True)\nimport time\ntime.sleep(600)", session="page", limits={"wall_s": 600})
        run.wait_output("on")
        assert wait_until(lambda: (kept(made, "page") or {}).get("bound"))
        server = restart(made, signal.SIGKILL)
        now = server.get("/api/workspaces/page").json()
        assert now["state"] == "grace" and 0 < now["grace_s"] <= 10, now
        with server.get("/api/workspaces/page/events?attach=1", stream=True):
            assert server.get("/api/workspaces/page").json()["state"] == "attached"
            assert server.get(f"/api/runs/{run.id}").json()["state"] == "running"
        # and without one that comes back it ends, its programs with it
        assert wait_until(lambda: server.get("/api/workspaces/page").status_code == 404)
    assert server.get(f"/api/runs/{run.id}").json()["reason"] == "stopped"


@pytest.mark.parametrize("how", (signal.SIGKILL, signal.SIGUSR1))
def test_a_kernel_that_was_being_started_is_started(make_server, how):
    made = make_server("--stock-kernels", "0", "--stock-boxes", "0")
    os.kill(made.boxd.process.pid, signal.SIGSTOP)  # no box comes to be
    kernel = made.server.start_kernel(name="python3", env={"WHO": "me"})
    other = made.server.start_kernel(name="python3")
    assert made.server.delete(f"/api/kernels/{other}").status_code == 204
    assert made.server.kernel(kernel)["execution_state"] == "starting"
    made.server.process.proc.send_signal(how)
    if how != signal.SIGKILL:
        os.kill(made.boxd.process.pid, signal.SIGCONT)
    made.server.process.proc.wait(30)
    server = made.start_server()
    os.kill(made.boxd.process.pid, signal.SIGCONT)
    assert [k["id"] for k in server.get("/api/kernels").json()] == [kernel]
    with server.channels(kernel) as c:
        assert c.execute("import os\nprint(os.environ['WHO'])").stdout == "me\n"
    if how == signal.SIGKILL:
        assert "started anew" in server.process.log(200)


def test_a_users_use_of_his_quotas_comes_back(make_server):
    folder = new_directory()
    users = write_users(folder, bob={"quotas": {"cpu_s": 100}})
    made = make_server("--users", str(users), "--stock-kernels", "0")
    run_program(as_user(made.server, "bob"), "import time\nend = time.process_time() + 1.2\nwhile time.process_time() < end: pass")
    before = as_user(made.server, "bob").get("/api/me").json()["kernelgw"]
    assert before["used"]["cpu_s"] >= 1
    state = made.directory / "state" / "accounts.json"
    assert wait_until(lambda: state.exists() and json.loads(state.read_text()).get("bob", {}).get("cpu_ms", 0) >= 1000)
    after = as_user(restart(made, signal.SIGKILL), "bob").get("/api/me").json()["kernelgw"]
    assert (after["used"]["cpu_s"], after["period"]["ends"]) == (before["used"]["cpu_s"], before["period"]["ends"])
    remove(folder)
