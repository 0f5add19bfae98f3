"""
kill -9 of random parts under load, for 15 s and with --long for two minutes: no answer may be a wrong one (losing one's program, and
being told, is allowed), all works again afterwards, and nothing is left: of boxes, when it is over, and of anything at the end of
the run (conftest.py).
"""
import os
import random
import re
import signal
import threading
import time

import pytest
import requests

from support import procs
from support.runs import Run

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(400)]

LONG = bool(os.environ.get("KERNELGW_LONG"))
SECONDS = 120 if LONG else 15
SEED = int(os.environ.get("KERNELGW_CHAOS_SEED", "0")) or random.randrange(1, 10**6)
LOST = (requests.RequestException, OSError, EOFError, TimeoutError)  # the server was killed meanwhile


class Worker(threading.Thread):
    """Does one kind of work again and again. `wrong` has what should never have been answered."""

    def __init__(self, made, over, number, work):
        super().__init__(daemon=True)
        self.made, self.over, self.number, self.work = made, over, number, work
        self.good, self.lost, self.wrong = 0, 0, []
        self.start()

    def run(self):
        turn = 0
        while not self.over.is_set():
            turn += 1
            try:
                wrong = self.work(self, f"{self.work.__name__}{self.number}x{turn}")
                self.wrong += [wrong] if wrong else []
                self.good += not wrong
            except Lost:
                self.lost += 1
            except Exception as e:  # noqa: BLE001: of the client libraries, when a server goes
                self.lost += 1
                if not isinstance(e, LOST) and "WebSocket" not in type(e).__name__ and not isinstance(e, AssertionError):
                    self.wrong.append(f"{type(e).__name__}: {e}")
                time.sleep(0.05)


class Lost(Exception):
    """The work was lost, and that was told."""


def finish(worker, code, **more):
    """The exit model and output of a program, through restarts of its server. Lost: it ended, or was forgotten."""
    run = Run(worker.made.server, code, **more)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        run.server = worker.made.server
        try:
            r = run.server.get(f"/api/runs/{run.id}", timeout=5)
            if r.status_code == 404:
                raise Lost
            model = r.json()
            if model["state"] == "lost" or (model["state"] == "exited" and model["reason"] != "exit"):
                raise Lost
            if model["state"] == "exited":
                return model, run.output()
        except LOST:
            pass
        time.sleep(0.05)
    raise AssertionError(f"run {run.id} does not end")


def program(worker, word):
    """Prints what only it can."""
    model, output = finish(worker, f"import time\nfor i in range(20): print('{word}', i, flush=True); time.sleep(0.01)")
    if model["exit_code"] == 0 and output != "".join(f"{word} {i}\n" for i in range(20)) and "were lost between" not in output:
        return f"{word}: {output!r}"
    return None


def files(worker, word):
    """A session's file is what its program wrote, never another's."""
    session = {"session": f"files-{worker.number}"}
    made, _ = finish(worker, f"open('word', 'w').write('{word}')", **session)
    if made["exit_code"] != 0 or "error" in made.get("files", {}):
        raise Lost
    r = worker.made.server.get(f"/api/workspaces/{session['session']}/files/word", timeout=5)
    if r.status_code == 200 and r.text != word:
        return f"{word}: the file has {r.text!r}"
    return None


def network(worker, word):
    """Two programs of a session meet; those of other sessions use the same port."""
    session = {"session": f"net-{worker.number}", "network": "session"}
    serve = f"import socket\ns = socket.create_server(('127.0.0.1', 7000))\ns.settimeout(20)\nc = s.accept()[0]\nc.sendall(b'{word}')"
    ask = ("import socket, time\nfor _ in range(100):\n try:\n  print(socket.create_connection(('127.0.0.1', 7000), 5).recv(100).decode()); break\n"
           " except OSError: time.sleep(0.05)\nelse: raise SystemExit(3)")
    server = worker.made.server
    serving = Run(server, serve, limits={"wall_s": 30}, **session)
    try:
        model, output = finish(worker, ask, limits={"wall_s": 20}, **session)
    finally:
        worker.made.server.delete(f"/api/runs/{serving.id}", timeout=5)
    if model["exit_code"] == 0 and output.strip() not in (word, ""):
        return f"{word}: heard {output!r}"
    return None


def kernel(worker, word):
    """A kernel's variable is what it was, or the kernel has died and says so."""
    server = worker.made.server
    kernel_id = server.start_kernel(name="python3")
    try:
        with server.channels(kernel_id, timeout=20) as c:
            set_ = c.execute(f"x = '{word}'")
            got = c.execute("print(x)")
        if set_.error or got.error:
            raise Lost
        return None if got.stdout == f"{word}\n" else f"{word}: {got.stdout!r}"
    finally:
        worker.made.server.delete(f"/api/kernels/{kernel_id}", timeout=5)


class Killer:
    def __init__(self, made):
        self.made, self.chance, self.kills = made, random.Random(SEED), {}

    def server(self):
        self.made.server.process.kill(signal.SIGKILL)
        time.sleep(self.chance.uniform(0, 0.3))
        self.made.start_server()

    def boxd(self):
        self.made.boxd.process.kill(signal.SIGKILL)
        time.sleep(self.chance.uniform(0, 0.3))
        self.made.boxd.start()

    def in_a_box(self):
        """An agent, a kernel, a program: whatever lives in a box just now."""
        pids = sorted(self.made.boxd.pids())
        if pids:
            procs.kill([self.chance.choice(pids)])

    def runtime(self):
        """A runc, or what boxd has started beside it, in the midst of its work."""
        mine = [p for p in procs.with_marker(str(self.made.boxd.run_dir)) if p not in (self.made.boxd.process.pid, self.made.server.process.pid)]
        if mine:
            procs.kill([self.chance.choice(sorted(mine))])

    def strike(self):
        part = self.chance.choices((self.server, self.boxd, self.in_a_box, self.runtime), (1, 1, 4, 2))[0]
        self.kills[part.__name__] = self.kills.get(part.__name__, 0) + 1
        part()


def test_nothing_is_wrong_and_nothing_is_left_when_random_parts_are_killed(make_server, figure):
    print(f"KERNELGW_CHAOS_SEED={SEED}")
    made = make_server("--stock-kernels", "1", "--stock-boxes", "2", "--max-boxes", "30")
    over, killer = threading.Event(), Killer(made)
    workers = [Worker(made, over, n, work) for n in range(2) for work in (program, files, network, kernel)]
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        killer.strike()
        time.sleep(killer.chance.uniform(0.1, 0.8))
    over.set()
    for w in workers:
        w.join(90)
    assert not any(w.is_alive() for w in workers), [w.work.__name__ for w in workers if w.is_alive()]
    assert not (wrong := [x for w in workers for x in w.wrong]), wrong
    good, lost = sum(w.good for w in workers), sum(w.lost for w in workers)
    figure(f"work done amid {sum(killer.kills.values())} kills: {killer.kills}", good, f"good, {lost} lost")
    assert good > 0

    # All works again, and of what was there only the stock remains.
    server = made.server
    for kernel_ in server.get("/api/kernels").json():
        server.delete(f"/api/kernels/{kernel_['id']}")
    for workspace in server.get("/api/workspaces").json():
        server.delete(f"/api/workspaces/{workspace['name']}")
    for run in server.get("/api/runs").json():
        server.delete(f"/api/runs/{run['run_id']}")
    assert procs.wait_until(lambda: _works(server), 40, 0.5), made.logs()

    def look():
        """Boxes there are, in the pool's books and in the machine's, beside what the stock should be just now: a rush of
        kernels that were started anew has raised that, for some minutes."""
        pool = server.get("/api/status").json()["kernelgw"]["pool"]
        here = {p.name for p in made.boxd.cgroups() if re.fullmatch("[0-9a-f]{32}", p.name)}
        stock = [{k: s[k] for k in ("runtime", "kind", "target", "idle", "starting", "claimed", "waiting")} for s in pool["stock"]]
        return pool["boxes"], len(here), pool["draining"], stock

    def settled():
        boxes, here, draining, stock = look()
        busy = sum(s["starting"] + s["claimed"] + s["waiting"] for s in stock)
        return boxes == here == sum(s["target"] for s in stock) == sum(s["idle"] for s in stock) and not draining and not busy

    assert procs.wait_until(settled, 75, 0.5), look()


def _works(server):
    try:
        run = Run(server, "print('fine')")
        return run.wait(20)["exit_code"] == 0 and run.output() == "fine\n"
    except (AssertionError, requests.RequestException):
        return False
