"""
A client of a kernel's /channels, written from Jupyter's documents and not from kernelgw's sources, so that both
can't share a mistake. Both framings: v1.kernel.websocket.jupyter.org, and the older JSON text / binary with buffers.
"""
import collections
import datetime
import json
import ssl
import struct
import time
import uuid

import websocket

V1 = "v1.kernel.websocket.jupyter.org"
FRAMINGS = ("v1", "json")


def header(msg_type, session):
    return {
        "msg_id": uuid.uuid4().hex,
        "msg_type": msg_type,
        "username": "tester",
        "session": session,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "version": "5.4",
    }


def pack_v1(channel, head, parent, metadata, content, buffers=()):
    parts = [channel.encode()] + [json.dumps(p).encode() for p in (head, parent, metadata, content)]
    parts += [bytes(b) for b in buffers]
    count = len(parts) + 1
    offsets = [8 * (count + 1)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{count + 1}Q", count, *offsets) + b"".join(parts)


def unpack_v1(frame):
    (count,) = struct.unpack_from("<Q", frame)
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    assert offsets[0] == 8 * (count + 1), "the first part begins where the offsets end"
    assert offsets[-1] == len(frame), "the last part ends where the frame ends"
    parts = [frame[a:b] for a, b in zip(offsets, offsets[1:])]
    head, parent, metadata, content = (json.loads(p) for p in parts[1:5])
    return {
        "channel": parts[0].decode(), "header": head, "parent_header": parent, "metadata": metadata,
        "content": content, "buffers": parts[5:],
    }


def pack_json(channel, head, parent, metadata, content, buffers=()):
    text = json.dumps({
        "channel": channel, "header": head, "parent_header": parent, "metadata": metadata, "content": content,
        "msg_id": head["msg_id"], "msg_type": head["msg_type"], "buffers": [],
    })
    if not buffers:
        return text
    parts = [text.encode(), *(bytes(b) for b in buffers)]
    offsets, at = [], 4 * (len(parts) + 1)
    for part in parts:
        offsets.append(at)
        at += len(part)
    return struct.pack(f">{len(parts) + 1}I", len(parts), *offsets) + b"".join(parts)


def unpack_json(frame):
    if isinstance(frame, str):
        msg = json.loads(frame)
        msg["buffers"] = []
    else:
        (count,) = struct.unpack_from(">I", frame)
        offsets = [*struct.unpack_from(f">{count}I", frame, 4), len(frame)]
        parts = [frame[a:b] for a, b in zip(offsets, offsets[1:])]
        msg = json.loads(parts[0])
        msg["buffers"] = parts[1:]
    # Used at top level by E2B, Open WebUI and jupyter_server's own gateway client.
    assert msg["msg_id"] == msg["header"]["msg_id"] and msg["msg_type"] == msg["header"]["msg_type"]
    return msg


def gaps(messages):
    return [m["metadata"]["kgw"]["gap"] for m in messages if "gap" in m["metadata"].get("kgw", {})]


class Timeout(AssertionError):
    """No message in time."""


class Outcome:
    """What came back for one request: the reply and, in order, what was published meanwhile for it."""

    def __init__(self, msg_id):
        self.msg_id, self.reply, self.published = msg_id, None, []

    def of_type(self, *types):
        return [m for m in self.published if m["header"]["msg_type"] in types]

    def text(self, name="stdout"):
        return "".join(m["content"]["text"] for m in self.of_type("stream") if m["content"]["name"] == name)

    @property
    def stdout(self):
        return self.text("stdout")

    @property
    def status(self):
        return self.reply["content"]["status"]

    @property
    def result(self):
        """text/plain of the cell's value, or None."""
        values = self.of_type("execute_result")
        return values[0]["content"]["data"]["text/plain"] if values else None

    @property
    def error(self):
        """The content of the error message, or None."""
        errors = self.of_type("error")
        return errors[0]["content"] if errors else None


class Channels:
    """One WebSocket to one kernel. Messages that nobody waits for are kept in `others`."""

    def __init__(self, url, headers=(), framing="v1", session=None, timeout=30.0):
        self.url, self.framing, self.timeout = url, framing, timeout
        self.session = session or uuid.uuid4().hex
        self.others = collections.deque(maxlen=100_000)
        self.ws = websocket.create_connection(
            url, timeout=timeout, header=list(headers), subprotocols=[V1] if framing == "v1" else None,
            sslopt={"cert_reqs": ssl.CERT_NONE}, enable_multithread=True, skip_utf8_validation=True, suppress_origin=True,
        )
        if framing == "v1":
            assert self.ws.subprotocol == V1, f"the server chose {self.ws.subprotocol!r}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.ws.close(timeout=1)

    def drop(self):
        """Goes away as a lost network does: no close frame."""
        self.ws.sock.close()

    def send(self, channel, msg_type, content, metadata=None, buffers=(), parent=None, msg_id=None, subshell=None):
        head = header(msg_type, self.session)
        head["msg_id"] = msg_id or head["msg_id"]
        if subshell:
            head["subshell_id"] = subshell
        pack = pack_v1 if self.framing == "v1" else pack_json
        frame = pack(channel, head, parent or {}, metadata or {}, content, buffers)
        if isinstance(frame, str):
            self.ws.send(frame)
        else:
            self.ws.send_binary(frame)
        return head["msg_id"]

    def recv(self, timeout=None):
        self.ws.settimeout(self.timeout if timeout is None else timeout)
        try:
            frame = self.ws.recv()
        except websocket.WebSocketTimeoutException:
            raise Timeout("no message in time") from None
        if not frame and not self.ws.connected:
            raise websocket.WebSocketConnectionClosedException("closed by the server")
        return unpack_v1(frame) if self.framing == "v1" else unpack_json(frame)

    def recv_until(self, wanted, timeout=None):
        """The first message for which wanted(message) is true; those before it go to `others`."""
        end = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise Timeout("the message waited for did not come")
            msg = self.recv(left)
            if wanted(msg):
                return msg
            self.others.append(msg)

    def wait_status(self, state, timeout=None):
        return self.recv_until(
            lambda m: m["header"]["msg_type"] == "status" and m["content"]["execution_state"] == state, timeout)

    def outcome(self, msg_id, timeout=None, answer=None, on_message=None):
        """Waits for the reply to msg_id and for its idle. answer(prompt) answers input_request."""
        out, idle = Outcome(msg_id), False
        end = time.monotonic() + (self.timeout if timeout is None else timeout)
        # Of several requests on their way, the answers to a later one may have been read already.
        early, later = [], collections.deque(maxlen=self.others.maxlen)
        for msg in self.others:
            (early if (msg["parent_header"] or {}).get("msg_id") == msg_id else later).append(msg)
        self.others = later
        early.reverse()
        while out.reply is None or not idle:
            left = end - time.monotonic()
            if left <= 0:
                got = [m["header"]["msg_type"] for m in out.published][-10:]
                raise Timeout(f"no end of {msg_id}: reply {out.reply is not None}, idle {idle}, last {got}")
            msg = early.pop() if early else self.recv(left)
            kind = msg["header"]["msg_type"]
            if (msg["parent_header"] or {}).get("msg_id") != msg_id:
                self.others.append(msg)
                continue
            if on_message:
                on_message(msg)
            if msg["channel"] == "stdin" and kind == "input_request":
                assert answer, "the kernel asks for input and the test has none"
                self.send("stdin", "input_reply", {"value": answer(msg["content"]), "status": "ok"},
                          parent=msg["header"])
            elif msg["channel"] in ("shell", "control"):
                out.reply = msg
            elif msg["channel"] == "iopub":
                out.published.append(msg)
                idle = idle or (kind == "status" and msg["content"]["execution_state"] == "idle")
        return out

    def send_execute(self, code, silent=False, allow_stdin=False, stop_on_error=True, **more):
        return self.send("shell", "execute_request", {
            "code": code, "silent": silent, "store_history": not silent, "user_expressions": {},
            "allow_stdin": allow_stdin, "stop_on_error": stop_on_error}, **more)

    def execute(self, code, timeout=None, answer=None, on_message=None, **more):
        msg_id = self.send_execute(code, allow_stdin=answer is not None, **more)
        return self.outcome(msg_id, timeout, answer, on_message)

    def request(self, msg_type, content=None, channel="shell", timeout=None):
        """Any request that has a reply: returns the reply's content."""
        msg_id = self.send(channel, msg_type, content or {})
        return self.recv_until(
            lambda m: m["channel"] == channel and (m["parent_header"] or {}).get("msg_id") == msg_id,
            timeout)["content"]
