"""kgw.v1: one socket for all of a page's kernels and runs (docs/PROTOCOL.md)."""
import collections
import json
import random
import signal
import struct
import time

import pytest
import websocket

from support.channels import header, pack_v1, unpack_v1
from support.runs import Run

pytestmark = pytest.mark.kgw

MESSAGE, TEXT = 1, 2
HEAD = struct.Struct("<BHQ")


class Mux:
    """A page's socket. Frames are kept by channel; control messages apart."""

    def __init__(self, server, hello=True):
        self.ws = websocket.create_connection(
            f"{server.ws_url}/api/kgw/ws", subprotocols=["kgw.v1"], timeout=30, suppress_origin=True,
            header=[f"Authorization: token {server.token}"], skip_utf8_validation=True)
        assert self.ws.subprotocol == "kgw.v1"
        self.control, self.frames = [], collections.defaultdict(list)
        if hello:
            self.say(t="hello", v=1)
            self.welcome = self.wait("welcome")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ws.close(timeout=1)

    def say(self, **message):
        self.ws.send(json.dumps(message))

    def take(self, timeout=30):
        self.ws.settimeout(timeout)
        frame = self.ws.recv()
        if isinstance(frame, str):
            assert frame, "closed by the server"
            self.control.append(json.loads(frame))
            return self.control[-1]
        kind, channel, seq = HEAD.unpack_from(frame)
        body = frame[HEAD.size:]
        item = (seq, unpack_v1(body)) if kind == MESSAGE else (seq, body[0], body[1:].decode())
        self.frames[channel].append(item)
        return item

    def wait(self, kind, channel=None, timeout=30, **has):
        """The first control message of that kind, from now on."""
        end = time.monotonic() + timeout
        while True:
            got = self.take(max(0.01, end - time.monotonic()))
            if isinstance(got, dict) and got["t"] == kind and channel in (None, got.get("ch")):
                if all(got.get(k) == v for k, v in has.items()):
                    return got

    def quiet(self, seconds=0.4):
        """Nothing comes for a while."""
        try:
            got = self.take(seconds)
        except websocket.WebSocketTimeoutException:
            return True
        raise AssertionError(f"something came: {got}")

    def send(self, channel, msg_type, content, name="shell"):
        head = header(msg_type, "mux")
        self.ws.send_binary(HEAD.pack(MESSAGE, channel, 0) + pack_v1(name, head, {}, {}, content))
        return head["msg_id"]

    def execute(self, channel, code):
        return self.send(channel, "execute_request", {"code": code, "silent": False, "store_history": True,
                                                      "user_expressions": {}, "allow_stdin": False})

    def until_exit(self, channel, timeout=60):
        while True:
            got = self.wait("run", channel, timeout)["run"]
            if got["state"] in ("exited", "lost"):
                return got

    def exited(self):
        return {c["ch"] for c in self.control if c["t"] == "run" and c["run"]["state"] == "exited"}

    def text(self, channel, stream=None):
        return "".join(f[2] for f in self.frames[channel] if len(f) == 3 and stream in (None, f[1]))


def test_two_runs_and_a_kernel_over_one_socket(server, kernel):
    one = Run(server, "import sys\nfor line in sys.stdin: print('one', line, end='', flush=True)")
    two = Run(server, "import sys\nprint('two', input())\nprint('err', file=sys.stderr)\nsys.exit(3)")
    with Mux(server) as m:
        assert kernel in [k["id"] for k in m.welcome["kernels"]]
        assert {one.id, two.id} <= {r["run_id"] for r in m.welcome["runs"]}
        for channel, what in ((1, {"run": one.id}), (2, {"run": two.id}), (3, {"kernel": kernel})):
            m.say(t="open", ch=channel, **what)
        m.say(t="stdin", ch=2, text="to two\n")
        m.say(t="stdin", ch=1, text="to one\n")
        m.say(t="stdin", ch=1, text="\n", eof=True)
        msg_id = m.execute(3, "6 * 7")
        while m.exited() < {1, 2} or "execute_reply" not in [f[1]["header"]["msg_type"] for f in m.frames[3]]:
            m.take()
        ended = {c["ch"]: c["run"] for c in m.control if c["t"] == "run"}
        assert m.text(1) == "one to one\none \n" and ended[1]["exit_code"] == 0
        assert m.text(2, 1) == "two to two\n" and m.text(2, 2) == "err\n" and ended[2]["exit_code"] == 3
        reply = [f[1] for f in m.frames[3] if f[1]["header"]["msg_type"] == "execute_reply"][0]
        assert reply["parent_header"]["msg_id"] == msg_id and reply["content"]["status"] == "ok"
        for channel in (1, 2, 3):
            numbers = [f[0] for f in m.frames[channel]]
            assert numbers == sorted(set(numbers)) and numbers[0] > 0


def test_credit_paces_one_channel_and_not_the_others(server):
    flood = Run(server, "while True: print('x' * 999)", limits={"wall_s": 20})
    calm = Run(server, "print(input())")
    with Mux(server) as m:
        m.say(t="open", ch=1, run=flood.id, credit=100_000)
        m.say(t="open", ch=2, run=calm.id)
        while len(m.text(1)) < 100_000:
            m.take()
        m.say(t="stdin", ch=2, text="calm\n")
        assert m.until_exit(2)["exit_code"] == 0 and m.text(2) == "calm\n"
        got = len(m.text(1))
        assert got < 100_000 + 70_000, "no more than the message that used the credit up"
        assert m.quiet()
        m.say(t="credit", ch=1, n=50_000)
        while len(m.text(1)) < got + 50_000:
            m.take()
        m.say(t="signal", ch=1, signal="KILL")
        m.say(t="credit", ch=1, n=60_000_000)
        assert m.until_exit(1)["signal"] == 9


def test_a_page_goes_on_where_it_was(server):
    """Reloads at random moments: every line once, in order, and the exit."""
    seed = random.randrange(1 << 30)
    rnd, seen, text, run = random.Random(seed), 0, "", None
    r = Run(server, "import time\nfor i in range(2000): print(i, flush=True); time.sleep(0.0005)")
    while run is None or run["state"] != "exited":
        with Mux(server) as m:
            m.say(t="open", ch=7, run=r.id, since=seen)
            end = time.monotonic() + rnd.uniform(0.01, 0.2)
            while (left := end - time.monotonic()) > 0 and (run is None or run["state"] != "exited"):
                try:
                    got = m.take(left)
                except websocket.WebSocketTimeoutException:
                    break
                if isinstance(got, dict) and got["t"] == "run":
                    run = got["run"]
            text += m.text(7)
            seen = max([seen, *(f[0] for f in m.frames[7])])
    assert text == "".join(f"{i}\n" for i in range(2000)), f"seed {seed}"


def test_requests_with_a_number_are_answered(server):
    r = Run(server, "print(input())")
    with Mux(server) as m:
        m.say(t="open", ch=1, run=r.id)
        m.say(t="stdin", ch=1, text="taken\n", n=7)
        assert m.wait("done", 1)["n"] == 7
        m.say(t="signal", ch=1, signal="HUP", n=8)
        told = m.wait("error", 1)
        assert told["n"] == 8 and "INT, TERM or KILL" in told["message"]
        assert m.until_exit(1)["exit_code"] == 0 and m.text(1) == "taken\n"
        m.say(t="stdin", ch=1, text="late\n", n=9)
        told = m.wait("error", 1)
        assert told["n"] == 9 and "has ended" in told["message"]


def test_who_is_far_behind_is_brought_to_the_end_and_told_what_was_passed_over(server):
    r = Run(server, "for i in range(100_000): print('line', i)\ninput()")
    lines = "".join(f"line {i}\n" for i in range(100_000))
    with Mux(server) as m:
        m.say(t="open", ch=1, run=r.id, credit=1, tail=100_000)
        m.say(t="open", ch=2, run=r.id, credit=10_000_000)
        while len(m.text(2)) < len(lines):
            m.take()
        assert m.text(2) == lines and not [c for c in m.control if c["t"] == "gap"]
        before = m.text(1)
        m.say(t="credit", ch=1, n=10_000_000)
        gap = m.wait("gap", 1)
        m.say(t="signal", ch=1, signal="KILL")
        m.until_exit(1)
        after = m.text(1)[len(before):]
        assert lines.startswith(before) and lines.endswith(after) and 0 < len(after) < 150_000
        assert gap["messages"] > 0 and gap["bytes"] > len(lines) - len(before) - len(after) - 1
        numbers = [f[0] for f in m.frames[1]]
        assert gap["after"] in numbers and gap["before"] in numbers, "every number is on one of its sides"
        m.say(t="open", ch=3, run=r.id, tail=-1)
        assert "tail must be" in m.wait("error", 3)["message"]


def test_where_a_run_has_come_to_is_told_step_by_step(make_server):
    """One box for all: the second run waits for its turn."""
    mine = make_server("--session-runs", "1").server
    first = Run(mine, "input()", session="mine")
    second, third = (Run(mine, "print(1)", session="mine") for _ in range(2))
    with Mux(mine) as m:
        for channel, run in ((1, first), (2, second), (3, third)):
            m.say(t="open", ch=channel, run=run.id)
        while not {1, 2, 3} <= {c["ch"] for c in m.control if c["t"] == "run"}:
            m.take()
        told = {c["ch"]: c["run"] for c in m.control if c["t"] == "run"}
        assert told[2]["step"] == told[3]["step"] == "queue" and (told[2]["position"], told[3]["position"]) == (1, 2)
        m.say(t="stdin", ch=1, text="\n")
        assert m.until_exit(3)["exit_code"] == 0
        steps = [c["run"].get("step") for c in m.control if c["t"] == "run" and c["ch"] == 3]
        assert steps[-2:] == ["run", None] and "step" not in first.model()


@pytest.mark.oci
def test_a_workspace_is_followed_and_bound(server):
    source = "import socket\ns = socket.create_server(('', 5000))\nprint('up', flush=True)\nwhile True: s.accept()"
    with Mux(server) as m:
        m.say(t="open", ch=1, workspace="followed")
        assert "does not exist" in m.wait("error", 1)["message"]
        m.say(t="open", ch=1, workspace="followed", attach=True)
        assert m.wait("workspace", 1)["workspace"]["state"] == "attached"
        r = Run(server, source, session="followed", network="session")
        while not (ports := m.wait("workspace", 1)["workspace"].get("ports")):
            pass
        assert ports[0]["port"] == 5000 and ports[0]["run_id"] == r.id and ports[0]["console"] == "main.py"
        m.say(t="close", ch=1)
        m.wait("closed", 1)
        assert server.get("/api/workspaces/followed").json()["state"] == "grace"
        m.say(t="open", ch=2, workspace="followed", attach=True)
        assert m.wait("workspace", 2)["workspace"]["state"] == "attached"
        server.delete("/api/workspaces/followed")
        assert "ended" in m.wait("closed", 2)["reason"]
        for channel, what in ((3, {"t": "stdin", "text": "x"}), (3, {"t": "tail", "tail": 5})):
            m.say(ch=channel, **what)
            assert "no such channel" in m.wait("error", 3)["message"]


def test_a_server_that_goes_says_so(make_server):
    mine = make_server().server
    with Mux(mine) as m:
        mine.process.proc.send_signal(signal.SIGTERM)
        m.wait("draining")
        opcode, data = m.ws.recv_data(control_frame=True)
        assert opcode == 8 and struct.unpack(">H", data[:2])[0] == 1012
    assert mine.process.proc.wait(20) == 0


def test_channels_close_and_errors_are_told(server, kernel):
    with Mux(server) as m:
        m.say(t="open", ch=1, kernel="nobody")
        assert "does not exist" in m.wait("error", 1)["message"]
        m.say(t="open", ch=1, kernel=kernel)
        m.wait("open", 1)
        m.say(t="open", ch=1, kernel=kernel)
        assert "is open" in m.wait("error", 1)["message"]
        m.say(t="open", ch=2)
        assert "either" in m.wait("error", 2)["message"]
        m.say(t="open", ch=2, run="x", since=-1)
        assert "does not exist" in m.wait("error", 2)["message"]
        m.say(t="open", ch=70000, kernel=kernel)
        assert "ch must be" in m.wait("error")["message"]
        m.say(t="stdin", ch=1, text="x")
        assert "no run's" in m.wait("error", 1)["message"]
        m.say(t="credit", ch=1, n=-5)
        assert "n must be" in m.wait("error", 1)["message"]
        m.say(t="dance", ch=1)
        assert "no control message" in m.wait("error", 1)["message"]
        m.say(t="credit", ch=9, n=5)
        assert "no such channel" in m.wait("error", 9)["message"]
        m.say(t="ping", n=4)
        assert m.wait("pong")["n"] == 4
        m.say(t="close", ch=1)
        assert m.wait("closed", 1)["reason"] == "as asked"
        m.say(t="open", ch=1, kernel=kernel)
        m.wait("open", 1)
        server.delete(f"/api/kernels/{kernel}")
        assert "deleted" in m.wait("closed", 1)["reason"]
        m.say(t="ping", n=5)
        assert m.wait("pong")["n"] == 5, "the socket lives on"


@pytest.mark.parametrize("frame", ["{", "[]", '{"t":"open","ch":1,"kernel":"x"}', '{"t":"hello","v":2}', b"", b"\1\0\0", b"\7" * 40])
def test_who_does_not_speak_it_is_cut(server, frame):
    with Mux(server, hello=False) as m:
        (m.ws.send if isinstance(frame, str) else m.ws.send_binary)(frame)
        opcode, data = m.ws.recv_data(control_frame=True)
        assert opcode == 8 and struct.unpack(">H", data[:2])[0] == 1002 and len(data) > 10


def test_without_the_subprotocol_or_a_credential(server):
    for offer, credential, status in ((None, True, 400), (["other"], True, 400), (["kgw.v1"], False, 403)):
        with pytest.raises(websocket.WebSocketBadStatusException) as told:
            websocket.create_connection(
                f"{server.ws_url}/api/kgw/ws", subprotocols=offer, suppress_origin=True,
                header=[f"Authorization: token {server.token}"] if credential else [])
        assert told.value.status_code == status


def strange(rnd, kernel, run):
    """A control message or frame, most of it as it should be and some of it not."""
    odd = [None, True, -1, 0, 1, 65536, 2 ** 63 - 1, -2 ** 63, 1.5, "", "\0", "é\ud83d\ude00", "x" * 3000, [], [[]], {}, {"t": 1}]
    values = {"t": ["hello", "open", "close", "credit", "stdin", "signal", "resize", "tail", "ping", "dance"],
              "ch": [1, 2, 3, 4], "n": [1, 4096, 1 << 20], "v": [1], "kernel": [kernel, "nobody"], "run": [run, "none"],
              "workspace": ["fuzzed"], "since": [0, 1, 10 ** 6], "text": ["a\n", "\n"], "eof": [True, False],
              "signal": ["INT", "TERM", 9], "rows": [24], "cols": [80], "bytes": [0, 65536]}
    message = {"t": rnd.choice(values["t"]), "ch": rnd.choice(values["ch"])}
    for key in rnd.sample(sorted(values), rnd.randrange(len(values))):
        message[key] = rnd.choice(odd if rnd.random() < 0.3 else values[key])
    text = json.dumps(message)
    if rnd.random() < 0.1:
        cut = rnd.randrange(len(text))
        text = text[:cut] + rnd.choice(["", "{", "\\", '"', "\x7f"]) + text[cut + rnd.randrange(3):]
    if rnd.random() < 0.2:
        body = pack_v1("shell", header("kernel_info_request", "mux"), {}, {}, {})
        return HEAD.pack(rnd.choice([MESSAGE, MESSAGE, TEXT, 9]), rnd.randrange(6), rnd.getrandbits(64)) + body[:rnd.randrange(len(body) + 1)]
    return text


def test_whatever_is_said_the_server_goes_on(server, kernel):
    """Some thousand messages of one seed, on as many sockets as it cuts for them; then all is as it was."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rnd = random.Random(seed)
    run = Run(server, "import sys\nfor line in sys.stdin: print('said', line, end='', flush=True)")
    rest = 2000
    while rest:
        with Mux(server) as m:
            while rest:
                rest -= 1
                said = strange(rnd, kernel, run.id)
                try:
                    (m.ws.send if isinstance(said, str) else m.ws.send_binary)(said)
                    if rest % 50 == 0:
                        m.say(t="ping", n=rest)
                        m.wait("pong", n=rest)
                except (AssertionError, OSError, websocket.WebSocketException):
                    m.ws.shutdown()  # it was cut, as it should be for what is no kgw.v1
                    break
    with Mux(server) as m:
        m.say(t="open", ch=1, kernel=kernel)
        m.execute(1, "6 * 7")
        while "execute_reply" not in [f[1]["header"]["msg_type"] for f in m.frames[1]]:
            m.take()
    server.delete(f"/api/workspaces/fuzzed")
