"""Sessions of programs and kernels (/api/workspaces): their networks, names, ports, boxes, turns and ends."""
import json
import os
import socket
import threading
import time
from datetime import datetime, timezone

import pytest

from support import procs
from support.runs import Run

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

SERVER = """
import socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True:
    c, _ = s.accept()
    with c:
        c.sendall(sys.argv[2].encode() + b" " + c.recv(100))
"""
CLIENT = """
import socket, sys
for host in sys.argv[2:]:
    with socket.create_connection((host, int(sys.argv[1])), 5) as c:
        c.sendall(b"hello")
        print(host, c.recv(100).decode(), flush=True)
"""
SCAN = """
import socket
def reaches(host, port):
    try:
        with socket.create_connection((host, port), 0.5) as s:
            return s.getsockname() != s.getpeername()  # a port that was free can meet itself
    except OSError:
        return False
found = [p for p in range(1, 65536) if reaches("127.0.0.1", p)]
found += [h for h in ("169.254.169.254", "10.0.0.1", "172.17.0.1", "192.168.0.1", "8.8.8.8", "box") for p in (%d, 22, 80)
          if reaches(h, p)]
print("found", found)
print("unix", open("/proc/net/unix").read().count("@"))
"""


def start_server(server, session, port=5000, word="reply", **more):
    run = Run(server, files={"src/server.py": SERVER}, entry="src/server.py", session=session, network="session",
              args=[str(port), word], **more)
    run.wait_output("listening")
    return run


def ask(server, session, *hosts, port=5000):
    run = Run(server, files={"client.py": CLIENT}, entry="client.py", session=session, network="session",
              args=[str(port), *hosts])
    model = run.wait()
    assert model["exit_code"] == 0, run.output()
    return run.output().split("\n")[:-1]


def leave(server, *names):
    for name in names:
        assert server.delete(f"/api/workspaces/{name}").status_code in (204, 404)


def workspace(server, name):
    r = server.get(f"/api/workspaces/{name}")
    return r.json() if r.status_code == 200 else None


def test_programs_of_a_session_talk_by_localhost_and_by_name(server):
    run = start_server(server, "talk", aliases=["db"])
    hosts = ["localhost", "127.0.0.1", "server", "server.py", "DB"]
    assert ask(server, "talk", *hosts) == [f"{h} reply hello" for h in hosts]
    assert run.model()["network"] == "session"
    # In the default mode there is no network, whatever the session.
    alone = Run(server, CLIENT, session="talk", args=["5000", "localhost"])
    assert alone.wait()["exit_code"] == 1 and "refused" in alone.output()
    leave(server, "talk")
    assert run.wait()["reason"] == "stopped" and workspace(server, "talk") is None


UDP_SERVER = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True:
    data, peer = s.recvfrom(100)
    s.sendto(sys.argv[2].encode() + b" " + data, peer)
"""
UDP_CLIENT = """
import socket, sys
for host in sys.argv[2:]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(20)
        s.connect((host, int(sys.argv[1])))
        s.send(b"hello")
        print(host, s.recv(100).decode(), flush=True)
"""


def test_datagrams_by_localhost_and_by_name_and_one_port_in_two_sessions_at_once(server):
    names = ["udp-one", "udp-two"]
    for name in names:
        run = Run(server, files={"clock.py": UDP_SERVER}, entry="clock.py", session=name, network="session", aliases=["time"],
                  args=["123", name], limits={"wall_s": 300})  # a port below 1024
        run.wait_output("listening")
    for name in names:
        asking = Run(server, UDP_CLIENT, session=name, network="session", args=["123", "localhost", "clock", "clock.py", "time"])
        assert asking.wait()["exit_code"] == 0, asking.output()
        assert asking.output().splitlines() == [f"{host} {name} hello" for host in ("localhost", "clock", "clock.py", "time")]
    leave(server, *names)


def test_unix_sockets_with_a_path_stay_in_their_box(server):
    """Two processes of one box meet by it; a program of the same session in another box does not find it."""
    holder = Run(server, session="paths", network="session", code="""
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind("/tmp/own.sock")
s.listen()
if os.fork() == 0:
    with socket.socket(socket.AF_UNIX) as c:
        c.connect("/tmp/own.sock")
        c.sendall(b"from a child")
    os._exit(0)
print(s.accept()[0].recv(100).decode(), flush=True)
input()
""")
    holder.wait_output("from a child")
    other = Run(server, session="paths", network="session", code="""
import socket
with socket.socket(socket.AF_UNIX) as c:
    try:
        c.connect("/tmp/own.sock")
        print("reached")
    except OSError as e:
        print(type(e).__name__)
""")
    assert other.wait()["exit_code"] == 0 and other.output() == "FileNotFoundError\n", other.output()
    assert holder.model()["state"] == "running"
    leave(server, "paths")


def test_twenty_sessions_on_one_port_do_not_meet(make_server):
    server = make_server("--stock-boxes", "3", "--stock-kernels", "0").server
    names = [f"s{i}" for i in range(20)]
    runs = [Run(server, files={"server.py": SERVER}, entry="server.py", session=n, network="session",
                args=["80", n], limits={"wall_s": 300}) for n in names]  # 20 cold clients at once
    for run in runs:
        run.wait_output("listening", 120)
    for name in names:
        assert ask(server, name, "localhost", "server", port=80) == [f"localhost {name} hello", f"server {name} hello"]
    assert len(server.get("/api/workspaces").json()) == 20
    scan = Run(server, SCAN % server.port, session="other", network="session", limits={"wall_s": 120})
    scan.wait(120)
    assert scan.output("stdout").startswith("found []\n"), scan.output()
    leave(server, *names, "other")
    assert all(run.wait()["reason"] == "stopped" for run in runs)
    assert server.get("/api/workspaces").json() == []


def test_kernels_join_a_session(server):
    start_server(server, "mixed", word="program")
    kernel = server.start_kernel(name="python3", env={"KERNELGW_SESSION": "mixed", "KERNELGW_NETWORK": "session"})
    other = server.start_kernel(name="python3", kernelgw={"session": "mixed"})
    code = ("import socket, os\nc = socket.create_connection(('server', 5000), 5)\nc.sendall(b'x')\n"
            "print(c.recv(99).decode(), [v for v in os.environ if 'KERNELGW' in v])")
    with server.channels(kernel) as c:
        assert c.execute(code).stdout == "program x []\n"
    with server.channels(other) as c:
        assert c.execute(code).error
    assert {k["id"] for k in workspace(server, "mixed")["kernels"]} == {kernel, other}
    assert server.post(f"/api/kernels/{kernel}/restart", {}).status_code == 200
    with server.channels(kernel) as c:
        assert c.execute(code).stdout == "program x []\n"
    leave(server, "mixed")
    assert server.get(f"/api/kernels/{kernel}").status_code == 404


def test_ports_are_listed_with_who_listens(server):
    a = start_server(server, "ports", 5000)
    b = start_server(server, "ports", 5001)
    listed = sorted(server.get("/api/workspaces/ports/ports").json(), key=lambda p: p["port"])
    assert [(p["port"], p["run_id"], p["console"]) for p in listed] == [
        (5000, a.id, "src/server.py"), (5001, b.id, "src/server.py")]
    a.signal("KILL")
    a.wait()
    assert [p["port"] for p in server.get("/api/workspaces/ports/ports").json()] == [5001]
    leave(server, "ports")
    assert server.get("/api/workspaces/ports/ports").status_code == 404


class Events:
    """Reads a workspace's event stream in a thread."""

    def __init__(self, server, name, query=""):
        self.seen, self.response = [], server.get(f"/api/workspaces/{name}/events{query}", stream=True)
        assert self.response.status_code == 200, self.response.text
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        name = None
        try:
            for line in self.response.iter_lines(chunk_size=None):
                if line.startswith(b"event: "):
                    name = line[7:].decode()
                elif line.startswith(b"data: "):
                    self.seen.append((name, json.loads(line[6:])))
        except Exception:  # closed by the test
            pass

    def wait(self, true_of, seconds=20):
        assert procs.wait_until(lambda: any(true_of(n, d) for n, d in list(self.seen)), seconds), self.seen[-3:]

    def close(self):
        self.response.raw._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        self.reader.join(10)  # the connection is its own until then: closed under it, it would come back into the pool half read
        self.response.close()


def test_events_tell_the_whole_state(server):
    assert server.post("/api/workspaces", {"name": "watched"}).status_code == 201
    assert server.post("/api/workspaces", {"name": "watched"}).status_code == 409
    events = Events(server, "watched")
    run = start_server(server, "watched", 5002)
    events.wait(lambda n, d: n == "workspace" and any(r["run_id"] == run.id for r in d["runs"]))
    events.wait(lambda n, d: n == "workspace" and [p["port"] for p in d.get("ports", [])] == [5002])
    leave(server, "watched")
    events.wait(lambda n, d: n == "ended")


def test_programs_end_when_the_connection_stays_away(make_server):
    server = make_server("--session-grace-s", "2", "--stock-kernels", "1").server
    events = Events(server, "ide", "?attach=1")
    events.wait(lambda n, d: n == "workspace")
    run = start_server(server, "ide", limits={"wall_s": 300})
    kernel = server.start_kernel(name="python3", kernelgw={"session": "ide"})
    events.close()
    assert procs.wait_until(lambda: (workspace(server, "ide") or {}).get("state") == "grace")
    back = Events(server, "ide", "?attach=1")  # in time
    assert procs.wait_until(lambda: workspace(server, "ide")["state"] == "attached")
    time.sleep(3)
    assert run.model()["state"] == "running"
    back.close()
    assert run.wait(20)["reason"] == "stopped"
    assert "listening" in run.output()  # what it said stays
    assert server.kernel(kernel)["execution_state"] in ("idle", "starting")  # nobody who starts kernels stays connected
    leave(server, "ide")


def test_a_box_is_used_again_clean_and_in_its_session_alone(server):
    dirty = ("import os, subprocess\nfor d in ('/work', '/tmp', '/dev/shm'): open(d + '/left', 'w').write('x')\n"
             "subprocess.Popen(['sleep', '1000'], start_new_session=True)\nprint(os.stat('/work').st_dev)")
    look = ("import os\nprint(os.stat('/work').st_dev, [d for d in ('/work', '/tmp', '/dev/shm') if os.path.exists(d + '/left')],"
            " [p for p in os.listdir('/proc') if p.isdigit() and b'sleep' in open(f'/proc/{p}/cmdline', 'rb').read()])")
    first = Run(server, dirty, session="again")
    first.wait()
    device = first.output().strip()
    assert procs.wait_until(lambda: workspace(server, "again")["boxes_kept"] == 1)
    second = Run(server, look, session="again", workspace_files=False)
    second.wait()
    assert second.output() == f"{device} [] []\n"
    networked = Run(server, look, session="again", network="session", workspace_files=False)
    networked.wait()
    assert networked.output().split()[0] != device  # it had no network
    other = Run(server, look, session="elsewhere")
    other.wait()
    assert other.output().split()[0] != device
    leave(server, "again", "elsewhere")


def test_a_session_has_its_share_and_its_turn(make_server):
    server = make_server("--session-runs", "2", "--session-queue", "3", "--max-queue", "4", "--stock-kernels", "0").server
    nap = "import time; time.sleep(60)"
    running = [Run(server, nap, session="a") for _ in range(2)]
    for run in running:
        run.wait_running()
    waiting = [Run(server, nap, session="a") for _ in range(3)]
    assert [r.model()["position"] for r in waiting] == [1, 2, 3]
    body = {"language": "python", "entry": "a.py", "files": [{"path": "a.py", "content": ""}]}
    full = server.post("/api/runs", {**body, "session": "a"})
    assert full.status_code == 429 and full.headers["Retry-After"] and "wait already" in full.json()["message"]
    quick = Run(server, "print(1)", session="b")  # another session does not wait for this one
    assert quick.wait()["exit_code"] == 0
    waiting[0].signal("KILL")
    assert waiting[0].wait()["reason"] == "stopped"
    running[0].signal("KILL")
    waiting[1].wait_running()
    assert waiting[2].model()["position"] == 1
    leave(server, "a", "b")
    assert {r.wait()["reason"] for r in running + waiting} == {"stopped"}


def test_what_a_session_may_use_is_bounded(make_server):
    server = make_server("--session-cpu-s", "1", "--session-kernels", "1", "--session-output-mb", "1").server
    Run(server, "import time\nwhile time.process_time() < 1.2: pass", session="cpu").wait()
    body = {"language": "python", "entry": "a.py", "files": [{"path": "a.py", "content": "print('x' * 2000000)"}]}
    refused = server.post("/api/runs", {**body, "session": "cpu"})
    assert refused.status_code == 429 and "processor time" in refused.json()["message"]
    Run(server, "print('x' * 2000000)", session="out").wait()
    assert server.post("/api/runs", {**body, "session": "out"}).status_code == 429
    server.start_kernel(name="python3", kernelgw={"session": "k"})
    assert server.post("/api/kernels", {"name": "python3", "kernelgw": {"session": "k"}}).status_code == 429
    leave(server, "cpu", "out", "k")


def test_events_say_what_has_changed(server):
    events = Events(server, "told", "?attach=1")

    def seen(what, how, id=None):
        change = {"what": what, "how": how, **({"id": id} if id else {})}
        return procs.wait_until(lambda: any(n == "changes" and change in c for n, c in events.seen))

    assert server.rest("PUT", "/api/workspaces/told/files/a.txt", data=b"a").status_code == 201
    assert seen("file", "made", "a.txt")
    assert events.seen[0][0] == "workspace"  # the first is the state, which nothing has led to
    run = Run(server, "import os, socket\ns = socket.create_server(('127.0.0.1', 5000))\nprint('on', flush=True)\ninput()\n"
              "open('a.txt', 'w').write('b')\nopen('b.txt', 'w').write('b')", session="told", network="session")
    assert seen("run", "begun", run.id) and seen("run", "running", run.id) and seen("port", "opened", "5000")
    run.stdin(b"\n")
    assert seen("run", "ended", run.id) and seen("file", "changed", "a.txt") and seen("file", "made", "b.txt")
    assert seen("port", "closed", "5000")
    assert server.delete("/api/workspaces/told/files/b.txt").status_code == 204 and seen("file", "deleted", "b.txt")
    kernel = server.start_kernel(name="python3", kernelgw={"session": "told"})
    with server.channels(kernel) as c:
        c.execute("1")
    for how in ("begun", "idle", "busy"):
        assert seen("kernel", how, kernel), how
    assert server.delete(f"/api/kernels/{kernel}").status_code == 204 and seen("kernel", "ended", kernel)
    assert server.delete("/api/workspaces/told/files").status_code == 204 and seen("files", "cleared")
    told = [json.dumps(c) for n, list_ in events.seen if n == "changes" for c in list_ if c["what"] != "kernel"]
    assert len(told) == len(set(told)), told  # each once
    leave(server, "told")


def test_a_hundred_arrivals_are_all_served_in_turn(make_server, figure):
    server = make_server("--stock-boxes", "3", "--stock-kernels", "0", "--max-boxes", "12", "--max-runs", "8").server
    assert procs.wait_until(lambda: sum(s["idle"] for s in server.get("/api/status").json()["kernelgw"]["pool"]["stock"]) == 3, 30)
    count, sessions = 100 if os.environ.get("KERNELGW_LONG") else 40, 10
    first = [Run(server, "input()", session="first") for _ in range(8)]  # all places: whoever comes now waits
    for r in first:
        r.wait_running()
    began = time.monotonic()
    # One session after the other. Each is busy for longer than a box takes to be made: sessions that have one start at once.
    runs = [Run(server, "import time; time.sleep(0.5)", session=f"s{i // (count // sessions)}") for i in range(count)]
    arrived = time.monotonic() - began
    told = [m["position"] for m in (r.model() for r in runs) if "position" in m]
    assert len(told) == count and max(told) > count // 2  # who waits is told how many come before
    free = datetime.now(timezone.utc)
    for r in first:
        r.stdin(b"\n")
    models = [r.wait(300) for r in runs]
    assert [m["exit_code"] for m in models] == [0] * count
    # Sessions take turns: the last one to ask has not waited for all that the first one asked.
    order = [m["session"] for m in sorted(models, key=lambda m: m["started"])]
    assert {f"s{i}" for i in range(sessions)} <= set(order[:count * 3 // 4]), " ".join(order)
    waits = sorted((datetime.fromisoformat(m["started"]) - free).total_seconds() * 1000 for m in models)
    figure(f"{count} arrivals in {arrived:.1f} s, stock of 3: wait from the first free place on, median", waits[count // 2], "ms")
    figure(f"{count} arrivals in {arrived:.1f} s, stock of 3: the same, p95", waits[count * 95 // 100], "ms")
    leave(server, "first", *(f"s{i}" for i in range(sessions)))


def test_wrong_requests_are_told_in_words(server):
    body = {"language": "python", "entry": "a.py", "files": [{"path": "a.py", "content": ""}]}
    for more, word in (({"network": "host"}, "network"), ({"session": "a/b"}, "session"), ({"session": ""}, "session"),
                       ({"aliases": ["x"]}, "aliases"), ({"network": "session", "aliases": ["a b"]}, "aliases[0]"),
                       ({"network": "session", "aliases": ["localhost"]}, "aliases[0]"),
                       ({"network": "session", "aliases": ["x"] * 17}, "aliases")):
        r = server.post("/api/runs", {**body, **more})
        assert r.status_code == 400 and word in r.json()["message"], (more, r.text)
    for own in ({"network": 1}, {"session": 1}, {"aliases": ["x"]}, {"more": 1}):
        assert server.post("/api/kernels", {"name": "python3", "kernelgw": own}).status_code == 400, own
    assert server.post("/api/workspaces", {"name": "a/b"}).status_code == 400
    assert server.post("/api/workspaces", {"title": "a"}).status_code == 400
    assert server.get("/api/workspaces/none").status_code == 404
    assert server.delete("/api/workspaces/none").status_code == 404
    assert server.get("/api/workspaces/none/events").status_code == 404


def test_idle_kernels_are_culled_but_not_who_is_connected_or_busy(make_server):
    server = make_server("--cull-idle-s", "2").server
    idle, connected, busy = (server.start_kernel(name="python3") for _ in range(3))
    with server.channels(connected), server.channels(busy) as c:
        c.send_execute("import time; time.sleep(30)")
        assert procs.wait_until(lambda: server.kernel(busy)["execution_state"] == "busy")
        c.close()
        assert procs.wait_until(lambda: server.get(f"/api/kernels/{idle}").status_code == 404)
        assert {k["id"] for k in server.get("/api/kernels").json()} == {connected, busy}
    for kernel in (connected, busy):
        server.delete(f"/api/kernels/{kernel}")


def test_idle_kernels_are_culled_though_connected_where_the_operator_says_so(make_server):
    """--cull-connected: an open socket keeps no idle kernel; one whose cell works goes on."""
    server = make_server("--cull-idle-s", "5", "--cull-connected").server
    busy = server.start_kernel(name="python3")
    with server.channels(busy) as at_work:
        at_work.send_execute("import time\nwhile True: time.sleep(0.05)")
        assert procs.wait_until(lambda: server.kernel(busy)["execution_state"] == "busy", 30)
        idle = server.start_kernel(name="python3")
        with server.channels(idle):
            assert procs.wait_until(lambda: server.get(f"/api/kernels/{idle}").status_code == 404, 30)
        assert server.kernel(busy)["execution_state"] == "busy"
    server.delete(f"/api/kernels/{busy}")


def test_a_session_lives_through_a_restart_of_the_server(make_server):
    made = make_server()
    run = start_server(made.server, "kept", word="before", aliases=["db"], limits={"wall_s": 300})
    kernel = made.server.start_kernel(name="python3", kernelgw={"session": "kept", "network": "session"})
    with made.server.channels(kernel) as c:
        c.execute("pass")
    made.server.process.kill()
    server = made.start_server()
    assert procs.wait_until(lambda: server.get(f"/api/runs/{run.id}").json()["state"] == "running")
    code = "import socket\nc = socket.create_connection(('db', 5000), 5)\nc.sendall(b'x')\nprint(c.recv(99).decode())"
    with server.channels(kernel) as c:
        assert c.execute(code).stdout == "before x\n"
    assert ask(server, "kept", "localhost", "server") == ["localhost before hello", "server before hello"]
    model = workspace(server, "kept")
    assert run.id in [r["run_id"] for r in model["runs"]] and [k["id"] for k in model["kernels"]] == [kernel]
    leave(server, "kept")
