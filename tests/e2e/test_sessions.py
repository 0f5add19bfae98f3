"""/api/sessions: a document with its kernel."""
import secrets

import pytest


@pytest.fixture
def session(server):
    path = f"{secrets.token_hex(4)}.ipynb"
    r = server.post("/api/sessions", {
        "path": path, "name": "n", "type": "notebook", "kernel": {"name": "python3"}})
    assert r.status_code == 201, r.text
    model = r.json()
    yield model
    if server.get(f"/api/sessions/{model['id']}").status_code == 200:
        server.delete(f"/api/sessions/{model['id']}")


def test_session_has_a_kernel(server, session):
    assert session["type"] == "notebook" and session["name"] == "n"
    assert session["kernel"]["name"] == "python3"
    assert server.kernel(session["kernel"]["id"])["id"] == session["kernel"]["id"]
    assert session["notebook"]["path"] == session["path"]
    assert session["id"] in [s["id"] for s in server.get("/api/sessions").json()]
    assert server.get(f"/api/sessions/{session['id']}").json()["path"] == session["path"]


def test_same_path_is_the_same_session(server, session):
    r = server.post("/api/sessions", {
        "path": session["path"], "name": "n", "type": "notebook", "kernel": {"name": "python3"}})
    assert r.status_code == 201
    assert (r.json()["id"], r.json()["kernel"]["id"]) == (session["id"], session["kernel"]["id"])


def test_patch(server, session):
    path = f"/api/sessions/{session['id']}"
    r = server.rest("PATCH", path, json={"path": session["path"] + "2", "name": "m"})
    assert r.status_code == 200
    assert (r.json()["path"], r.json()["name"]) == (session["path"] + "2", "m")
    old = session["kernel"]["id"]
    r = server.rest("PATCH", path, json={"kernel": {"name": "python3"}})
    assert r.status_code == 200
    new = r.json()["kernel"]["id"]
    assert new != old and server.kernel(new)["name"] == "python3"
    assert server.get(f"/api/kernels/{old}").status_code == 404


def test_session_around_an_existing_kernel(server, kernel):
    r = server.post("/api/sessions", {
        "path": secrets.token_hex(4), "name": "", "type": "console", "kernel": {"id": kernel}})
    assert r.status_code == 201 and r.json()["kernel"]["id"] == kernel
    assert r.json()["type"] == "console"
    # The session's kernel goes with it.
    assert server.delete(f"/api/sessions/{r.json()['id']}").status_code == 204
    assert server.get(f"/api/kernels/{kernel}").status_code == 404


def test_kernel_gone_first(server, session):
    server.delete(f"/api/kernels/{session['kernel']['id']}")
    assert server.delete(f"/api/sessions/{session['id']}").status_code in (204, 404, 410)
    assert session["id"] not in [s["id"] for s in server.get("/api/sessions").json()]


@pytest.mark.parametrize("body,statuses", [
    (None, (400,)),
    ({"path": "x", "name": "x", "kernel": {"name": "python3"}}, (400,)),  # no type
    ({"type": "notebook", "name": "x", "kernel": {"name": "python3"}}, (400,)),  # no path
    ({"path": "x", "name": "x", "type": "notebook", "kernel": {"name": "nonesuch"}}, (400, 404, 501)),
    ({"path": "x", "name": "x", "type": "notebook", "kernel": {"id": "nonesuch"}}, (400, 404)),
    ({"path": "x", "name": "x", "type": "notebook", "kernel": {"id": 7}}, (400,)),
    ({"path": "x", "name": "x", "type": "notebook", "kernel": {"name": 7}}, (400,)),
    ({"path": "x", "name": "x", "type": "notebook", "kernel": "python3"}, (400,)),
    ({"path": 7, "name": "x", "type": "notebook", "kernel": {"name": "python3"}}, (400,)),
])
def test_bad_requests(server, body, statuses):
    r = server.post("/api/sessions", body)
    if server.kind == "jupyter_server" and r.status_code in (201, 500):
        pytest.skip("jupyter_server starts something else or shows a traceback")
    assert r.status_code in statuses, (r.status_code, r.text)
    assert r.json()["message"] and "traceback" not in r.text.lower()


@pytest.mark.kgw
def test_bad_change_changes_nothing(server, session):
    for body in ({"path": 7}, {"kernel": 7}, {"kernel": {"id": "nonesuch"}, "path": "elsewhere"}):
        r = server.rest("PATCH", f"/api/sessions/{session['id']}", json=body)
        assert r.status_code == 400 and r.json()["message"], body
    assert server.get(f"/api/sessions/{session['id']}").json()["path"] == session["path"]


def test_unknown_session(server):
    for method in ("GET", "DELETE", "PATCH"):
        r = server.rest(method, "/api/sessions/nonesuch", json={} if method == "PATCH" else None)
        assert r.status_code == 404, method
        if server.kind == "kernelgw":
            assert r.json()["message"]
