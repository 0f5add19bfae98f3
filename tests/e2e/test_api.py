"""REST as Jupyter Server 2 has it: kernels, kernelspecs, status, who am I."""
import re
import uuid

import pytest

from support import procs

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
STATES = {"starting", "idle", "busy", "restarting", "dead"}


def assert_model(model):
    """What JupyterLab validates and jupyter_server's gateway client parses."""
    assert uuid.UUID(model["id"]) and model["name"] == "python3"
    assert TIME.match(model["last_activity"]), model
    assert model["execution_state"] in STATES
    assert type(model["connections"]) is int


def test_version_needs_no_token(server):
    r = server.get("/api", auth=False)
    assert r.status_code == 200 and re.match(r"\d+\.\d+", r.json()["version"])


def test_kernel_life(server):
    r = server.post("/api/kernels", {"name": "python3"})
    assert r.status_code == 201, r.text
    model = r.json()
    path = f"/api/kernels/{model['id']}"
    assert_model(model)
    assert r.headers["Location"].endswith(path)
    try:
        assert model["id"] in [k["id"] for k in server.get("/api/kernels").json()]
        assert_model(server.kernel(model["id"]))
        r = server.post(path + "/interrupt", {})
        assert (r.status_code, r.content) == (204, b"")
        r = server.post(path + "/restart", {})
        assert r.status_code == 200
        assert_model(r.json())
    finally:
        r = server.delete(path)
    assert (r.status_code, r.content) == (204, b"")
    assert server.get(path).status_code == 404
    assert model["id"] not in [k["id"] for k in server.get("/api/kernels").json()]


@pytest.mark.parametrize("data", [None, b"", b"{}"], ids=["none", "empty", "object"])
def test_kernel_start_without_wishes(server, data):
    """Open WebUI posts no body at all."""
    r = server.rest("POST", "/api/kernels", data=data)
    assert r.status_code == 201, r.text
    assert_model(r.json())
    server.delete(f"/api/kernels/{r.json()['id']}")


def test_kernel_id_chosen_by_the_client(server):
    mine = str(uuid.uuid4())
    assert server.start_kernel(name="python3", kernel_id=mine) == mine
    assert server.kernel(mine)["id"] == mine
    server.delete(f"/api/kernels/{mine}")


@pytest.mark.kgw
def test_kernel_id_taken_or_malformed_is_refused(server, kernel):
    for chosen in (kernel, "../../etc", "x" * 5000, "", 7):
        r = server.post("/api/kernels", {"name": "python3", "kernel_id": chosen})
        assert 400 <= r.status_code < 500, (chosen, r.status_code)
        assert r.json()["message"]


def test_connections_are_counted(server, kernel):
    assert server.kernel(kernel)["connections"] == 0
    with server.channels(kernel) as a, server.channels(kernel) as b:
        a.request("kernel_info_request")
        b.request("kernel_info_request")
        assert server.kernel(kernel)["connections"] == 2
    assert procs.wait_until(lambda: server.kernel(kernel)["connections"] == 0)


def test_execution_state_and_activity_follow_the_kernel(server, kernel):
    with server.channels(kernel) as c:
        c.execute("1")
        assert procs.wait_until(lambda: server.kernel(kernel)["execution_state"] == "idle")
        before = server.kernel(kernel)["last_activity"]
        msg_id = c.send_execute("import time; time.sleep(1)")
        assert procs.wait_until(lambda: server.kernel(kernel)["execution_state"] == "busy")
        c.outcome(msg_id)
        assert procs.wait_until(lambda: server.kernel(kernel)["execution_state"] == "idle")
        assert server.kernel(kernel)["last_activity"] > before


def test_kernelspecs(server):
    specs = server.get("/api/kernelspecs").json()
    assert specs["default"] in specs["kernelspecs"]
    python = specs["kernelspecs"]["python3"]
    assert python["name"] == "python3"
    assert python["spec"]["language"] == "python" and python["spec"]["display_name"]
    assert isinstance(python["spec"]["argv"], list) and isinstance(python["spec"].get("metadata", {}), dict)
    one = server.get("/api/kernelspecs/python3")
    assert one.status_code == 200 and one.json() == python
    for name, path in python["resources"].items():
        assert path.endswith(f"/kernelspecs/python3/{path.rsplit('/', 1)[1]}"), (name, path)
        r = server.get(path)
        assert r.status_code == 200 and r.content, path
        if path.endswith(".png"):
            assert r.headers["Content-Type"] == "image/png" and r.content.startswith(b"\x89PNG")
    assert any("logo" in name for name in python["resources"])


def test_status(server, kernel):
    with server.channels(kernel) as c:
        c.request("kernel_info_request")
        status = server.get("/api/status").json()
    assert status["kernels"] >= 1 and status["connections"] >= 1
    assert TIME.match(status["started"]) and TIME.match(status["last_activity"])


def test_me(server):
    me = server.get("/api/me").json()
    assert {"username", "name", "display_name", "initials", "avatar_url", "color"} <= set(me["identity"])
    me = server.get('/api/me?permissions={"kernels":["read","execute"]}').json()
    assert me["permissions"]["kernels"] == ["read", "execute"]
    assert server.get("/api/me?permissions=nonsense").status_code == 400


@pytest.mark.kgw
def test_preflight_needs_no_token(server):
    r = server.rest("OPTIONS", "/api/kernels", auth=False, headers={
        "Origin": "http://ide.example", "Access-Control-Request-Method": "POST"})
    assert r.status_code in (200, 204)
    assert "authorization" in r.headers["Access-Control-Allow-Headers"].lower()


@pytest.mark.kgw
def test_page(server):
    r = server.get(f"/?token={server.token}", auth=False)
    assert r.status_code == 200 and r.headers["Content-Type"].startswith("text/html")
    assert r.headers["X-Content-Type-Options"] == "nosniff"
