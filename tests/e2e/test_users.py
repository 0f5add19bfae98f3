"""Several users of one server (--users): what one has is not there for another; operators see and end all of it."""
import json
import os

import pytest
import requests
import websocket
import yaml

from support.runs import Run, run as run_program
from support.servers import Server, gateway_user, new_directory, remove
from test_mux import Mux

pytestmark = pytest.mark.kgw

TOKENS = {"ada": "ada-0123456789abcdef", "bob": "bob-0123456789abcdef", "grace": "grace-0123456789abcdef"}
LISTS = ("/api/kernels", "/api/sessions", "/api/runs", "/api/workspaces", "/api/terminals", "/api/notebooks/run")
NOTEBOOK = {"cells": [{"cell_type": "code", "id": "one", "metadata": {}, "source": "import time\ntime.sleep(600)", "outputs": [],
                       "execution_count": None}], "metadata": {"kernelspec": {"name": "python3", "display_name": "Python"}},
            "nbformat": 4, "nbformat_minor": 5}
NOBODY = "00000000-0000-4000-8000-000000000000"


def write_users(directory, **more):
    path = directory / "users.json"
    users = {"ada": {"token": TOKENS["ada"]}, "bob": {"token": TOKENS["bob"]},
             "grace": {"token": TOKENS["grace"], "role": "operator"}}
    for name, members in more.items():
        users[name].update(members)
    path.write_text(json.dumps(users))
    path.chmod(0o600)
    os.chown(path, gateway_user().pw_uid, gateway_user().pw_gid)
    return path


def as_user(server, name):
    """The same server, asked by another."""
    return Server(server.process, server.url, TOKENS[name], server.directory, server.kind, server.engine)


class Owned:
    """A server, and one of everything that ada can have."""

    def __init__(self, made):
        self.made, self.server = made, made.server
        self.ada, self.bob, self.grace = (as_user(self.server, n) for n in TOKENS)
        ada = self.ada
        self.run = Run(ada, "print('adas', flush=True)\nimport time\ntime.sleep(600)", session="adas", limits={"wall_s": 600})
        self.run.wait_output("adas")
        self.kernel = ada.start_kernel(name="python3")
        r = ada.post("/api/sessions", {"path": "a.ipynb", "name": "", "type": "notebook", "kernel": {"id": self.kernel}})
        assert r.status_code == 201, r.text
        self.session = r.json()["id"]
        assert ada.rest("PUT", "/api/contents/a.ipynb", json={"type": "notebook", "content": NOTEBOOK}).status_code == 201
        assert ada.rest("PUT", "/api/workspaces/adas/files/a.txt", data=b"x").status_code in (201, 204)
        r = ada.post("/api/contents/a.ipynb/checkpoints")
        assert r.status_code == 201
        self.checkpoint = r.json()["id"]
        r = ada.post("/api/terminals", {"name": "adas"})
        assert r.status_code == 200, r.text
        r = ada.post("/api/notebooks/run", {"path": "a.ipynb"})
        assert r.status_code == 202, r.text
        self.notebook = r.json()["id"]
        #: what stands for a path's first {name}, ada's and nobody's; later ones are a file, a port, a checkpoint
        self.objects = {
            "/api/kernels/{": (self.kernel, NOBODY), "/api/sessions/{": (self.session, NOBODY),
            "/api/runs/{": (self.run.id, NOBODY), "/api/workspaces/{": ("adas", "nobodys"),
            "/api/terminals/{": ("adas", "nobodys"), "/terminals/websocket/{": ("adas", "nobodys"),
            "/api/notebooks/run/{": (self.notebook, NOBODY), "/api/contents/{": ("a.ipynb", "nobodys.ipynb"),
            "/files/{": ("a.ipynb", "nobodys.ipynb")}


@pytest.fixture(scope="module")
def owned(made_of):
    folder = new_directory()
    contents = folder / "contents"
    contents.mkdir()
    os.chown(contents, gateway_user().pw_uid, gateway_user().pw_gid)
    made = made_of("--users", str(write_users(folder)), "--contents-dir", str(contents), "--terminals")
    try:
        yield Owned(made)
    finally:
        made.stop()
        remove(folder)


def paths_of(owned):
    """(method, path of ada's, path of nobody's) of all that the server has which lead to somebody's."""
    common = ("/api/kernelspecs/", "/kernelspecs/", "/lab/", "/static/", "/assets/", "/api/config/")  # the last: each has his own
    for pattern, methods in yaml.safe_load(owned.server.get("/api/spec.yaml").text)["paths"].items():
        if "{" not in pattern or pattern.startswith(common):
            continue
        begin = pattern[:pattern.index("{") + 1]
        assert begin in owned.objects, f"{pattern}: whose is it? Say here what ada has of it"
        for name in owned.objects[begin][::-1]:
            path = pattern.replace(pattern[pattern.index("{"):pattern.index("}") + 1], name, 1)
            path = path.replace("{port}", "5000").replace("{path}", "a.txt").replace("{rest}", "x")
            path = path.replace("{checkpoint}", owned.checkpoint).replace("{id}", owned.checkpoint)
            assert "{" not in path, path
            if name == owned.objects[begin][1]:
                nobodys = path
        for method in methods:
            if method != "parameters":
                yield method.upper(), path, nobodys


def ask(server, method, path):
    headers = {}
    if path.endswith("/channels") or path.startswith("/terminals/websocket"):
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    body = {"json": {}} if method in ("POST", "PATCH") else {}
    return server.rest(method, path, headers=headers, timeout=20, **body)


def test_what_another_has_is_not_there(owned):
    """Each path with a foreign token answers as it does when there is no such thing, word for word."""
    asked = 0
    for method, path, nobodys in paths_of(owned):
        if method == "PUT" and "/ports/" not in path:
            continue  # makes a file of one's own (below)
        theirs, none = ask(owned.bob, method, path), ask(owned.bob, method, nobodys)
        said = theirs.text.replace(path.split("/")[-1], "").replace("adas", "").replace(owned.kernel, "")
        assert theirs.status_code == none.status_code == 404, (method, path, theirs.status_code, theirs.text)
        first = next(v for k, v in owned.objects.items() if path.startswith(k[:-1]))
        assert theirs.text.replace(first[0], first[1]) == none.text, (method, path, said)
        asked += 1
    assert asked > 40
    # it is all there for ada, as it was
    assert [k["id"] for k in owned.ada.get("/api/kernels").json()].count(owned.kernel) == 1
    assert owned.run.model()["state"] == "running"
    assert owned.ada.get(f"/api/notebooks/run/{owned.notebook}").json()["state"] != "ended"
    assert owned.ada.get("/api/contents/a.ipynb?content=0").status_code == 200
    for path in LISTS:
        assert owned.bob.get(path).json() == [], path
        assert len(owned.ada.get(path).json()) >= 1, path


def test_nobody_takes_over_what_is_another_s(owned):
    bob = owned.bob
    session = {"path": "b.ipynb", "name": "", "type": "notebook", "kernel": {"id": owned.kernel}}
    assert bob.post("/api/sessions", session).status_code == 400
    assert bob.post("/api/terminals", {"name": "adas"}).status_code == 409
    assert bob.get("/api/workspaces/adas?owner=ada").status_code == 404
    assert bob.delete("/api/workspaces/adas?owner=ada").status_code == 404
    assert bob.get("/api/workspaces?owner=ada").json() == bob.get("/api/workspaces?usage=1&owner=ada").json() == []
    assert "adas" not in bob.get("/api/workspaces?usage=1").text
    with bob.get("/api/workspaces/adas/events?owner=ada&attach=1", stream=True) as r:
        assert r.status_code == 404
    # the same names are free for him
    assert bob.rest("PUT", "/api/workspaces/adas/files/a.txt", data=b"bobs").status_code == 201
    assert owned.ada.get("/api/workspaces/adas/files/a.txt").content == b"x"
    assert bob.delete("/api/workspaces/adas/files/a.txt").status_code == 204
    with bob.get("/api/workspaces/adas/events?attach=1", stream=True) as r:
        assert r.status_code == 200
    model, out, _ = run_program(bob, "import os\nprint(os.listdir('.'))", session="adas")
    assert model["exit_code"] == 0 and "a.txt" not in out
    assert bob.delete("/api/workspaces/adas").status_code == 204
    assert owned.ada.get("/api/workspaces/adas").status_code == 200
    made = bob.post("/api/sessions", {"path": "a.ipynb", "name": "", "type": "notebook", "kernel": {"name": "python3"}})
    assert made.status_code == 201 and made.json()["id"] != owned.session
    assert bob.delete(f"/api/sessions/{made.json()['id']}").status_code == 204


def test_each_has_a_folder_of_his_own(owned):
    bob, grace = owned.bob, owned.grace
    assert [e["name"] for e in owned.ada.get("/api/contents").json()["content"]] == ["a.ipynb"]
    assert bob.get("/api/contents").json()["content"] == []
    assert bob.rest("PUT", "/api/contents/a.ipynb", json={"type": "file", "format": "text", "content": "bobs"}).status_code == 201
    assert bob.get("/files/a.ipynb").text == "bobs"
    assert owned.ada.get("/api/contents/a.ipynb").json()["type"] == "notebook"
    for way in ("../ada/a.ipynb", "%2e%2e/ada/a.ipynb", "..%2fada/a.ipynb", "/ada/a.ipynb"):
        assert bob.get(f"/files/{way}").status_code in (403, 404), way
    assert owned.ada.rest("PUT", "/api/config/notebook", json={"of": "ada"}).status_code == 204
    assert "ada" not in bob.get("/api/config/notebook").text
    # an operator has the whole, and may remove a folder: it is made again
    assert {e["name"] for e in grace.get("/api/contents").json()["content"]} == {"ada", "bob"}
    assert grace.get("/files/bob/a.ipynb").text == "bobs"
    assert grace.delete("/api/contents/bob/a.ipynb").status_code == 204
    assert grace.delete("/api/contents/bob").status_code == 204
    assert bob.get("/api/contents").json()["content"] == []


def test_a_socket_shows_what_its_user_has(owned):
    with Mux(owned.bob) as m:
        assert m.welcome["kernels"] == [] and not [r for r in m.welcome["runs"] if r["run_id"] == owned.run.id]
        for n, wish in enumerate(({"kernel": owned.kernel}, {"run": owned.run.id}, {"workspace": "adas"},
                                  {"workspace": "adas", "owner": "ada"}, {"workspace": "adas", "owner": "ada", "attach": True})):
            m.say(t="open", ch=n, **wish)
            assert "does not exist" in m.wait("error", n)["message"], wish
    with Mux(owned.ada) as m:
        assert owned.kernel in [k["id"] for k in m.welcome["kernels"]]
        assert owned.run.id in [r["run_id"] for r in m.welcome["runs"]]
        m.say(t="open", ch=1, run=owned.run.id)
        m.wait("open", 1)
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        owned.bob.channels(owned.kernel)
    assert refused.value.status_code == 404


def test_operators_see_all_and_end_it(owned):
    for operator in (owned.server, owned.grace):  # who has the server's own token is one
        for path in LISTS:
            theirs = operator.get(path).json()
            assert theirs, path
        assert operator.get(f"/api/kernels/{owned.kernel}").json()["owner"] == "ada"
        models = [w for w in operator.get("/api/workspaces").json() if w["name"] == "adas"]
        assert [(w["owner"], len(w["runs"])) for w in models] == [("ada", 1)]
        used = [w for w in operator.get("/api/workspaces?usage=1&owner=ada").json() if w["name"] == "adas"][0]
        assert used["boxes"] == 1 and used["memory_bytes"] > 1 << 20  # an interpreter
        assert operator.get("/api/workspaces?owner=bob").json() == []
        assert operator.get("/api/workspaces/adas").status_code == 404  # there is none of the operator's own
        assert operator.get("/api/workspaces/adas?owner=ada").json()["name"] == "adas"
        with Mux(operator) as m:
            m.say(t="open", ch=1, workspace="adas", owner="ada")
            assert m.wait("workspace", 1)["workspace"]["owner"] == "ada"
    run = Run(owned.bob, "print('b', flush=True)\nimport time\ntime.sleep(600)", session="bobs", limits={"wall_s": 600})
    run.wait_output("b")
    assert owned.grace.delete("/api/workspaces/bobs?owner=bob").status_code == 204
    assert run.wait()["reason"] == "stopped"
    assert owned.bob.get("/api/workspaces/bobs").status_code == 404


def test_who_one_is(owned):
    for who, name, role in ((owned.ada, "ada", "user"), (owned.grace, "grace", "operator"), (owned.server, "user", "operator")):
        me = who.get("/api/me").json()
        assert (me["identity"]["username"], me["kernelgw"]["role"]) == (name, role)
    assert "kernelgw" not in owned.bob.get("/api/status").json()  # the server's own figures are its operators'
    assert owned.bob.get("/api/status").json()["kernels"] == 0
    assert owned.grace.get("/api/status").json()["kernels"] >= 1
    wrong = as_user(owned.server, "ada")
    wrong.token += "x"
    assert wrong.get("/api/kernels").status_code == 403


def test_a_browser_of_a_user(owned):
    """Who opens the page with his token is known by a cookie that takes him for nobody else."""
    page = requests.Session()
    r = page.get(f"{owned.server.url}/?token={TOKENS['bob']}", headers={"Accept": "text/html"}, timeout=10)
    assert r.status_code == 200
    assert page.get(f"{owned.server.url}/api/me", timeout=10).json()["identity"]["username"] == "bob"
    assert page.get(f"{owned.server.url}/api/kernels/{owned.kernel}", timeout=10).status_code == 404
    forged = {c.name: c.value.replace("bob:", "ada:") for c in page.cookies}
    assert any("ada:" in v for v in forged.values())
    assert requests.get(f"{owned.server.url}/api/me", cookies=forged, timeout=10).status_code == 403
    assert all(TOKENS["bob"] not in v for v in forged.values())
    login = requests.Session()
    xsrf = login.get(f"{owned.server.url}/login", timeout=10).cookies["_xsrf"]
    r = login.post(f"{owned.server.url}/login", data={"password": TOKENS["ada"], "_xsrf": xsrf}, timeout=10)
    assert login.get(f"{owned.server.url}/api/me", timeout=10).json()["identity"]["username"] == "ada"


def test_what_users_have_is_theirs_after_a_restart_too(owned):
    made = owned.made
    made.server.process.kill()
    server = made.start_server()
    ada, bob, grace = (as_user(server, n) for n in TOKENS)
    for path in LISTS[:4]:
        assert bob.get(path).json() == [], path
    assert ada.get(f"/api/kernels/{owned.kernel}").status_code == 200
    assert ada.get(f"/api/sessions/{owned.session}").json()["path"] == "a.ipynb"
    assert ada.get(f"/api/runs/{owned.run.id}").json()["state"] == "running"
    assert ada.get(f"/api/notebooks/run/{owned.notebook}").status_code == 200
    assert bob.get(f"/api/runs/{owned.run.id}").status_code == 404
    assert grace.delete("/api/workspaces/adas?owner=ada").status_code == 204


@pytest.mark.parametrize("mode, text, said", [
    (0o644, '{"ada":{"token":"0123456789abcdef"}}', "others may read"),
    (0o600, '{"ada":{"token":"short"}}', "user ada: token must have 16"),
])
def test_a_users_file_that_can_t_be_is_refused(make_server, mode, text, said):
    folder = new_directory()
    path = folder / "users.json"
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, gateway_user().pw_uid, gateway_user().pw_gid)
    with pytest.raises(AssertionError, match=said):
        make_server("--users", str(path))
    remove(folder)
