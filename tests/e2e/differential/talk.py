"""
WebSocket: requests to one kernel, the same to each server. A request is seen by its reply (status and members), and by the kinds of
messages that were published for it. Not by their order: threads of the kernel itself race there; nor by their number, since servers
may merge streams.
"""
import secrets
import time

import websocket

from support.channels import Channels, Timeout

EXECUTE = {"silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False, "stop_on_error": True}
TARGET = "get_ipython().kernel.comm_manager.register_target('echo', lambda comm, msg: comm.send({'got': 1}, buffers=[b'ab']))"
COMM = secrets.token_hex(8)

# name, channel, msg_type, content
REQUESTS = [
    ("kernel_info_request", "shell", "kernel_info_request", {}),
    ("kernel_info_request on control", "control", "kernel_info_request", {}),
    ("execute_request", "shell", "execute_request", {**EXECUTE, "code": "print('out'); 6 * 7"}),
    ("execute_request, silent", "shell", "execute_request", {**EXECUTE, "code": "1", "silent": True, "store_history": False}),
    ("execute_request with an error", "shell", "execute_request", {**EXECUTE, "code": "1/0"}),
    ("execute_request that asks (input_request)", "shell", "execute_request", {
        **EXECUTE, "code": "print(input('? '))", "allow_stdin": True}),
    ("display_data, update_display_data", "shell", "execute_request", {
        **EXECUTE, "code": "h = display(1, display_id='d'); from IPython.display import update_display\nupdate_display(2, display_id='d')"}),
    ("clear_output", "shell", "execute_request", {**EXECUTE, "code": "from IPython.display import clear_output\nclear_output()"}),
    ("user_expressions, a payload", "shell", "execute_request", {**EXECUTE, "code": "?int", "user_expressions": {"x": "1 + 1"}}),
    ("complete_request", "shell", "complete_request", {"code": "impor", "cursor_pos": 5}),
    ("inspect_request", "shell", "inspect_request", {"code": "int", "cursor_pos": 3, "detail_level": 0}),
    ("is_complete_request", "shell", "is_complete_request", {"code": "for i in x:"}),
    ("history_request", "shell", "history_request", {"output": False, "raw": True, "hist_access_type": "tail", "n": 3}),
    ("comm target", "shell", "execute_request", {**EXECUTE, "code": TARGET}),
    ("comm_open, an answer with a buffer", "shell", "comm_open", {"comm_id": COMM, "target_name": "echo", "data": {}}),
    ("comm_info_request", "shell", "comm_info_request", {}),
    ("comm_close", "shell", "comm_close", {"comm_id": COMM, "data": {}}),
    ("debug_request: initialize", "control", "debug_request", {
        "seq": 1, "type": "request", "command": "initialize", "arguments": {"clientID": "t", "adapterID": ""}}),
    ("debug_request: debugInfo", "control", "debug_request", {"seq": 2, "type": "request", "command": "debugInfo", "arguments": {}}),
    ("usage_request", "control", "usage_request", {}),
    ("create_subshell_request", "control", "create_subshell_request", {}),
    ("list_subshell_request", "control", "list_subshell_request", {}),
    ("an unknown request", "shell", "nonsense_request", {}),
    ("interrupt_request", "control", "interrupt_request", {}),
    ("shutdown_request with restart", "control", "shutdown_request", {"restart": True}),
]


# What has no reply, or may say something behind its idle: waited for until half a second is quiet.
LINGER = {"nonsense_request", "comm_open", "comm_close", "debug_request", "shutdown_request"}


class Seen:
    """reply: None, or its type, status and members; published: kinds of messages in order."""

    def __init__(self, reply, published, buffers):
        content = reply["content"] if reply else {}
        self.reply = reply and (reply["header"]["msg_type"], content.get("status"), sorted(content))
        self.published, self.buffers = published, buffers

    def words(self):
        told = sorted(set(self.published) - {"busy", "idle", "shutdown_reply"})
        if not {"busy", "idle"} <= set(self.published) and self.reply and self.reply[0] != "shutdown_reply":
            told.append("no busy and idle")
        reply = " ".join(str(r) for r in self.reply[:2] if r) if self.reply else "no reply"
        return reply + (f"; {', '.join(told)}" if told else "") + (" (with buffers)" if self.buffers else "")


def kind(msg):
    name = msg["header"]["msg_type"]
    return msg["content"]["execution_state"] if name == "status" else name


def ask(c, channel, msg_type, content, wait=30.0):
    """Seen of one request, when its reply and idle are there."""
    msg_id = c.send(channel, msg_type, content)
    reply, published, buffers = None, [], False
    end = time.monotonic() + wait
    while time.monotonic() < end:
        over = reply and published[-1:] == ["idle"]
        if over and msg_type not in LINGER:
            break
        lingers = over or (msg_type in LINGER and (reply or "idle" in published))
        try:
            msg = c.recv(0.5 if lingers else max(0.01, end - time.monotonic()))
        except (Timeout, websocket.WebSocketException):
            break
        if (msg["parent_header"] or {}).get("msg_id") != msg_id:
            continue
        if msg["channel"] == "stdin":
            c.send("stdin", "input_reply", {"value": "x", "status": "ok"}, parent=msg["header"])
        if msg["channel"] in ("shell", "control"):
            reply = msg
        else:
            published.append(kind(msg))
        buffers = buffers or bool(msg["buffers"])
    return Seen(reply, published, buffers)


def say(server, kernel_id, framing):
    """{name: Seen} of all requests."""
    with server.channels(kernel_id, framing=framing) as c:
        c.request("kernel_info_request")
        return {name: ask(c, channel, msg_type, content) for name, channel, msg_type, content in REQUESTS}


def refused(server, path, headers=None):
    """The status that a WebSocket is refused with; 101 when it is not."""
    try:
        Channels(server.ws_url + path, headers=headers or [f"Authorization: token {server.token}"]).close()
    except websocket.WebSocketBadStatusException as error:
        return error.status_code
    return 101


def closed_by(server, kernel_id, frame, framing):
    """The code that a socket is closed with after this frame; 1006 without a close; None when it goes on."""
    c = server.channels(kernel_id, framing=framing)
    try:
        c.request("kernel_info_request")
        if isinstance(frame, str):
            c.ws.send(frame)
        else:
            c.ws.send_binary(frame)
        c.ws.settimeout(2)
        while True:
            opcode, data = c.ws.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(data[:2], "big") if len(data) >= 2 else 1005
    except websocket.WebSocketTimeoutException:
        return None
    except (websocket.WebSocketConnectionClosedException, ConnectionError):
        return 1006
    finally:
        c.ws.shutdown()


ENDS = [
    ("garbage as text", "json", "garbage"),
    ("a list instead of a message", "json", "[]"),
    ("a message without a header", "json", '{"channel":"shell","content":{}}'),
    ("garbage on v1", "v1", b"\x01\x02\x03"),
    ("text on v1", "v1", "text"),
    ("a channel that is not there", "json", '{"channel":"nonsense","header":{"msg_id":"a","msg_type":"x","session":"s",'
                                            '"username":"u","version":"5.3"},"parent_header":{},"metadata":{},"content":{}}'),
]
HANDSHAKES = [
    ("channels of an unknown kernel", "/api/kernels/00000000-0000-4000-8000-000000000000/channels", None),
    ("channels without a token", "/api/kernels/{kernel}/channels", ["X-None: 1"]),
    ("channels with ?token=", "/api/kernels/{kernel}/channels?token=TOKEN", ["X-None: 1"]),
    ("channels with the token in the path", "/t/TOKEN/api/kernels/{kernel}/channels", ["X-None: 1"]),
    ("channels from another origin, with a token", "/api/kernels/{kernel}/channels?token=TOKEN", ["Origin: http://page.example"]),
]


def end_of(c, seconds=3):
    """How a socket ends by itself, in words."""
    c.ws.settimeout(seconds)
    try:
        while True:
            opcode, data = c.ws.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return f"closed, {int.from_bytes(data[:2], 'big') if len(data) >= 2 else 1005}"
    except websocket.WebSocketTimeoutException:
        return "stays open"
    except (websocket.WebSocketConnectionClosedException, ConnectionError):
        return "closed, 1006"
