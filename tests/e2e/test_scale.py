"""A server's whole life: sessions that come and go without end (60, with --long 10,000), and many that live at once, each with a
running program (20, with --long 500). Times are told, never asserted."""
import concurrent.futures
import os
import statistics
import threading
import time

import pytest

from support import procs
from support.runs import Run
from support.servers import Server

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(7200)]

LONG = bool(os.environ.get("KERNELGW_LONG"))
LIVES = 10000 if LONG else 60
LIVE = 500 if LONG else 20
AT_ONCE = 8

local = threading.local()


def own(server):
    """The server with connections of this thread's own."""
    if getattr(local, "of", None) is not server:
        local.of = server
        local.server = Server(server.process, server.url, server.token, server.directory, server.kind, server.engine)
    return local.server


def held(made):
    """What a server and its boxd hold of the machine, by name."""
    server, boxd = made.server, made.boxd
    return {"server's descriptors": procs.open_files(server.process.pid), "boxd's descriptors": procs.open_files(boxd.process.pid),
            "server's kB": procs.rss_kb(server.process.pid), "boxd's kB": procs.rss_kb(boxd.process.pid),
            "networks": len(list((boxd.run_dir / "net").iterdir())), "cgroups": len(boxd.cgroups()),
            "processes": len(boxd.pids()), "sessions": len(server.get("/api/workspaces").json()),
            "folders of sessions": len(list((made.directory / "state" / "workspaces").iterdir()))}


def settled(made):
    """Nothing runs: the stock is whole, and all that was given back is gone."""
    def calm():
        pool = own(made.server).get("/api/status").json()["kernelgw"]["pool"]
        now = held(made)
        return (pool["starting"] == pool["draining"] == 0 and sum(s["idle"] for s in pool["stock"]) == pool["boxes"] == 3 and
                now["networks"] == now["sessions"] == now["folders of sessions"] == 0)
    assert procs.wait_until(calm, 120, 0.2), held(made)
    return held(made)


def one_life(server, name):
    """A session is made by its first program, which has a network, leaves a file, and is left. Its time in ms."""
    server, begun = own(server), time.monotonic()
    run = Run(server, f"import socket\nsocket.create_server(('127.0.0.1', 80))\nopen('kept.txt', 'w').write('{name}')\nprint('{name}')",
              session=name, network="session")
    end = list(run.events(timeout=300))[-1]["exit"]
    took = (time.monotonic() - begun) * 1000
    assert end["exit_code"] == 0 and run.output() == f"{name}\n", (end, run.output())
    assert server.get(f"/api/workspaces/{name}/files/kept.txt").text == name
    assert server.delete(f"/api/workspaces/{name}").status_code == 204
    assert server.get(f"/api/workspaces/{name}").status_code == 404
    return took


def test_sessions_come_and_go_without_end(make_server, figure):
    made = make_server("--stock-kernels", "0", "--stock-boxes", "3", "--stock-extra-mb", "0", "--max-boxes", "40")
    tenths, seen = [], []
    settled(made)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as threads:
        for tenth in range(10):
            names = [f"s{tenth}-{i}" for i in range(LIVES // 10)]
            tenths.append(statistics.median(threads.map(lambda n: one_life(made.server, n), names)))
            seen.append(settled(made))
    for figures in seen[1:]:  # the first has brought everything that a server makes once
        for name in ("server's descriptors", "boxd's descriptors", "cgroups", "processes"):
            assert figures[name] <= seen[0][name] + 2, (name, seen)
        for name in ("server's kB", "boxd's kB"):
            assert figures[name] <= seen[0][name] + (20 << 10), (name, seen)
    figure(f"a session, its first run and its end, {AT_ONCE} at once, of {LIVES}, first tenth", tenths[0], "ms")
    figure(f"a session, its first run and its end, {AT_ONCE} at once, of {LIVES}, last tenth", tenths[-1], "ms")
    for name in ("server's kB", "boxd's kB", "server's descriptors", "boxd's descriptors"):
        thing, unit = name.split()
        for when, figures in (("the first tenth", seen[0]), (f"{LIVES} sessions", seen[-1])):
            figure(f"{thing} {'memory' if unit == 'kB' else unit} after {when}", figures[name], "kB" if unit == "kB" else "")


def start_one(server, i):
    server, begun = own(server), time.monotonic()
    run = Run(server, "import sys, time\nprint('on', flush=True)\nsys.stdin.readline()\nprint('off')", session=f"live{i}",
              limits={"wall_s": 600})
    for event in run.events(timeout=300):
        if event.get("stdout", "").startswith("on"):  # its end may come by itself
            return run, (time.monotonic() - begun) * 1000
    raise AssertionError(run.model())


def test_many_sessions_live_at_once_each_with_a_program(make_server, figure):
    made = make_server("--stock-kernels", "0", "--stock-boxes", "3", "--stock-extra-mb", "0", "--max-boxes", str(LIVE + 20),
                       "--max-runs", str(LIVE + 10), "--max-queue", str(LIVE))
    server, before = made.server, settled(made)
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        started = list(threads.map(lambda i: start_one(server, i), range(LIVE)))
        full = held(made)
        assert full["sessions"] == LIVE and full["processes"] >= LIVE * 2  # an agent and a program each
        used = server.get("/api/workspaces?usage=1").json()
        assert len(used) == LIVE and all(w["boxes"] == 1 and w["memory_bytes"] > 1 << 20 for w in used), used[0]
        more, one_more = start_one(server, "-more")
        assert server.delete("/api/workspaces/live-more").status_code == 204
        assert server.delete(f"/api/runs/{more.id}").status_code == 204  # of ended ones 500 are kept
        # each is still there and hears its own input alone
        for run, _ in started:
            assert run.stdin(b"\n").status_code == 204
        for run, _ in started:
            assert run.wait(120)["exit_code"] == 0 and run.output() == "on\noff\n"
        list(threads.map(lambda i: own(server).delete(f"/api/workspaces/live{i}"), range(LIVE)))
    after = settled(made)
    times = [t for _, t in started]
    tenth = max(1, LIVE // 10)
    figure(f"{LIVE} sessions with a program each: to its first line, 4 at once, first tenth", statistics.median(times[:tenth]), "ms")
    figure("the same, last tenth", statistics.median(times[-tenth:]), "ms")
    figure("the same, one more beside them", one_more, "ms")
    figure("memory of a session with its program, by its box's cgroup", statistics.median(w["memory_bytes"] for w in used) / 1024, "kB")
    figure("beside that, the server's", (full["server's kB"] - before["server's kB"]) / LIVE, "kB")
    figure("beside that, boxd's", (full["boxd's kB"] - before["boxd's kB"]) / LIVE, "kB")
    for name in ("server's descriptors", "boxd's descriptors", "cgroups", "processes"):
        own_connections = 5 if name == "server's descriptors" else 0  # which the test's threads keep
        assert after[name] <= before[name] + 2 + own_connections, (name, before, after)
