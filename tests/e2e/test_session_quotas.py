"""What a session may use, its programs and kernels together (--session-cpu-s, --session-output-mb): what goes over it is ended, and told why."""
import pytest

from support.procs import wait_until
from support.runs import Run

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

CPU = "session {} has used its 2 seconds of processor time"
OUTPUT = "session {} has written its 1 MB of output"


@pytest.fixture(scope="module")
def server(made_of):
    made = made_of("--session-cpu-s", "2", "--session-output-mb", "1")
    try:
        yield made.server
    finally:
        made.stop()


def refused(server, session, why):
    """Neither a program nor a kernel begins any more; another session is not concerned."""
    body = {"language": "python", "entry": "m.py", "files": [{"path": "m.py", "content": "1"}], "session": session}
    for r in (server.post("/api/runs", body), server.post("/api/kernels", {"name": "python3", "kernelgw": {"session": session}})):
        assert r.status_code == 429 and why.format(session) in r.json()["message"], r.text
    assert Run(server, "print(1)", session=f"{session}-other").wait()["exit_code"] == 0
    for name in (session, f"{session}-other"):
        assert server.delete(f"/api/workspaces/{name}").status_code == 204


def test_a_program_is_ended_by_its_sessions_processor_time(server):
    end = Run(server, "while True: pass", session="run-cpu", limits={"wall_s": 60}).wait(60)
    assert end["reason"] == "quota" and CPU.format("run-cpu") in end["evalue"], end
    refused(server, "run-cpu", CPU)


def test_a_program_is_ended_by_its_sessions_output(server):
    first = Run(server, "print('x' * (600 << 10))", session="run-out")
    assert first.wait()["reason"] == "exit"
    run = Run(server, "while True: print('y' * 1000)", session="run-out", limits={"wall_s": 60})
    end = run.wait(60)
    assert end["reason"] == "quota" and OUTPUT.format("run-out") in end["evalue"], end
    assert (300 << 10) < len(run.output("stdout")) < (500 << 10)
    refused(server, "run-out", OUTPUT)


def test_a_kernels_cell_is_interrupted_by_its_sessions_processor_time(server):
    kernel = server.start_kernel(name="python3", kernelgw={"session": "cpu"})
    with server.channels(kernel) as c:
        done = c.execute("while True: pass", timeout=60)
        assert done.error and done.error["ename"] == "KeyboardInterrupt", done
        assert CPU.format("cpu") in done.text("stderr")
        assert c.execute("print(1 + 1)").stdout == "2\n"  # it lives, for who wants to look at what there is
    assert server.get("/api/workspaces/cpu").json()["cpu_ms"] >= 2000
    refused(server, "cpu", CPU)


def test_a_kernels_cell_is_interrupted_by_its_sessions_output(server):
    kernel = server.start_kernel(name="python3", kernelgw={"session": "out"})
    with server.channels(kernel) as c:
        done = c.execute("while True: print('z' * 1000)", timeout=60)
        assert done.error and done.error["ename"] == "KeyboardInterrupt", done
        assert OUTPUT.format("out") in done.text("stderr")
    refused(server, "out", OUTPUT)


def test_a_kernel_that_pays_no_heed_is_ended(server):
    kernel = server.start_kernel(name="python3", kernelgw={"session": "deaf"})
    with server.channels(kernel) as c:
        c.send_execute("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass")
        assert wait_until(lambda: server.get(f"/api/kernels/{kernel}").status_code == 404, 90)
    refused(server, "deaf", CPU)
