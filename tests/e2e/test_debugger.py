"""Debugging a cell of Python, as JupyterLab does it: the debugger is there although nothing of it was loaded before."""
import pytest

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

LOADED = "import sys; print('debugpy' in sys.modules)"
CODE = "def double(n):\n    twice = n * 2\n    return twice\n\nprint(double(21))"


class Debugger:
    """Sends requests of the Debug Adapter Protocol in debug_request."""

    def __init__(self, cells):
        self.cells, self.seq = cells, 0

    def ask(self, command, **arguments):
        self.seq += 1
        reply = self.cells.request("debug_request", {"type": "request", "seq": self.seq, "command": command, "arguments": arguments},
                                   channel="control", timeout=40)
        assert reply.get("success"), (command, reply)
        return reply.get("body") or {}

    def event(self, name):
        return self.cells.recv_until(lambda m: m["header"]["msg_type"] == "debug_event" and m["content"]["event"] == name,
                                     timeout=40)["content"]["body"]


@pytest.fixture
def cells(server):
    kernel_id = server.start_kernel(name="python3")
    with server.channels(kernel_id, timeout=60) as c:
        yield c
    server.delete(f"/api/kernels/{kernel_id}")


def start(debugger):
    debugger.ask("initialize", clientID="test", adapterID="python", pathFormat="path", linesStartAt1=True, columnsStartAt1=True,
                 supportsVariableType=True, supportsVariablePaging=True, supportsRunInTerminalRequest=True, locale="en")
    debugger.ask("attach")


@pytest.mark.parametrize("looked_before", (False, True), ids=("at once", "after a look at variables"))
def test_a_cell_stops_at_a_breakpoint(cells, looked_before):
    assert "debugger" in cells.request("kernel_info_request")["supported_features"]
    debugger = Debugger(cells)
    assert debugger.ask("debugInfo")["isStarted"] is False  # front ends ask it of every kernel
    assert cells.execute(LOADED).stdout == "False\n"
    if looked_before:
        assert cells.execute("answer = 42").status == "ok"
        assert {"answer"} <= {v["name"] for v in debugger.ask("inspectVariables")["variables"]}
    start(debugger)
    path = debugger.ask("dumpCell", code=CODE)["sourcePath"]
    (point,) = debugger.ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": 3}], sourceModified=False)["breakpoints"]
    assert point["verified"] and point["line"] == 3
    debugger.ask("configurationDone")
    info = debugger.ask("debugInfo")
    assert info["isStarted"] is True and info["breakpoints"][0]["source"] == path
    msg_id = cells.send_execute(CODE)
    thread = debugger.event("stopped")["threadId"]
    frame = debugger.ask("stackTrace", threadId=thread)["stackFrames"][0]
    assert (frame["name"], frame["line"]) == ("double", 3)
    scope = debugger.ask("scopes", frameId=frame["id"])["scopes"][0]
    found = {v["name"]: v["value"] for v in debugger.ask("variables", variablesReference=scope["variablesReference"])["variables"]}
    assert found["twice"] == "42", found
    debugger.ask("continue", threadId=thread)
    out = cells.outcome(msg_id)
    assert (out.status, out.stdout) == ("ok", "42\n")
    debugger.ask("disconnect", restart=False, terminateDebuggee=False)
    assert cells.execute("print(double(4))").stdout == "8\n"
