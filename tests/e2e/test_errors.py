"""What a client does wrong is told exactly, as JSON without a traceback, and the server goes on."""
import concurrent.futures
import contextlib
import json
import os
import signal
import socket
import struct
import uuid

import pytest
import websocket

from support import procs
from support.channels import header, pack_v1

UNKNOWN = "00000000-0000-4000-8000-000000000000"
pytestmark = pytest.mark.kgw


def assert_told(r, *statuses):
    assert r.status_code in statuses, (r.status_code, r.text[:300])
    assert r.headers["Content-Type"].startswith("application/json"), r.headers
    body = r.json()
    assert body["message"] and "reason" in body
    assert "traceback" not in r.text.lower()


@pytest.fixture(autouse=True)
def goes_on(server):
    yield
    assert server.get("/api").status_code == 200


@pytest.mark.parametrize("data", [b"{", b"not json", b"[1,2]", b'"x"', b"\xff\xfe", b'{"name":"python3"} trailing'])
def test_bad_json(server, data):
    r = server.rest("POST", "/api/kernels", data=data)
    assert_told(r, 400)


@pytest.mark.parametrize("body", [{"name": 7}, {"name": "python3", "env": {"A": 1}}, {"name": "python3", "env": []},
                                  {"name": "python3", "path": 3}, {"name": "python3", "env": {"A": "x" * 200_000}},
                                  {"name": "python3", "env": {"PYTHONPATH": "x" * 200_000}}])
def test_wrong_types(server, body):
    assert_told(server.post("/api/kernels", body), 400)


@pytest.mark.parametrize("name", ["nonesuch", "../python3", "x" * 10_000, "python3\n", "a\u0000b"])
def test_unknown_kernelspec(server, name):
    assert_told(server.post("/api/kernels", {"name": name}), 400, 404)
    if name == "nonesuch":
        assert_told(server.get("/api/kernelspecs/nonesuch"), 404)


@pytest.mark.parametrize("kernel_id", [UNKNOWN, "nonesuch", "%00", "a" * 3000])
@pytest.mark.parametrize("method,tail", [("GET", ""), ("DELETE", ""), ("POST", "/interrupt"), ("POST", "/restart")])
def test_unknown_kernel(server, kernel_id, method, tail):
    r = server.rest(method, f"/api/kernels/{kernel_id}{tail}")
    assert_told(r, 400, 403, 404) if kernel_id != UNKNOWN else assert_told(r, 404)
    if kernel_id == UNKNOWN:
        assert UNKNOWN in r.json()["message"]


def test_unknown_paths_and_methods(server):
    assert_told(server.get("/api/nonesuch"), 404)
    assert_told(server.rest("PATCH", "/api/kernels"), 404, 405)
    assert_told(server.rest("BREW", "/api/kernels"), 400, 404, 405, 501)
    r = server.get(f"/api/kernels/{UNKNOWN}/channels")
    assert_told(r, 400, 404, 426)


def test_channels_without_upgrade(server, shared_kernel):
    assert_told(server.get(f"/api/kernels/{shared_kernel}/channels"), 400, 426)


def raw(server, request, timeout=5):
    """Sends bytes as they are, and returns all that comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout) as s:
        s.sendall(request)
        answer = b""
        try:
            while piece := s.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return answer


@pytest.mark.parametrize("path", [
    "/kernelspecs/python3/../../../etc/passwd",
    "/kernelspecs/python3/..%2f..%2f..%2fetc%2fpasswd",
    "/kernelspecs/python3/%2e%2e/%2e%2e/etc/passwd",
    "/kernelspecs/..%2f..%2f/etc/passwd",
    "/kernelspecs/python3//etc/passwd",
    "/kernelspecs/python3/kernel.json%00.png",
    "/kernelspecs/python3/.%00./x",
    "/api/kernelspecs/..%2f..%2fetc",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/static/../../etc/passwd",
    "/%ff%fe", "/%zz", "/%", "//etc/passwd",
])
def test_path_tricks(server, path):
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: token {server.token}\r\nConnection: close\r\n\r\n"
    answer = raw(server, request.encode())
    status = answer.split(b" ", 2)[1] if answer else b"closed"
    assert status in (b"400", b"403", b"404", b"closed"), answer[:200]
    assert b"root:" not in answer


@pytest.mark.parametrize("request_bytes", [
    b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n",
    b"POST /api/kernels HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    b"POST /api/kernels HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
], ids=["version", "blank", "tls", "no-path", "negative-length", "huge-length", "long-path", "long-header",
        "many-headers"])
def test_broken_http(server, request_bytes):
    answer = raw(server, request_bytes, 1)
    assert not answer or answer.startswith(b"HTTP/1."), answer[:100]
    assert not answer.startswith(b"HTTP/1.1 2") or b"X: " in request_bytes or b"A: b" in request_bytes


def test_body_too_large(server):
    """Refused by its length alone, before it is sent."""
    r = raw(server, f"POST /api/kernels HTTP/1.1\r\nHost: x\r\nAuthorization: token {server.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {2**40}\r\n\r\n".encode() + b"{" * 1000)
    assert r.startswith(b"HTTP/1.1 413"), r[:200]


def closed_by(c, timeout=10):
    """The close code and reason that the server sends."""
    c.ws.settimeout(timeout)
    while True:
        opcode, frame = c.ws.recv_data_frame(control_frame=True)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return struct.unpack(">H", frame.data[:2])[0], frame.data[2:].decode()


GARBAGE_V1 = {
    "empty": b"",
    "short": b"\x01\x02",
    "count-only": struct.pack("<Q", 6),
    "count-huge": struct.pack("<Q", 2**63) + b"x" * 100,
    "offsets-backwards": struct.pack("<8Q", 7, 64, 60, 64, 64, 64, 64, 64),
    "offset-past-end": struct.pack("<8Q", 7, 64, 64, 64, 64, 64, 64, 9999),
    "not-json": pack_v1("shell", {}, {}, {}, {}).replace(b"{}", b"{{"),
    "header-not-object": pack_v1("shell", [], {}, {}, {}),
    "no-msg_type": pack_v1("shell", {"msg_id": "a"}, {}, {}, {}),
}


@pytest.mark.parametrize("name", GARBAGE_V1)
def test_garbage_on_v1(server, shared_kernel, name):
    with server.channels(shared_kernel) as good, server.channels(shared_kernel) as bad:
        bad.ws.send_binary(GARBAGE_V1[name])
        code, reason = closed_by(bad)
        assert code in (1002, 1003, 1007, 1008) and reason, (code, reason)
        assert good.request("kernel_info_request")["status"] == "ok"


def test_text_on_v1(server, shared_kernel):
    with server.channels(shared_kernel) as c:
        c.ws.send("{}")
        code, reason = closed_by(c)
        assert code in (1002, 1003, 1007, 1008) and reason


@pytest.mark.parametrize("frame", ["garbage", "[]", "{", "7", '{"header":7}', '{"header":{}}', b"\x00\x01",
                                   struct.pack(">3I", 2, 12, 99999) + b"{}",
                                   struct.pack(">I", 0xFFFFFFFF) + b"x" * 64])
def test_garbage_on_json(server, shared_kernel, frame):
    with server.channels(shared_kernel, framing="json") as good, server.channels(shared_kernel, framing="json") as bad:
        bad.ws.send(frame) if isinstance(frame, str) else bad.ws.send_binary(frame)
        code, reason = closed_by(bad)
        assert code in (1002, 1003, 1007, 1008) and reason, (code, reason)
        assert good.request("kernel_info_request")["status"] == "ok"


def test_unknown_channels_are_ignored(channels):
    """Jupyter Server does so; iopub is not for clients to write to."""
    for channel in ("iopub", "nonesuch", "s" * 100_000, ""):
        channels.send(channel, "kernel_info_request", {})
    assert channels.execute("6*7").result == "42"


def test_message_too_large(server, shared_kernel):
    """Told by its length alone: close 1009, while another socket of the kernel works on."""
    with server.channels(shared_kernel) as good, server.channels(shared_kernel) as bad:
        bad.ws.sock.sendall(b"\x82\xff" + struct.pack(">Q", 2**40) + b"\0\0\0\0" + b"x" * 1000)
        code, _ = closed_by(bad)
        assert code == 1009
        assert good.request("kernel_info_request")["status"] == "ok"


@pytest.mark.parametrize("frame", [
    b"\x82\x05hello",  # not masked
    b"\xf2\x80\0\0\0\0",  # reserved bits
    b"\x83\x80\0\0\0\0",  # reserved opcode
    b"\x89\xfe\x00\x7e\0\0\0\0" + b"x" * 126,  # ping longer than 125
    b"\x80\x80\0\0\0\0",  # continues nothing
    b"\x88\x81\0\0\0\0x",  # close of one byte
], ids=["unmasked", "rsv", "opcode", "long-ping", "continuation", "short-close"])
def test_broken_websocket_frames(server, shared_kernel, frame):
    with server.channels(shared_kernel) as good, server.channels(shared_kernel) as bad:
        bad.ws.sock.sendall(frame)
        bad.ws.sock.settimeout(3)
        got = b""
        try:
            while piece := bad.ws.sock.recv(65536):
                got += piece
        except ConnectionResetError:
            pass
        except TimeoutError:
            assert b"\x88" in got, "no close frame, and the connection stays"
        assert good.request("kernel_info_request")["status"] == "ok"


def test_a_box_that_takes_nothing(server):
    """What waits for it is bounded; who sends more is told to try later, and it works on."""
    mark = f"mark-{uuid.uuid4()}"
    kernel_id = server.start_kernel(name="python3", env={"PYTHON_MARK": mark})  # a variable that makes a box of its own
    try:
        with server.channels(kernel_id, timeout=60) as c:
            c.execute("1")
            agent = procs.parent(next(iter(procs.with_marker(mark))))
            before = server.rss_kb()
            os.kill(agent, signal.SIGSTOP)
            try:
                for _ in range(12):
                    c.send("shell", "comm_msg", {"comm_id": "x", "data": {}}, buffers=[bytes(10 << 20)])
            except (OSError, websocket.WebSocketException):
                pass
            code, reason = closed_by(c)
            assert code == 1013 and "wait" in reason, (code, reason)
            assert server.rss_kb() - before < 200 * 1024
            os.kill(agent, signal.SIGCONT)

        def works():
            with server.channels(kernel_id, timeout=60) as c, contextlib.suppress(websocket.WebSocketException):
                return c.execute("5", timeout=60).result == "5"

        assert procs.wait_until(works, 30), "later never comes"
    finally:
        server.delete(f"/api/kernels/{kernel_id}")


def test_restart_of_a_kernel_that_is_deleted_meanwhile(server):
    kernel_id = server.start_kernel(name="python3")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        restart = pool.submit(server.post, f"/api/kernels/{kernel_id}/restart", {})
        procs.wait_until(lambda: server.kernel(kernel_id)["execution_state"] == "restarting")
        assert server.delete(f"/api/kernels/{kernel_id}").status_code == 204
        assert restart.result().status_code == 200 or assert_told(restart.result(), 404, 410) is None


def test_kernel_deleted_closes_its_sockets(server):
    """With 1000 or 1001, which JupyterLab takes as final."""
    kernel_id = server.start_kernel(name="python3")
    with server.channels(kernel_id) as c:
        c.request("kernel_info_request")
        server.delete(f"/api/kernels/{kernel_id}")
        code, _ = closed_by(c)
        assert code in (1000, 1001)


def test_files_of_a_run_stay_inside(server):
    for path in ("../x", "/etc/x", "a/../../x", "", "a//b", ".", "a/.", "a\0b", "x" * 5000):
        r = server.post("/api/runs", {"language": "python", "entry": "main.py", "files": [
            {"path": "main.py", "content": ""}, {"path": path, "content": "x"}]})
        assert_told(r, 400)


@pytest.mark.parametrize("body", [
    {}, {"language": "python"}, {"language": "nonesuch", "entry": "a", "files": [{"path": "a", "content": ""}]},
    {"language": "python", "entry": "missing.py", "files": [{"path": "a.py", "content": ""}]},
    {"language": "python", "entry": "a.py", "files": "x"},
    {"language": "python", "entry": "a.py", "files": [{"path": "a.py", "base64": "***"}]},
    {"language": "python", "entry": "a.py", "files": [{"path": "a.py", "content": ""}], "limits": {"wall_s": -1}},
    {"language": "python", "entry": "a.py", "files": [{"path": "a.py", "content": ""}], "args": "x"},
    {"language": "python", "entry": "a.py", "files": [{"path": "a.py", "content": ""}], "env": {"A=B": "x"}},
], ids=["empty", "no-entry", "language", "entry-missing", "files-string", "base64", "negative-limit", "args", "env"])
def test_bad_runs(server, body):
    assert_told(server.post("/api/runs", body), 400, 404)


def test_unknown_run(server):
    for method, tail in (("GET", ""), ("GET", "/output"), ("POST", "/stdin"), ("POST", "/signal")):
        r = server.rest(method, f"/api/runs/nonesuch{tail}", data=json.dumps({"signal": "TERM"}))
        assert_told(r, 404)
