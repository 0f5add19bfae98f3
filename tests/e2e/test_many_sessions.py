"""Many connected sessions, each with a network of its own and a run in it: 40, with --long 4,000."""
import os
import resource
import socket
import statistics
import time

import pytest

from support import procs

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(3000)]

COUNT = 4000 if os.environ.get("KERNELGW_LONG") else 40
AT_ONCE = 20
CODE = "import socket, sys\ns = socket.create_server(('127.0.0.1', 80))\nprint(sys.argv[1], len(open('/proc/net/tcp').readlines()))"


def attend(server, name):
    """A connection that the session is bound to, as the IDE's."""
    s = socket.create_connection(("127.0.0.1", server.port), 20)
    s.sendall(f"GET /api/workspaces/{name}/events?attach=1 HTTP/1.1\r\nHost: localhost\r\n"
              f"Authorization: token {server.token}\r\n\r\n".encode())
    assert b" 200 " in s.recv(4096)
    return s


def begin(server, name):
    r = server.post("/api/runs", {"language": "python", "entry": "server.py", "args": [name], "session": name, "network": "session",
                                  "files": [{"path": "server.py", "content": CODE}]})
    assert r.status_code == 202, r.text
    return r.json()["run_id"]


def done(server, run):
    return server.get(f"/api/runs/{run}").json()["state"] in ("exited", "lost")


def test_each_of_many_sessions_has_its_network_and_its_run(make_server, figure):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, COUNT + 1000)), hard))
    made = make_server("--stock-kernels", "0", "--stock-boxes", "3", "--max-boxes", "40", "--session-grace-s", "0")
    server = made.server
    before = server.rss_kb()
    sockets, times = [], []
    for i in range(COUNT):
        sockets.append(attend(server, f"s{i}"))
    figure(f"memory of an idle, connected session, of {COUNT}", (server.rss_kb() - before) / COUNT, "kB")
    for first in range(0, COUNT, AT_ONCE):
        begun = time.monotonic()
        names = [f"s{i}" for i in range(first, min(first + AT_ONCE, COUNT))]
        runs = [begin(server, name) for name in names]
        for name, run in zip(names, runs):
            assert procs.wait_until(lambda r=run: done(server, r), 120, 0.02), name
            model = server.get(f"/api/runs/{run}").json()
            out = server.get(f"/api/runs/{run}/output").text
            assert model["exit_code"] == 0 and out == f"{name} 2\n", (model, out)  # its own listener, and no other
        times.append((time.monotonic() - begun) / len(names) * 1000)
    tenth = max(1, len(times) // 10)
    figure(f"a session's first run in its network, {AT_ONCE} at once, first tenth", statistics.median(times[:tenth]), "ms")
    figure(f"a session's first run in its network, {AT_ONCE} at once, last tenth", statistics.median(times[-tenth:]), "ms")
    listed = server.get("/api/workspaces").json()
    assert len(listed) == COUNT and {w["state"] for w in listed} == {"attached"}
    assert len(list((made.boxd.run_dir / "net").iterdir())) == COUNT
    stock = next(s for s in server.get("/api/status").json()["kernelgw"]["pool"]["stock"] if s["kind"] == "box")
    figure("memory of a warm box for programs", stock["box_bytes"] / 1024, "kB")
    for s in sockets:
        s.close()
    assert procs.wait_until(lambda: server.get("/api/workspaces").json() == [], 60, 0.2)
    assert procs.wait_until(lambda: not list((made.boxd.run_dir / "net").iterdir()), 60, 0.2)
