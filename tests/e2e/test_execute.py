"""POST /api/kernels/{id}/execute: cells without a WebSocket."""
import json
import time

import pytest
import requests

from support import procs

pytestmark = pytest.mark.kgw


def execute(server, kernel_id, code, status=200, **more):
    r = server.post(f"/api/kernels/{kernel_id}/execute", {"code": code, **more})
    assert r.status_code == status, (r.status_code, r.text)
    return r.json()


def test_what_a_cell_gives(server, kernel):
    got = execute(server, kernel, "import sys\nprint('a')\nprint('b')\nprint('c', file=sys.stderr)\nprint('f')\n6 * 7")
    assert got["status"] == "ok" and got["execution_count"] == 1
    text = [(o["name"], o["text"]) for o in got["outputs"] if o["output_type"] == "stream"]
    assert "".join(t for n, t in text if n == "stdout") == "a\nb\nf\n" and ("stderr", "c\n") in text
    result = got["outputs"][-1]
    assert result["output_type"] == "execute_result" and result["data"]["text/plain"] == "42"
    assert result["execution_count"] == 1 and result["metadata"] == {}
    assert server.kernel(kernel)["connections"] == 0


def test_displays_are_updated_and_cleared(server, kernel):
    got = execute(server, kernel, """
from IPython.display import clear_output, display
print('gone'); display('gone'); clear_output()
h = display('one', display_id=True); h.update('two')
print('kept')
""")
    kinds = [o["output_type"] for o in got["outputs"]]
    assert kinds == ["display_data", "stream"]
    assert got["outputs"][0]["data"]["text/plain"] == "'two'" and "transient" not in got["outputs"][0]


def test_outputs_are_valid_in_a_notebook(server, kernel):
    import nbformat
    cells = []
    for code in ("print('x')", "1 / 0", "from IPython.display import HTML; HTML('<b>x</b>')", "import sys; sys.stderr.write('e')"):
        got = execute(server, kernel, code)
        cell = nbformat.v4.new_code_cell(code, execution_count=got["execution_count"])
        cell["outputs"] = [nbformat.from_dict(o) for o in got["outputs"]]
        cells.append(cell)
    nbformat.validate(nbformat.v4.new_notebook(cells=cells))


def test_an_error_and_a_silent_cell(server, kernel):
    got = execute(server, kernel, "1 / 0")
    assert got["status"] == "error" and got["ename"] == "ZeroDivisionError" and got["traceback"]
    assert got["outputs"][-1]["output_type"] == "error"
    assert execute(server, kernel, "x = 5", silent=True)["outputs"] == []
    assert execute(server, kernel, "input()")["ename"] == "StdinNotImplementedError"
    assert execute(server, kernel, "x")["outputs"][0]["data"]["text/plain"] == "5"


def test_a_timeout_interrupts(server, kernel):
    got = execute(server, kernel, "print('begun')\nwhile True: pass", timeout_s=0.5)
    assert got["status"] == "timeout" and got["ename"] == "KeyboardInterrupt"
    assert got["outputs"][0]["text"] == "begun\n"
    assert execute(server, kernel, "1")["status"] == "ok", "the kernel is usable"


def test_one_that_does_not_heed_it_is_given_up(server, kernel):
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nimport time; time.sleep(60)"
    got = execute(server, kernel, code, timeout_s=0.2)
    assert got["status"] == "timeout" and "goes on" in got["message"]


def test_a_turn_that_does_not_come_is_told(server, kernel):
    with server.channels(kernel) as other:
        other.send_execute("import time\nfor _ in range(300): time.sleep(0.1)")
        other.recv_until(lambda m: m["header"]["msg_type"] == "execute_input")
        got = execute(server, kernel, "ran = True", timeout_s=0.1)
        assert got["status"] == "timeout" and "did not begin" in got["message"] and got["outputs"] == []
        assert server.post(f"/api/kernels/{kernel}/interrupt").status_code == 204
    assert execute(server, kernel, "1", timeout_s=60)["status"] in ("ok", "aborted")
    assert execute(server, kernel, "2", timeout_s=60)["status"] == "ok", "the kernel is usable"


@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/event-stream"])
def test_outputs_come_as_they_are_made(server, kernel, accept):
    code = "import time\nprint('first', flush=True)\ntime.sleep(1.5)\nprint('second')\n3"
    r = server.rest("POST", f"/api/kernels/{kernel}/execute", json={"code": code}, headers={"Accept": accept}, stream=True)
    assert r.headers["Content-Type"].startswith(accept)
    events, times = [], []
    for line in r.iter_lines():
        data = line.removeprefix(b"data: ") if accept == "text/event-stream" else line
        if data.startswith(b"{"):
            events.append(json.loads(data))
            times.append(time.monotonic())
    assert "".join(e.get("text", "") for e in events) == "first\nsecond\n"
    assert events[-2]["data"]["text/plain"] == "3"
    assert events[-1]["output_type"] == "reply" and events[-1]["status"] == "ok"
    assert times[-1] - times[0] > 1, "the first came before the cell had ended"


def test_who_goes_away_stops_the_cell(server, kernel):
    with pytest.raises(requests.RequestException):
        server.rest("POST", f"/api/kernels/{kernel}/execute", json={"code": "while True: pass"}, timeout=1)
    server.http.close()
    assert procs.wait_until(lambda: server.kernel(kernel)["execution_state"] == "idle")


def test_many_outputs_are_bounded_and_told(server, kernel):
    code = "import time\nfor i in range(700): print('x' * 100_000, flush=True); time.sleep(0.004)"
    got = execute(server, kernel, code)
    assert got["status"] == "ok"
    assert "were left out" in got["outputs"][-1]["text"]
    assert sum(len(o["text"]) for o in got["outputs"]) < (64 << 20) + 1000


def test_an_output_of_very_many_values_is_left_out_and_told(server, kernel):
    before = server.rss_kb()
    code = "get_ipython().display_pub.publish({'application/json': [{}] * %d})\nprint('after')"
    got = execute(server, kernel, code % 1000)
    assert len(got["outputs"][0]["data"]["application/json"]) == 1000
    got = execute(server, kernel, code % 1_000_000)
    assert [o["output_type"] for o in got["outputs"]] == ["stream", "stream"]
    assert got["outputs"][0]["text"] == "after\n" and "1 more outputs" in got["outputs"][1]["text"]
    assert server.rss_kb() - before < 64 * 1024


def test_a_death_is_told(server, kernel):
    got = execute(server, kernel, "import os; os._exit(3)")
    assert got["status"] == "error" and got["ename"] == "KernelDied" and "status 3" in got["evalue"]


@pytest.mark.parametrize("body, says", [
    ({}, "code must be"), ({"code": 5}, "code must be"), ({"code": "a\0b"}, "Invalid JSON"),
    ({"code": "1", "timeout_s": -1}, "timeout_s"), ({"code": "1", "timeout_s": "x"}, "timeout_s"),
    ({"code": "1", "silent": 1}, "silent")])
def test_bad_requests(server, shared_kernel, body, says):
    r = server.post(f"/api/kernels/{shared_kernel}/execute", body)
    assert r.status_code == 400 and says in r.json()["message"]


def test_unknown_kernel(server):
    assert server.post("/api/kernels/nobody/execute", {"code": "1"}).status_code == 404
