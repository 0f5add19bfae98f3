"""kill -9 of any part in mid-work, then start: every box is adopted again or gone; nothing is orphaned."""
import random
import re
import signal
import threading
import time
import uuid

import pytest
import requests

from support import procs
from support.runs import Run, run

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(180)]


def work(server, mark):
    """Two kernels and a program, all busy, recognisable from outside by mark."""
    kernels = [server.start_kernel(name="python3") for _ in range(2)]
    sockets = [server.channels(k) for k in kernels]
    for c in sockets:
        c.execute(f"import subprocess; p = subprocess.Popen(['sleep', '600'], env={{'MARK': '{mark}'}})")
        c.send_execute("while True: print('x')")
    program = Run(server, "import time\nwhile True: print('y', flush=True); time.sleep(0.01)", args=[mark])
    program.wait_output("y")
    assert len(procs.with_marker(mark)) >= 3
    return kernels


def assert_adopted_or_gone(server, mark, kernels):
    """What lives of the old work is known to the new server."""
    def settled():
        known = {k["id"] for k in server.get("/api/kernels").json()} & set(kernels)
        return known or server.get("/api/runs").json() or not procs.with_marker(mark)

    assert procs.wait_until(settled), f"orphans: {procs.with_marker(mark)}"
    for kernel_id in kernels:
        if server.get(f"/api/kernels/{kernel_id}").status_code == 200:
            server.delete(f"/api/kernels/{kernel_id}")
    for known in server.get("/api/runs").json():
        server.delete(f"/api/runs/{known['run_id']}")
    assert procs.wait_until(lambda: not procs.with_marker(mark)), procs.with_marker(mark)


def assert_works(server):
    kernel_id = server.start_kernel(name="python3")
    with server.channels(kernel_id, timeout=60) as c:
        assert c.execute("6*7").result == "42"
    server.delete(f"/api/kernels/{kernel_id}")
    assert run(server, "print('fine')")[1] == "fine\n"


def boxes(made):
    """Ids of all boxes that boxd has, by their cgroups."""
    return {p.name for p in made.boxd.cgroups() if re.fullmatch("[0-9a-f]{32}", p.name)}


def assert_gone(made, old):
    assert procs.wait_until(lambda: not old & boxes(made)), f"of the dead server's boxes: {old & boxes(made)}"


def test_server_is_killed(make_server):
    made = make_server()
    mark = f"mark-{uuid.uuid4()}"
    kernels = work(made.server, mark)
    old = boxes(made)
    assert len(old) >= 3
    made.server.process.kill(signal.SIGKILL)
    server = made.start_server()
    assert_works(server)
    assert_adopted_or_gone(server, mark, kernels)
    assert_gone(made, old)


def test_boxd_is_killed(make_server):
    made = make_server()
    mark = f"mark-{uuid.uuid4()}"
    kernels = work(made.server, mark)
    made.boxd.process.kill(signal.SIGKILL)
    assert made.server.get("/api/status").status_code == 200, "the server goes on"
    time.sleep(0.3)
    made.boxd.start()
    assert made.server.process.alive()
    assert procs.wait_until(lambda: _tries(assert_works, made.server), 40, 1), "boxes can be made again"
    assert_adopted_or_gone(made.server, mark, kernels)


def test_both_are_killed(make_server):
    made = make_server()
    mark = f"mark-{uuid.uuid4()}"
    kernels = work(made.server, mark)
    old = boxes(made)
    made.server.process.kill(signal.SIGKILL)
    made.boxd.process.kill(signal.SIGKILL)
    made.boxd.start()
    server = made.start_server()
    assert_works(server)
    assert_adopted_or_gone(server, mark, kernels)
    assert_gone(made, old)


def test_server_is_killed_at_random_moments(make_server):
    """In the midst of making boxes, five times; the leak check at the session's end has the last word."""
    made = make_server()
    chance = random.Random(1)
    mark, old = f"mark-{uuid.uuid4()}", set()
    for _ in range(5):
        server = made.server

        def storm():
            try:
                for _ in range(4):
                    server.start_kernel(name="python3")
                    Run(server, "while True: pass", args=[mark])
            except (requests.RequestException, AssertionError):
                pass  # it was killed: that is the test

        threads = [threading.Thread(target=storm) for _ in range(3)]
        for t in threads:
            t.start()
        time.sleep(chance.uniform(0.02, 1.2))
        old |= boxes(made)
        server.process.kill(signal.SIGKILL)
        for t in threads:
            t.join(30)
        made.start_server()
    assert_works(made.server)
    assert_adopted_or_gone(made.server, mark, [k["id"] for k in made.server.get("/api/kernels").json()])
    assert_gone(made, old)


def test_terminated_server_leaves_no_box(make_server):
    """SIGTERM in mid-work: a clean end, status 0, and no box."""
    made = make_server()
    mark = f"mark-{uuid.uuid4()}"
    work(made.server, mark)
    assert made.server.stop() == 0
    made.server = None
    assert procs.wait_until(lambda: not made.boxd.pids()), [procs.cmdline(p) for p in made.boxd.pids()]


def _tries(check, *args):
    try:
        check(*args)
        return True
    except (AssertionError, requests.RequestException):
        return False
