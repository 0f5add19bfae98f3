"""Cells and programs that kill their kernel or fill their box: said in words, nobody else touched, nothing left."""
import time

import pytest

from support import procs
from support.runs import Run, run

pytestmark = pytest.mark.kgw

OOM = "data = []\nwhile True: data.append(bytearray(b'x') * (4 << 20))"
FORK_BOMB = ("import os, time\nn = 0\nwhile True:\n    try:\n        pid = os.fork()\n    except OSError as e:\n"
             "        print('refused after', n, flush=True); break\n"
             "    if pid == 0: time.sleep(30); os._exit(0)\n    n += 1")


@pytest.fixture
def neighbour(server):
    """Another kernel, busy with state of its own: it must not notice."""
    kernel_id = server.start_kernel(name="python3")
    with server.channels(kernel_id) as c:
        c.execute("state = 'kept'")
        yield c
        assert c.execute("state").result == "'kept'"
        assert not [m for m in c.others if m["header"]["msg_type"] in ("error", "stream")]
    server.delete(f"/api/kernels/{kernel_id}")


def assert_death_is_told(server, kernel, channels, code, words):
    msg_id = channels.send_execute(code)
    # Front-ends take these: an error for the cell, restarting, and a kernel that works again.
    out = channels.outcome(msg_id, 60)
    assert out.status == "error", out.reply
    said = " ".join([str(out.error), str(out.reply["content"])]).lower()
    assert any(word in said for word in words), said
    assert out.error and out.error["ename"] and out.error["traceback"]
    again = channels.execute("'again'", timeout=60)
    assert again.result == "'again'" and again.status == "ok"
    states = [m["content"]["execution_state"] for m in [*channels.others, *out.published]
              if m["header"]["msg_type"] == "status"]
    assert "restarting" in states or "dead" in states, states
    assert server.kernel(kernel)["execution_state"] in ("idle", "busy")


@pytest.mark.parametrize("code,words", [
    ("import os; os._exit(3)", ("exit", "ended", "died")),
    ("import ctypes; ctypes.string_at(0)", ("segmentation", "sigsegv", "signal 11", "crash")),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ("sigkill", "signal 9", "killed")),
], ids=["os._exit", "segfault", "kill"])
def test_kernel_dies_in_a_cell(server, kernel, channels, neighbour, code, words):
    assert_death_is_told(server, kernel, channels, code, words)


@pytest.mark.oci
def test_cell_out_of_memory(server, kernel, channels, neighbour):
    assert_death_is_told(server, kernel, channels, OOM, ("memory",))


@pytest.mark.oci
def test_fork_bomb_in_a_cell(server, kernel, channels, neighbour):
    out = channels.execute(FORK_BOMB, timeout=60)
    assert "refused after" in out.stdout
    assert int(out.stdout.split()[2]) <= 128
    # Its children still sleep: the kernel can be interrupted, restarted, and then has its processes back.
    assert server.post(f"/api/kernels/{kernel}/restart", {}).status_code == 200
    assert channels.execute("import os; os.fork() and 1 or os._exit(0)", timeout=60).result == "1"


def test_queued_cells_are_told_of_the_death(server, kernel, channels):
    first = channels.send_execute("import os, time; time.sleep(0.3); os._exit(1)")
    later = [channels.send_execute("1") for _ in range(3)]
    assert channels.outcome(first, 60).status == "error"
    for msg_id in later:
        out = channels.outcome(msg_id, 60)
        assert out.status == "error" and out.error["ename"] == "KernelDied", out.reply


def test_sys_exit_in_a_cell_is_not_a_death(channels):
    channels.execute("kept = 1")
    out = channels.execute("raise SystemExit")
    assert out.status in ("error", "ok")
    assert channels.execute("kept").result == "1"


def test_exit_by_the_user(server, kernel):
    """exit() asks the kernel to end: it comes back, or says that it is dead."""
    with server.channels(kernel) as c:
        c.execute("x = 1")
        c.send_execute("exit()")
        time.sleep(1)
        assert procs.wait_until(
            lambda: server.get(f"/api/kernels/{kernel}").json().get("execution_state") in ("idle", "dead"), 30)


@pytest.mark.oci
def test_program_out_of_memory(server, neighbour):
    model, out, _ = run(server, "print('begun', flush=True)\n" + OOM)
    assert out == "begun\n" and model["reason"] == "oom", model


@pytest.mark.oci
def test_child_of_a_program_out_of_memory(server, neighbour):
    """A child that is killed for memory does not end the program that handles it."""
    code = ("import subprocess, sys\n"
            f"p = subprocess.run([sys.executable, '-c', {OOM!r}])\nprint('child', p.returncode)")
    model, out, _ = run(server, code)
    assert out == "child -9\n" and model["exit_code"] == 0, model


@pytest.mark.oci
def test_fork_bomb_as_a_program(server, neighbour):
    r = Run(server, FORK_BOMB)
    r.wait_output("refused after")
    model = r.wait()
    assert model["state"] == "exited"


@pytest.mark.oci
def test_hard_fork_bomb(server, neighbour):
    """:(){ :|:& };: until its time is up."""
    r = Run(server, "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", limits={"wall_s": 3})
    model = r.wait(30)
    assert model["reason"] == "timeout", model
    assert run(server, "print('next')")[1] == "next\n"


@pytest.mark.oci
def test_ten_deaths_in_a_row_leave_nothing(server, boxd, neighbour):
    before = None
    for i in range(10):
        run(server, "import os, signal; os.fork() or os.setsid(); os.kill(os.getpid(), signal.SIGSEGV)")
        if i == 1:
            time.sleep(2)
            before = len(boxd.cgroups())
    assert procs.wait_until(lambda: len(boxd.cgroups()) <= before), (len(boxd.cgroups()), before)


def test_dead_for_good_is_said(server):
    """A kernel that dies at each start is given up, in words, not tried for ever."""
    kernel_id = server.start_kernel(name="python3")
    try:
        with server.channels(kernel_id, timeout=60) as c:
            c.execute("1")
            said = []
            while len(said) < 10 and server.kernel(kernel_id)["execution_state"] != "dead":
                out = c.execute("import os; os._exit(1)", timeout=60)
                assert out.status == "error"
                said.append(out.error["evalue"])
            assert server.kernel(kernel_id)["execution_state"] == "dead"
            assert "not started again" in said[-1] and all("started again" in s for s in said[:-1]), said
            assert "not started again" in c.execute("1").error["evalue"], "a cell for a dead kernel is answered, too"
            assert c.request("kernel_info_request")["status"] == "error"
            # A restart brings even a dead one back.
            assert server.post(f"/api/kernels/{kernel_id}/restart", {}).status_code == 200
            assert c.execute("'back'", timeout=60).result == "'back'"
    finally:
        server.delete(f"/api/kernels/{kernel_id}")
