"""A server that is killed or restarted, and the next one that takes its kernels over: nobody loses a variable or a line."""
import random
import signal
import time

import pytest

from support import procs
from support.channels import gaps
from support.runs import Run

from e2e.test_replay import (LONG, MESSAGES, PATIENCE, TIMES, counted, counting, lines_of, number, printing,
                             read_for_a_while)

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(5 * PATIENCE)]

COUNT = MESSAGES if LONG else 1_000
PAUSE = 0.004 if LONG else 0.001  # so that the cell lasts about as long as the reconnects take
EVERY = 3 if LONG else 7  # at every so many of them the server is replaced
ENDS = pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGUSR1], ids=["killed", "restarted"])


@pytest.fixture(scope="module")
def made():
    """A server that is used up: its kernels outlive it again and again."""
    from conftest import Made
    it = Made(("--stock-kernels", "1", "--stock-boxes", "0"))
    yield it
    it.stop()


def replace(made, end):
    made.server.process.kill(end)
    return made.start_server()


def idle(server, kernel_id):
    return procs.wait_until(lambda: server.kernel(kernel_id)["execution_state"] == "idle")


@ENDS
def test_variables_and_sessions_outlive_the_server(made, end):
    server = made.server
    session = server.post("/api/sessions", {
        "path": "a.ipynb", "name": "a.ipynb", "type": "notebook", "kernel": {"name": "python3"}}).json()
    kernel_id = session["kernel"]["id"]
    with server.channels(kernel_id) as c:
        c.execute("x = 20")
    server = replace(made, end)
    with server.channels(kernel_id) as c:
        running = c.send_execute("import time; time.sleep(2)")
        c.wait_status("busy")
        assert c.request("kernel_info_request")["language_info"]["name"] == "python", "what it is, from before, while it is busy"
        assert c.outcome(running).status == "ok"
    assert idle(server, kernel_id)
    assert server.get(f"/api/sessions/{session['id']}").json()["kernel"]["id"] == kernel_id
    with server.channels(kernel_id) as c:
        assert c.execute("x + 1").result == "21"
    server = replace(made, end)  # and again: the second server's state is as good as the first's
    with server.channels(kernel_id) as c:
        assert c.execute("x + 2").result == "22"
        assert server.delete(f"/api/sessions/{session['id']}").status_code == 204
    server = replace(made, end)
    assert server.get(f"/api/kernels/{kernel_id}").status_code == 404, "what was deleted stays so"
    assert server.get("/api/sessions").json() == []


@ENDS
def test_a_cell_goes_on_and_its_stock_client_misses_nothing(made, end):
    """The client of a front-end: the same session_id again, messages told apart by their msg_id."""
    kernel_id, messages = made.server.start_kernel(name="python3"), []
    with made.server.channels(kernel_id, session="lab") as c:
        c.request("kernel_info_request")
        c.send_execute(printing(1500, 0.001))
        read_for_a_while(c, 0.3, messages)
    server = replace(made, end)
    with server.channels(kernel_id, session="lab") as c:
        assert read_for_a_while(c, 60, messages), "the cell's end comes to who asked"
    once = list({m["header"]["msg_id"]: m for m in messages}.values())
    assert lines_of(once) == list(range(1500)) and not gaps(once)
    assert [m["content"]["status"] for m in once if m["header"]["msg_type"] == "execute_reply"] == ["ok"]
    server.delete(f"/api/kernels/{kernel_id}")


@ENDS
def test_by_number_every_message_comes_once(made, end):
    """Reconnects at random moments of a stream, with the server replaced at some of them."""
    seed = random.randrange(1 << 30)
    rnd, messages, seen = random.Random(seed), [], 0
    kernel_id = made.server.start_kernel(name="python3")
    with made.server.channels(kernel_id, since=0) as c:
        c.request("kernel_info_request")
        c.send_execute(counting(COUNT, PAUSE))
    for i in range(TIMES):
        with made.server.channels(kernel_id, since=seen) as c:
            read_for_a_while(c, rnd.uniform(0.001, 0.2), messages)
            c.drop()
        seen = max([seen, *(number(m) for m in messages)])
        if i % EVERY == 0:
            replace(made, end)
    with made.server.channels(kernel_id, since=seen) as c:
        assert read_for_a_while(c, PATIENCE, messages), f"seed {seed}: the cell does not end"
    numbers = [number(m) for m in messages]
    assert numbers == sorted(set(numbers)), f"seed {seed}"
    assert counted(messages) == list(range(COUNT)) and not gaps(messages), f"seed {seed}"
    assert [m["content"]["status"] for m in messages if m["header"]["msg_type"] == "execute_reply"] == ["ok"]
    made.server.delete(f"/api/kernels/{kernel_id}")


@ENDS
def test_by_session_none_is_missing(made, end):
    """The same of a stock client: what comes again bears the msg_id that it had."""
    seed = random.randrange(1 << 30)
    rnd, messages, session = random.Random(seed), [], f"stock-{seed}"
    kernel_id = made.server.start_kernel(name="python3")
    with made.server.channels(kernel_id, session=session) as c:
        c.request("kernel_info_request")
        c.send_execute(counting(COUNT, PAUSE))
    for i in range(TIMES):
        with made.server.channels(kernel_id, session=session) as c:
            read_for_a_while(c, rnd.uniform(0.001, 0.2), messages)
            c.drop()
        if i % EVERY == 0:
            replace(made, end)
    with made.server.channels(kernel_id, session=session) as c:
        assert read_for_a_while(c, PATIENCE, messages), f"seed {seed}: the cell does not end"
    once = list({m["header"]["msg_id"]: m for m in messages}.values())
    assert counted(once) == list(range(COUNT)) and not gaps(once), f"seed {seed}"
    assert [m["content"]["status"] for m in once if m["header"]["msg_type"] == "execute_reply"] == ["ok"]
    made.server.delete(f"/api/kernels/{kernel_id}")


@ENDS
def test_a_question_is_asked_again_by_the_next_server(made, end):
    kernel_id = made.server.start_kernel(name="python3")
    with made.server.channels(kernel_id, session="asked") as c:
        msg_id = c.send_execute("print('hello', input('name? '))", allow_stdin=True)
        c.recv_until(lambda m: m["header"]["msg_type"] == "input_request")
        time.sleep(1.2)
    server = replace(made, end)
    with server.channels(kernel_id) as c:
        out = c.outcome(msg_id, 20, answer=lambda _: "Ann")
        assert out.stdout == "hello Ann\n"
    server.delete(f"/api/kernels/{kernel_id}")


@ENDS
def test_a_kernel_that_dies_meanwhile_is_told(made, end):
    kernel_id = made.server.start_kernel(name="python3")
    with made.server.channels(kernel_id, session="dies") as c:
        c.request("kernel_info_request")
        msg_id = c.send_execute("import os, time; time.sleep(0.5); os._exit(3)")
        c.recv_until(lambda m: m["header"]["msg_type"] == "execute_input")
    made.server.process.kill(end)
    time.sleep(1)
    server = made.start_server()
    with server.channels(kernel_id, session="dies") as c:
        out = c.outcome(msg_id, 30)
        assert out.error["ename"] == "KernelDied" and "status 3" in out.error["evalue"]
        assert c.execute("6 * 7").result == "42", "it was started again"
    server.delete(f"/api/kernels/{kernel_id}")


@ENDS
def test_a_program_goes_on(made, end):
    """Its output is whole, it is typed to through the next server, and how it ends is known."""
    code = "import time\nfor i in range(1000): print(i, flush=True); time.sleep(0.001)\nprint('hello', input())"
    r = Run(made.server, code, session="mine")
    r.wait_output("\n100\n")
    r.server = replace(made, end)
    model = r.model()
    assert (model["state"], model["session"], model["entry"]) == ("running", "mine", "main.py")
    r.wait_output("999\n")
    assert r.stdin(b"Ann\n").status_code == 204
    model = r.wait()
    assert (model["exit_code"], model["reason"]) == (0, "exit")
    assert r.output() == "".join(f"{i}\n" for i in range(1000)) + "hello Ann\n"
    replace(made, end)
    assert made.server.get("/api/runs").json() == [], "what has ended is not kept"


@ENDS
def test_a_program_that_ends_meanwhile(made, end):
    r = Run(made.server, "import sys, time; time.sleep(0.5); print('done'); sys.exit(7)")
    r.wait_running()
    made.server.process.kill(end)
    time.sleep(1)
    r.server = made.start_server()
    assert r.wait()["exit_code"] == 7 and r.output() == "done\n"


def test_a_program_whose_box_is_gone_is_lost(made):
    r = Run(made.server, "import time; time.sleep(100)")
    r.wait_running()
    made.server.process.kill()
    made.boxd.process.kill()
    procs.kill(made.boxd.pids())
    made.boxd.start()
    r.server = made.start_server()
    assert r.wait()["state"] == "lost"
    assert procs.wait_until(lambda: not list((made.directory / "state" / "runs").iterdir()))


def test_a_kernel_whose_box_is_gone_is_forgotten(made):
    kernel_id = made.server.start_kernel(name="python3")
    assert procs.wait_until(lambda: made.server.kernel(kernel_id)["execution_state"] == "idle")
    made.server.process.kill()
    made.boxd.process.kill()
    procs.kill(made.boxd.pids())
    made.boxd.start()
    server = made.start_server()
    assert procs.wait_until(lambda: server.get(f"/api/kernels/{kernel_id}").status_code == 404)
    assert procs.wait_until(lambda: not list((made.directory / "state" / "kernels").iterdir()))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"version": 9, "id": "x"}', "\0\xff"])
def test_damaged_state_is_left_out(made, text):
    made.server.process.kill(signal.SIGUSR1)
    path = made.directory / "state" / "kernels" / "00000000-0000-4000-8000-000000000000.json"
    path.write_text(text, encoding="latin-1")
    (path.parent / "x.json.new").write_text("half")
    server = made.start_server()
    assert server.get("/api/kernels").json() == []
    assert not list(path.parent.iterdir())


def test_an_ended_server_leaves_nothing(made):
    """SIGTERM ends the kernels too: nothing is there for the next one."""
    made.server.start_kernel(name="python3")
    assert made.server.stop() == 0
    server = made.start_server()
    assert server.get("/api/kernels").json() == []
