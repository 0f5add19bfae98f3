"""
/api/terminals and terminado's WebSocket, as JupyterLab's terminal uses them. What is not marked kgw passes against Jupyter
Server, too.
"""
import json
import re
import secrets
import shutil
import signal
import subprocess
import time

import pytest
import websocket

from support import procs, servers

kgw = pytest.mark.kgw
OPTIONS = ("--terminals", "--stock-kernels", "0")


@pytest.fixture(scope="module")
def made():
    from conftest import Made
    it = Made(OPTIONS)
    yield it
    it.stop()


class Socket:
    def __init__(self, server, name, size=(24, 80)):
        self.ws = websocket.create_connection(f"{server.ws_url}/terminals/websocket/{name}", timeout=30, suppress_origin=True,
                                              header=[f"Authorization: token {server.token}"])
        self.text = ""
        assert self.take() == ["setup", {}]
        if size:
            self.resize(*size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ws.close(timeout=2)

    def say(self, *message):
        self.ws.send(json.dumps(message))

    def type(self, text):
        self.say("stdin", text)

    def resize(self, rows, cols):
        self.say("set_size", rows, cols, rows * 17, cols * 9)

    def take(self, timeout=15):
        self.ws.settimeout(timeout)
        message = json.loads(self.ws.recv())
        if message[0] == "stdout":
            self.text += message[1]
        return message

    def until(self, text, timeout=20):
        """Takes until it is there. Returns what stood before it, and forgets both."""
        end, looked = time.monotonic() + timeout, 0
        while (at := self.text.find(text, max(0, looked - len(text)))) < 0:
            assert time.monotonic() < end, f"{text!r} does not come: {self.text[-500:]!r}"
            looked = len(self.text)
            try:
                self.take(max(0.01, end - time.monotonic()))
            except websocket.WebSocketTimeoutException:
                pass
        before, self.text = self.text[:at], self.text[at + len(text):]
        return before

    def run(self, command, timeout=20):
        """What a command line prints. The marks around it are put together by the shell, so that its echo has none."""
        mark = secrets.token_hex(4)
        self.type(f"echo {mark}-''begins; {command}; echo {mark}-''ends\r")
        self.until(f"{mark}-begins\r\n", timeout)
        return self.until(f"{mark}-ends\r\n", timeout)

    def disconnected(self):
        while (message := self.take()) != ["disconnect", 1]:
            assert message[0] == "stdout"
        return True


def create(server, **body):
    r = server.post("/api/terminals", body or None)
    assert r.status_code == 200, r.text
    return r.json()["name"]


@pytest.fixture
def name(server):
    name = create(server)
    yield name
    server.delete(f"/api/terminals/{name}")


def names(server):
    r = server.get("/api/terminals")
    assert r.status_code == 200
    return [t["name"] for t in r.json()]


def test_models(server):
    first, second = create(server), create(server, name="mine")
    assert second == "mine" and {first, second} <= set(names(server))
    model = server.get(f"/api/terminals/{first}").json()
    assert set(model) == {"name", "last_activity"} and model["name"] == first
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", model["last_activity"])
    for name in (first, second):
        assert server.delete(f"/api/terminals/{name}").status_code == 204
        assert procs.wait_until(lambda: name not in names(server))
        for method in ("GET", "DELETE"):
            r = server.rest(method, f"/api/terminals/{name}")
            assert r.status_code == 404 and r.json()["message"] == f"Terminal not found: {name}"
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        Socket(server, "none")
    assert caught.value.status_code == 404


def test_a_shell(server, name):
    with Socket(server, name) as s:
        assert s.run("echo $((6 * 7)) wörld $TERM") == "42 wörld xterm-256color\r\n"
        assert "yes" in s.run("test -t 0 && test -t 1 && echo yes")


def test_size(server, name):
    with Socket(server, name, (33, 101)) as s:
        assert s.run("stty size") == "33 101\r\n"
        s.resize(40, 90)
        time.sleep(0.3)
        assert s.run("stty size") == "40 90\r\n"


def test_keys_that_are_signals(server, name):
    with Socket(server, name) as s:
        s.run("true")
        s.type("cat\r")
        time.sleep(0.3)
        s.type("\x03")
        time.sleep(0.3)  # it throws away what was typed ahead
        assert s.run("echo back") == "back\r\n"


def test_its_end_is_told(server, name):
    with Socket(server, name) as s, Socket(server, name) as other:
        s.run("true")
        s.type("exit\r")
        assert s.disconnected() and other.disconnected()
    assert procs.wait_until(lambda: name not in names(server))


def test_deleting_disconnects(server):
    name = create(server)
    with Socket(server, name) as s:
        s.run("true")
        assert server.delete(f"/api/terminals/{name}").status_code == 204
        assert s.disconnected()


def test_several_clients_see_one_terminal(server, name):
    with Socket(server, name, (50, 200)) as a, Socket(server, name, (30, 220)) as b:
        time.sleep(0.5)
        assert a.run("stty size") == "30 200\r\n"  # the smallest
        b.until("30 200\r\n")
        b.type("echo by''-b\r")
        a.until("by-b")
        b.ws.close()
        time.sleep(0.5)
        assert a.run("stty size") == "50 200\r\n"


def test_who_comes_back_sees_what_was_there(server, name):
    with Socket(server, name) as s:
        s.run("x=kept; seq 3")
        s.type("sleep 1; echo mean''while\r")
    time.sleep(1.5)
    with Socket(server, name, None) as s:
        s.until("1\r\n2\r\n3\r\n")
        s.until("meanwhile")
        assert s.run("echo $x") == "kept\r\n"


def test_a_flood_arrives_whole(server, name):
    with Socket(server, name) as s:
        assert s.run("seq -f %.0f 100000", 60) == "".join(f"{i}\r\n" for i in range(1, 100001))


def test_a_long_paste(server, name):
    """More than a terminal's queue holds, taken as the program reads it."""
    with Socket(server, name) as s:
        s.type("stty -echo -icanon; echo rea''dy; head -c 200000 | wc -c; stty echo icanon\r")
        s.until("ready")
        for _ in range(20):
            s.type("0123456789" * 1000)
        s.until("200000\r\n")
        assert s.run("echo well") == "well\r\n"


def test_last_activity_moves(server, name):
    def last():
        return server.get(f"/api/terminals/{name}").json()["last_activity"]
    with Socket(server, name) as s:
        s.run("true")
        before = last()
        time.sleep(0.01)
        s.run("true")
        assert last() > before


def test_needs_a_credential(server, name):
    for method, path in (("GET", "/api/terminals"), ("POST", "/api/terminals"), ("DELETE", f"/api/terminals/{name}")):
        assert server.rest(method, path, auth=False).status_code == 403
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        websocket.create_connection(f"{server.ws_url}/terminals/websocket/{name}", suppress_origin=True)
    assert caught.value.status_code == 403


def test_jupyterlabs_own_client(server, tmp_path):
    """@jupyterlab/services, unmodified, as JupyterLab's terminal uses it."""
    folder = servers.ROOT / "tests/e2e/clients/services"
    node, packages = subprocess.check_output([folder / "install.sh"], text=True).split()
    (tmp_path / "node_modules").symlink_to(f"{packages}/node_modules")
    script = shutil.copy(folder / "terminals.mjs", tmp_path)
    done = subprocess.run([node, script, server.url + "/", server.token], text=True, timeout=100, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "running": True, "ran": True, "size": True, "replayed": True, "shared": True, "reconnected": True, "ended": True, "named": "mine",
        "shutdown": True}, done.stderr[-3000:]


# --- ours ---

@kgw
def test_off_unless_asked_for(make_server):
    server = make_server("--stock-kernels", "0", "--stock-boxes", "0").server
    for method, path in (("GET", "/api/terminals"), ("POST", "/api/terminals"), ("GET", "/api/terminals/1"),
                         ("DELETE", "/api/terminals/1"), ("GET", "/terminals/websocket/1")):
        r = server.rest(method, path)
        assert r.status_code == 404 and "--terminals" in r.json()["message"]


@kgw
def test_jobs(server, name):
    with Socket(server, name) as s:
        s.run("true")
        s.type("sleep 100\r")
        time.sleep(0.3)
        s.type("\x1a")
        s.until("Stopped")
        assert "sleep" in s.run("jobs")
        s.run("kill -9 %1")


@kgw
@pytest.mark.oci
def test_it_is_in_a_box(server, name):
    with Socket(server, name) as s:
        assert s.run("id -u; hostname; cat /proc/1/comm") == "1000\r\nbox\r\nagent\r\n"
        assert "Read-only" in s.run("touch /x")
        assert s.run("pwd") == "/work\r\n"
        assert s.run("grep -c : /proc/net/dev") == "1\r\n"  # loopback
    assert server.get("/api/runs").json() == []


@kgw
def test_bad_requests(server):
    for body, what in (({"name": "a/b"}, "name"), ({"name": ""}, "name"), ({"name": 3}, "name"), ({"kernelgw": 1}, "kernelgw"),
                       ({"kernelgw": {"x": 1}}, "kernelgw.x"), ({"kernelgw": {"language": "cobol"}}, "cobol"),
                       ({"kernelgw": {"session": "a/b"}}, "session"), ({"kernelgw": {"limits": {"memory_mb": 1}}}, "memory_mb")):
        r = server.post("/api/terminals", body)
        assert r.status_code == 400 and what in r.json()["message"], (body, r.text)
    assert create(server, name="again") == "again" == create(server, name="again"), "who comes second has the same one"
    server.delete("/api/terminals/again")


@kgw
@pytest.mark.parametrize("frame", ["no json", "{}", "[]", "[1]", '["stdin"]', '["stdin", 3]', '"stdin"'])
def test_bad_messages(server, name, frame):
    with Socket(server, name) as s:
        s.ws.send(frame)
        with pytest.raises(websocket.WebSocketConnectionClosedException):
            while s.ws.recv():
                pass
            raise websocket.WebSocketConnectionClosedException
    with Socket(server, name) as s:
        for message in (["set_size", None, None], ["set_size", -3, "x"], ["set_size", 1e9, 0.5], ["nonsense"], ["stdin", "\0"]):
            s.say(*message)
        assert s.run("echo fine") == "fine\r\n"


@kgw
@pytest.mark.oci
def test_in_a_workspace(server):
    """Two terminals of one session share its network; a third does not."""
    own = {"kernelgw": {"session": "net", "network": "session"}}
    one, two, three = create(server, **own), create(server, **own), create(server)
    with Socket(server, one) as a, Socket(server, two) as b, Socket(server, three) as c:
        a.type("python3 -m http.server 8123 >/dev/null 2>&1 &\r")
        ask = "python3 -c \"import urllib.request as u; print(u.urlopen('http://localhost:8123', timeout=5).status)\" 2>&1 | tail -1"
        procs.wait_until(lambda: b.run(ask) == "200\r\n")
        assert b.run(ask) == "200\r\n"
        assert "refused" in c.run(ask)
    assert server.delete("/api/workspaces/net").status_code == 204
    assert procs.wait_until(lambda: not {one, two} & set(names(server)))
    server.delete(f"/api/terminals/{three}")


@kgw
def test_as_many_as_may_be_and_culling(make_server):
    server = make_server("--terminals", "--max-terminals", "2", "--cull-terminal-s", "2", "--stock-kernels", "0").server
    create(server), create(server)
    r = server.post("/api/terminals")
    assert r.status_code == 503 and "2 terminals" in r.json()["message"]
    assert procs.wait_until(lambda: names(server) == [])
    create(server)


@kgw
@pytest.mark.oci
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGUSR1], ids=["killed", "restarted"])
def test_it_outlives_the_server(make_server, end):
    it = make_server(*OPTIONS)
    server = it.server
    name = create(server)
    with Socket(server, name) as s:
        s.run("x=still; echo before")
        server.process.kill(end)
    server = it.start_server()
    assert names(server) == [name]
    with Socket(server, name, (20, 70)) as s:
        assert s.run("echo $x here; stty size") == "still here\r\n20 70\r\n"
        s.type("exit\r")
        assert s.disconnected()
    assert names(server) == []
