"""Every way to bring the token, for REST and for the WebSocket, and nothing without it."""
import socket

import pytest
import websocket

from support.channels import Channels


def ways(server):
    t = server.token
    return {
        "token": ("", {"Authorization": f"token {t}"}),
        "Token": ("", {"Authorization": f"Token {t}"}),
        "Bearer": ("", {"Authorization": f"Bearer {t}"}),
        "bearer": ("", {"Authorization": f"bearer {t}"}),
        "query": (f"?token={t}", {}),
    }


@pytest.mark.parametrize("way", ["token", "Token", "Bearer", "bearer", "query"])
def test_token_by(server, shared_kernel, way):
    query, headers = ways(server)[way]
    assert server.get(f"/api/kernels{query}", auth=False, headers=headers).status_code == 200
    url = f"{server.ws_url}/api/kernels/{shared_kernel}/channels{query}"
    with Channels(url, headers=[f"{k}: {v}" for k, v in headers.items()]) as c:
        assert c.request("kernel_info_request")["status"] == "ok"


@pytest.mark.kgw
def test_token_by_path_prefix(server, shared_kernel):
    """For clients that can set no header on their WebSocket: jupyter_server's own gateway client is one."""
    prefix = f"/t/{server.token}"
    assert server.get(prefix + "/api/kernels", auth=False).status_code == 200
    with Channels(f"{server.ws_url}{prefix}/api/kernels/{shared_kernel}/channels") as c:
        assert c.request("kernel_info_request")["status"] == "ok"
    assert server.get("/t/wrong/api/kernels", auth=False).status_code in (401, 403)
    with pytest.raises(websocket.WebSocketBadStatusException):
        Channels(f"{server.ws_url}/t/wrong/api/kernels/{shared_kernel}/channels")


@pytest.mark.kgw
def test_token_by_cookie(server, shared_kernel):
    """A browser that came with ?token= once needs it no more."""
    page = server.get(f"/?token={server.token}", auth=False, headers={"Accept": "text/html,*/*;q=0.8"})
    cookies = dict(page.cookies)
    assert cookies, "the page sets a cookie"
    cookie = "; ".join(f"{k}={v}" for k, v in cookies.items())
    assert server.get("/api/kernels", auth=False, headers={"Cookie": cookie}).status_code == 200
    assert server.token not in cookie
    with Channels(f"{server.ws_url}/api/kernels/{shared_kernel}/channels",
                  headers=[f"Cookie: {cookie}", f"Origin: {server.url}"]) as c:
        assert c.request("kernel_info_request")["status"] == "ok"
    # The cookie is not for a page from elsewhere.
    r = server.rest("POST", "/api/kernels", auth=False,
                    headers={"Cookie": cookie, "Origin": "http://evil.example"})
    assert r.status_code in (403, 404), r.text
    with pytest.raises(websocket.WebSocketBadStatusException):
        Channels(f"{server.ws_url}/api/kernels/{shared_kernel}/channels",
                 headers=[f"Cookie: {cookie}", "Origin: http://evil.example"])
    flags = page.headers["Set-Cookie"].lower()
    assert "httponly" in flags and "samesite" in flags


@pytest.mark.parametrize("headers", [
    {}, {"Authorization": "token wrong"}, {"Authorization": "Bearer wrong"}, {"Authorization": "token "},
    {"Authorization": "Basic dG9rZW46"}, {"Cookie": "kernelgw=forged"},
], ids=["none", "wrong", "wrong-bearer", "empty", "basic", "forged-cookie"])
@pytest.mark.parametrize("method,path", [
    ("GET", "/api/kernels"), ("POST", "/api/kernels"), ("GET", "/api/status"), ("GET", "/api/sessions"),
    ("GET", "/api/kernelspecs"),
])
def test_without_token(server, headers, method, path):
    r = server.rest(method, path, auth=False, headers=headers, allow_redirects=False)
    if server.kind == "kernelgw":
        assert r.status_code in (401, 403), r.text
        assert r.headers["Content-Type"].startswith("application/json") and r.json()["message"]
    assert r.status_code in (302, 401, 403) and "traceback" not in r.text.lower()


@pytest.mark.kgw
@pytest.mark.parametrize("path", ["/api/runs", "/api/kernels", "/nonesuch", "/"])
def test_bodies_without_token_are_not_read(server, path):
    """Else whoever can connect fills the server's memory: refused by the head, before any of the body has come."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as s:
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n".encode())
        answer = b""
        while piece := s.recv(65536):
            answer += piece
    assert answer.split(b" ", 2)[1] in (b"401", b"403") and b'"message"' in answer and b"100 Continue" not in answer


@pytest.mark.parametrize("query", ["", "?token=wrong", "?token="])
def test_channels_without_token(server, shared_kernel, query):
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Channels(f"{server.ws_url}/api/kernels/{shared_kernel}/channels{query}")
    assert refused.value.status_code in (401, 403)


def test_channels_of_an_unknown_kernel(server):
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        server.channels("00000000-0000-4000-8000-000000000000")
    assert refused.value.status_code == 404


def test_a_token_serves_from_any_origin(server, shared_kernel):
    """VS Code and Node clients send odd ones."""
    r = server.get("/api/kernels", headers={"Origin": "vscode-webview://x"})
    assert r.status_code == 200
    with server.channels(shared_kernel, headers=[f"Authorization: token {server.token}", "Origin: http://x.example"]) as c:
        assert c.request("kernel_info_request")["status"] == "ok"
