"""/api/config/{section} and /api/resolvePath, as Jupyter Server has them; and whose settings they are."""
import json

import pytest

from e2e.test_differential import start
from support import servers
from test_users import as_user, write_users


@pytest.fixture(scope="module", params=("kernelgw", "jupyter_server"))
def server(request, made_of):
    it, stop = start(request.param, made_of)
    it.put = lambda path, body: it.rest("PUT", path, json=body)
    it.patch = lambda path, body: it.rest("PATCH", path, json=body)
    yield it
    stop()


def test_settings_are_kept_and_merged(server):
    assert server.get("/api/config/first").json() == {}
    assert server.patch("/api/config/first", {"a": {"b": 1, "c": "ü"}, "d": [1]}).json() == {"a": {"b": 1, "c": "ü"}, "d": [1]}
    assert server.patch("/api/config/first", {"a": {"b": None, "e": {"f": True}}}).json() == {"a": {"c": "ü", "e": {"f": True}}, "d": [1]}
    assert server.patch("/api/config/first", {"a": {"c": None, "e": {"f": None}}, "x": {}}).json() == {"d": [1]}, "what is empty goes"
    assert server.get("/api/config/first").json() == {"d": [1]}
    r = server.put("/api/config/first", {"only": 1})
    assert (r.status_code, r.text) == (204, "")
    assert server.get("/api/config/first").json() == {"only": 1} and server.get("/api/config/second").json() == {}
    assert server.rest("PATCH", "/api/config/first", data="{").status_code == 400
    assert server.get("/api/config/no-word").status_code == 404
    assert server.get("/api/config/first", auth=False).status_code == 403


def test_where_a_file_is(server):
    server.rest("PUT", "/api/contents/here.txt", json={"type": "file", "format": "text", "content": ""})
    for path, found in (("here.txt", "here.txt"), ("/here.txt", "here.txt"), ("none.txt", None), ("../here.txt", None)):
        r = server.get("/api/resolvePath", params={"path": path})
        assert r.status_code == 200 and r.json() == {"resolved": [{"scope": "server", "path": found}] if found else []}, path
    told = server.get("/api/resolvePath", params={"path": "none.txt", "kernel": "5f0c8a52-6c1f-4a75-9d5c-0c5b8f3f8c11"}).json()
    assert told["resolved"] == [] and told["unresolved"][0]["scope"] == "kernel" and "could not be found" in told["unresolved"][0]["reason"]
    assert server.get("/api/resolvePath").status_code == 400


@pytest.mark.kgw
def test_each_user_has_his_own(made_of):
    folder = servers.new_directory()
    made = made_of("--users", str(write_users(folder)), "--stock-kernels", "0", "--stock-boxes", "0")
    try:
        ada, bob = (as_user(made.server, name) for name in ("ada", "bob"))
        assert ada.rest("PUT", "/api/config/mine", json={"of": "ada"}).status_code == 204
        assert bob.get("/api/config/mine").json() == made.server.get("/api/config/mine").json() == {}
        assert made.server.process.stop() == 0
        made.start_server()
        assert as_user(made.server, "ada").get("/api/config/mine").json() == {"of": "ada"}, "the next server's, too"
        # bounds: a section's size and depth, and how many there are
        bob = as_user(made.server, "bob")
        assert bob.rest("PUT", "/api/config/big", json={"x": "y" * (1 << 20)}).status_code == 413
        deep = json.loads('{"a":' * 70 + "1" + "}" * 70)
        assert bob.rest("PATCH", "/api/config/deep", json=deep).status_code == 400
        assert [bob.rest("PUT", f"/api/config/s{i}", json={}).status_code for i in range(101)] == [204] * 100 + [413]
        assert bob.rest("PUT", "/api/config/s5", json={"again": 1}).status_code == 204
    finally:
        made.stop()
        servers.remove(folder)
