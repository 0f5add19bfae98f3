"""What programs of a session serve, through /api/workspaces/{name}/ports/{port}/."""
import http.client
import json
import socket
import time

import pytest
import websocket

from support.runs import Run

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

WEB = r"""
import base64, hashlib, http.server, json, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            return self.echo()
        if self.path.startswith("/slow"):
            self.send_response(200); self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
            for i in range(3):
                self.wfile.write(b"2\r\n%d\n\r\n" % i); self.wfile.flush()
                if i == 0: self.rfile.read(1) if self.path == "/slow-never" else time.sleep(0.5)
            return self.wfile.write(b"0\r\n\r\n")
        if self.path == "/big":
            self.send_response(200); self.send_header("Content-Length", str(50 << 20)); self.end_headers()
            for i in range(50): self.wfile.write(bytes([i]) * (1 << 20))
            return
        if self.path == "/move":
            self.send_response(302); self.send_header("Location", "/there"); self.send_header("Content-Length", "0")
            self.send_header("Set-Cookie", "mine=1; Path=/"); return self.end_headers()
        if self.path == "/move-told":
            self.send_response(302); self.send_header("Location", self.headers["X-Forwarded-Prefix"] + "/there")
            self.send_header("Content-Length", "0"); return self.end_headers()
        self.answer()
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        text = json.dumps({"method": self.command, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
                           "length": len(body), "sum": sum(body)}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(text))); self.end_headers(); self.wfile.write(text)
    do_POST = do_PUT = do_DELETE = do_PATCH = answer
    def echo(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101); self.send_header("Upgrade", "websocket"); self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()); self.end_headers()
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8: break
            mask, data = self.rfile.read(4), self.rfile.read(head[1] & 127)
            self.wfile.write(bytes([head[0], len(data)]) + bytes(b ^ mask[i % 4] for i, b in enumerate(data))); self.wfile.flush()
        self.close_connection = True
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Handler)
print("serving", flush=True)
server.serve_forever()
"""
ODD = """
import socket
v6 = socket.create_server(("::1", 8002), family=socket.AF_INET6)
s = socket.create_server(("127.0.0.1", 8001))
print("serving", flush=True)
for answer in (b"220 mail\\r\\n\\r\\n", b"", b"HTTP/1.1 101 x\\r\\n\\r\\n", b"HTTP/1.1 200 OK\\r\\n" + b"A: b\\r\\n" * 20000):
    c, _ = s.accept()
    c.recv(4000); c.sendall(answer); c.close()
c, _ = v6.accept()
c.recv(4000); c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nv6")
"""
BASE = "/api/workspaces/web/ports/8000"


@pytest.fixture(scope="module")
def web(made):
    server = made.server
    run = Run(server, WEB, session="web", network="session", limits={"wall_s": 300})
    run.wait_output("serving")
    yield server
    server.delete("/api/workspaces/web")


def test_requests_go_there_without_the_servers_credentials(web):
    seen = web.get(BASE + "/a%20b/c?x=1&token=secret&y=2", headers={
        "Cookie": "app=1; kernelgw-x=2", "Origin": web.url, "Referer": web.url + "/?token=secret", "X-Own": "kept"}).json()
    assert (seen["method"], seen["path"]) == ("GET", "/a%20b/c?x=1&y=2")
    head = seen["headers"]
    assert (head["host"], head["origin"], head["x-own"]) == ("localhost:8000", "http://localhost:8000", "kept")
    assert head["x-forwarded-prefix"] == BASE and head["x-forwarded-host"] == web.url.split("//")[1]
    assert "authorization" not in head and "referer" not in head and web.token not in json.dumps(seen)
    page = web.rest("GET", "/?token=" + web.token, auth=False, headers={"Accept": "text/html"})
    cookie = page.headers["Set-Cookie"].split(";")[0]
    seen = web.rest("GET", BASE + "/", auth=False, headers={"Cookie": f"a=1; {cookie}; b=2"}).json()
    assert seen["headers"]["cookie"] == "a=1; b=2"
    for headers in ({}, {"Authorization": "token wrong"}):
        assert web.rest("GET", BASE + "/", auth=False, headers=headers).status_code == 403
    foreign = {"Cookie": cookie, "Origin": "http://evil.example"}
    assert web.rest("POST", BASE + "/", auth=False, headers=foreign).status_code == 403


def asked_as_written(server, path):
    """What the program saw of a request whose path nobody has put in order before, as requests does."""
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    c.request("GET", path)
    seen = json.loads(c.getresponse().read())
    c.close()
    return seen


def test_a_token_in_the_url_stays_here_however_it_is_written(web):
    for query in ("token=%s&b=1", "%%74oken=%s&b=1", "b=1&%%74%%6F%%6b%%65%%6E=%s", "b=1&to%%6ben=%s&"):
        assert asked_as_written(web, f"{BASE}/x?" + query % web.token)["path"] == "/x?b=1"
    query = "/x?tokens=1&token2=2&%74oken2=3&"
    assert asked_as_written(web, f"{BASE}{query}token={web.token}")["path"] == query.rstrip("&")
    below = f"/t/{web.token}{BASE}"
    seen = web.rest("GET", below + "/x", auth=False).json()
    assert seen["headers"]["x-forwarded-prefix"] == BASE and web.token not in json.dumps(seen)
    # the client is led to where its credential is
    for page in ("/move", "/move-told"):
        r = web.rest("GET", below + page, auth=False, allow_redirects=False)
        assert (r.status_code, r.headers["Location"]) == (302, below + "/there")
    r = web.rest("GET", f"{BASE}?token={web.token}", auth=False, allow_redirects=False)
    assert (r.status_code, r.headers["Location"]) == (308, f"{BASE}/?token={web.token}")


def test_bodies_go_both_ways(web):
    data = bytes(range(256)) * 20000
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        seen = web.rest(method, BASE + "/put", data=data).json()
        assert (seen["method"], seen["length"], seen["sum"]) == (method, len(data), sum(data))
    assert web.get(BASE + "/big").content == b"".join(bytes([i]) * (1 << 20) for i in range(50))
    assert web.rest("HEAD", BASE + "/").status_code == 501  # so says this program


def test_an_answer_comes_as_it_is_made(web):
    with web.get(BASE + "/slow", stream=True) as r:
        times = []
        for line in r.iter_lines(chunk_size=None):
            times.append((line, time.monotonic()))
    assert [line for line, _ in times] == [b"0", b"1", b"2"] and times[1][1] - times[0][1] > 0.2


def test_what_leads_away_leads_below_the_prefix(web):
    r = web.get(BASE + "/move", allow_redirects=False)
    assert (r.status_code, r.headers["Location"]) == (302, BASE + "/there")
    assert r.headers["Set-Cookie"] == f"mine=1; Path=/; Path={BASE}/"
    r = web.get(BASE, allow_redirects=False)
    assert (r.status_code, r.headers["Location"]) == (308, BASE + "/")


def test_websockets_pass(web):
    ws = websocket.create_connection(web.ws_url + BASE + "/ws", header=[f"Authorization: token {web.token}"], timeout=20)
    for text in ("hello", "x" * 100, ""):
        ws.send(text)
        assert ws.recv() == text
    ws.close()
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(web.ws_url + BASE + "/ws", timeout=20)


def test_what_follows_a_request_is_not_passed_on(web):
    with socket.create_connection(("127.0.0.1", web.port), 20) as s:
        head = f"GET %s HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nAuthorization: token {web.token}\r\n\r\n"
        s.sendall((head % (BASE + "/first") + head % (BASE + "/second")).encode())
        got = b""
        while data := s.recv(65536):
            got += data
    assert got.count(b"HTTP/1.1 200") == 1 and b"/first" in got and web.token.encode() not in got


def test_odd_programs_are_told_apart(server):
    run = Run(server, ODD, session="odd", network="session")
    run.wait_output("serving")
    for _ in range(4):
        r = server.get("/api/workspaces/odd/ports/8001/")
        assert r.status_code == 502 and "the program" in r.json()["message"], r.text
    assert server.get("/api/workspaces/odd/ports/8002/").text == "v6"
    run.wait()
    for path, status, word in (("odd/ports/8001/", 502, "nothing listens"), ("none/ports/80/", 404, "exist"),
                               ("odd/ports/0/", 400, "65535"), ("odd/ports/x/", 400, "65535"), ("odd/ports/99999/", 400, "65535")):
        r = server.get("/api/workspaces/" + path)
        assert r.status_code == status and word in r.json()["message"], (path, r.text)
    server.delete("/api/workspaces/odd")


def test_the_end_of_a_session_ends_its_connections(server):
    run = Run(server, WEB, session="ending", network="session")
    run.wait_output("serving")
    ws = websocket.create_connection(server.ws_url + "/api/workspaces/ending/ports/8000/ws",
                                     header=[f"Authorization: token {server.token}"], timeout=20)
    ws.send("x")
    assert ws.recv() == "x"
    server.delete("/api/workspaces/ending")
    with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionError)):
        ws.recv()
