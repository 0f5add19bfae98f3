"""/api/spec.yaml, beside the document that Jupyter Server publishes of itself."""
import pathlib
import re

import jupyter_server
import pytest
import yaml


def operations(spec):
    """Paths, whatever their parameters are called, and their methods."""
    return {re.sub(r"{[^}]*}", "{}", path).rstrip("/"): {m for m in row if m != "parameters"}
            for path, row in spec["paths"].items()}


@pytest.fixture
def spec(server):
    r = server.get("/api/spec.yaml")
    assert r.status_code == 200 and r.headers["Content-Type"].startswith("text/x-yaml")
    return yaml.safe_load(r.text)


def test_there_is_one(spec):
    assert {"/api/kernels", "/api/sessions", "/api/contents/{path}"} <= set(spec["paths"])


@pytest.mark.kgw
def test_it_is_valid(server, spec):
    assert server.get("/api/spec.yaml", auth=False).status_code == 403
    assert spec["swagger"] == "2.0" and spec["info"]["title"] == "kernelgw"
    for path, row in spec["paths"].items():
        named = {p["name"] for p in row.get("parameters", [])}
        assert named == set(re.findall(r"{([^}]*)}", path)), path
        assert all(op["responses"] for method, op in row.items() if method != "parameters"), path


@pytest.mark.kgw
def test_what_jupyter_server_has_is_there(spec):
    published = pathlib.Path(jupyter_server.__file__).parent / "services/api/api.yaml"
    theirs, ours = operations(yaml.safe_load(published.read_text())), operations(spec)
    for path, methods in theirs.items():
        if "/checkpoints" not in path:  # part of /api/contents/{path} here, and tested there
            assert methods <= ours.get(path, set()), path


@pytest.mark.kgw
def test_what_it_names_is_served(server, spec):
    """Each path is known: asked by a method that none has, it answers with those that it has."""
    for path, row in spec["paths"].items():
        r = server.rest("PROPFIND", re.sub(r"{[^}]*}", "x", path))
        assert r.status_code == 405, (path, r.status_code)
        methods = {m.strip().lower() for m in r.headers["Allow"].split(",")}
        assert {m for m in row if m != "parameters"} <= methods, path
