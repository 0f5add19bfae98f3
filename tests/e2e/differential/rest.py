"""
REST: a script of calls, said to each server in the same order. An answer is seen as its status, and as the shape of its body:
which members there are, of what kind, whatever their values.
"""
import base64
import json
import re

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$")
UNKNOWN = "00000000-0000-4000-8000-000000000000"
NOTEBOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
    {"cell_type": "code", "id": "one", "metadata": {}, "source": "1", "execution_count": None, "outputs": []}]}


def shape(value):
    """Members and kinds. A list is what its first item is."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, str):
        return "time" if TIME.match(value) else "text"
    return "null" if value is None else "flag" if isinstance(value, bool) else "number"


class Call:
    """name: its row. path and body may name what earlier calls brought: {kernel}. keep: what this one brings, by a path into
    its body ("kernel=id"). auth: False for none, a string for a header."""

    def __init__(self, name, method, path, body=None, keep=None, auth=True, headers=None, raw=None):
        self.name, self.method, self.path, self.body, self.keep = name, method, path, body, keep
        self.auth, self.headers, self.raw = auth, headers or {}, raw


def member(doc, path):
    for part in path.split("."):
        doc = doc[part]
    return doc


def fill(value, kept):
    text = json.dumps(value)
    for name, known in kept.items():
        text = text.replace("{" + name + "}", known)
    return json.loads(text)


class Answer:
    def __init__(self, r):
        kind = r.headers.get("Content-Type", "").split(";")[0]
        self.status, self.kind, self.body = r.status_code, kind, None
        if kind == "application/json" and r.content:
            try:
                self.body = r.json()
            except ValueError:  # Jupyter Server says so of a page of HTML
                self.kind = "no JSON"
        self.shape = shape(self.body)
        self.located = "Location" in r.headers
        self.headers = r.headers


def say(server, calls):
    """{name: Answer} of all calls. What a call needs and an earlier one did not bring is replaced by an id that nobody has."""
    kept, seen = {}, {}
    for call in calls:
        path = fill(call.path, kept)
        path = re.sub(r"{\w+}", UNKNOWN, path)
        headers = dict(call.headers)
        if isinstance(call.auth, str):
            headers["Authorization"] = call.auth.replace("TOKEN", server.token)
        data = call.raw if call.raw is not None else None if call.body is None else json.dumps(fill(call.body, kept))
        r = server.rest(call.method, path, auth=call.auth is True, headers=headers, data=data, allow_redirects=False)
        seen[call.name] = Answer(r)
        if call.keep and r.status_code in (200, 201):
            name, at = call.keep.split("=")
            kept[name] = member(r.json(), at)
    return seen


def text(content, **more):
    return {"type": "file", "format": "text", "content": content, **more}


def chunk(n, data):
    return {"type": "file", "format": "base64", "content": base64.b64encode(data).decode(), "chunk": n}


S, C = "/api/sessions", "/api/contents"
SESSION = {"path": "a.ipynb", "name": "a", "type": "notebook", "kernel": {"name": "python3"}}

CALLS = [
    Call("version", "GET", "/api"),
    Call("version, without a token", "GET", "/api", auth=False),
    Call("status", "GET", "/api/status"),
    Call("who am I", "GET", "/api/me"),
    Call("may I", "GET", '/api/me?permissions={"contents":["read"]}'),
    Call("may I, asked badly", "GET", "/api/me?permissions=nonsense"),
    Call("the interface's description", "GET", "/api/spec.yaml"),
    # who may ask
    Call("without a token", "GET", "/api/kernels", auth=False),
    Call("a wrong token", "GET", "/api/kernels", auth="token wrong"),
    Call("Bearer", "GET", "/api/kernels", auth="Bearer TOKEN"),
    Call("a write without a token", "POST", "/api/kernels", {}, auth=False),
    Call("a token from another origin", "GET", "/api/kernels", headers={"Origin": "http://page.example"}),
    Call("preflight", "OPTIONS", "/api/kernels", auth=False, headers={
        "Origin": "http://page.example", "Access-Control-Request-Method": "POST"}),
    Call("the form for the token", "GET", "/login", auth=False),
    Call("logout", "GET", "/logout", auth=False),
    # kernelspecs
    Call("kernelspecs", "GET", "/api/kernelspecs"),
    Call("a kernelspec", "GET", "/api/kernelspecs/python3"),
    Call("an unknown kernelspec", "GET", "/api/kernelspecs/nonesuch"),
    Call("its logo", "GET", "/kernelspecs/python3/logo-64x64.png"),
    Call("a file that it has not", "GET", "/kernelspecs/python3/nonesuch.png"),
    # kernels
    Call("start a kernel", "POST", "/api/kernels", {"name": "python3"}, keep="kernel=id"),
    Call("start one without a body", "POST", "/api/kernels", keep="second=id"),
    Call("start one, the body being no JSON", "POST", "/api/kernels", raw=b"{"),
    Call("start one of an unknown kind", "POST", "/api/kernels", {"name": "nonesuch"}),
    Call("start one by its id", "POST", "/api/kernels", {"name": "python3", "kernel_id": "11111111-2222-4333-8444-555555555555"}),
    Call("delete it", "DELETE", "/api/kernels/11111111-2222-4333-8444-555555555555"),
    Call("kernels", "GET", "/api/kernels"),
    Call("a kernel", "GET", "/api/kernels/{kernel}"),
    Call("an unknown kernel", "GET", f"/api/kernels/{UNKNOWN}"),
    Call("interrupt", "POST", "/api/kernels/{kernel}/interrupt", {}),
    Call("interrupt an unknown one", "POST", f"/api/kernels/{UNKNOWN}/interrupt", {}),
    Call("restart", "POST", "/api/kernels/{kernel}/restart", {}),
    Call("restart an unknown one", "POST", f"/api/kernels/{UNKNOWN}/restart", {}),
    Call("channels without an upgrade", "GET", "/api/kernels/{kernel}/channels"),
    Call("a method that is not there", "PUT", "/api/kernels", {}),
    Call("delete a kernel", "DELETE", "/api/kernels/{second}"),
    Call("delete it again", "DELETE", "/api/kernels/{second}"),
    # sessions
    Call("start a session", "POST", S, SESSION, keep="session=id"),
    Call("start it again", "POST", S, SESSION),
    Call("sessions", "GET", S),
    Call("a session", "GET", S + "/{session}"),
    Call("an unknown session", "GET", S + "/nonesuch"),
    Call("a session without a path", "POST", S, {"type": "notebook", "name": "", "kernel": {"name": "python3"}}),
    Call("a session without a type", "POST", S, {"path": "b", "name": "", "kernel": {"name": "python3"}}),
    Call("a session without a body", "POST", S),
    Call("a session of an unknown kind", "POST", S, {**SESSION, "path": "c", "kernel": {"name": "nonesuch"}}),
    Call("a session of an unknown kernel", "POST", S, {**SESSION, "path": "d", "kernel": {"id": UNKNOWN}}),
    Call("a session with the kernel of another", "POST", S, {**SESSION, "path": "e", "kernel": {"id": "{kernel}"}}, keep="around=id"),
    Call("rename a session", "PATCH", S + "/{session}", {"path": "renamed.ipynb", "name": "renamed"}),
    Call("give it another kernel", "PATCH", S + "/{session}", {"kernel": {"name": "python3"}}, keep="third=kernel.id"),
    Call("give it an unknown kernel", "PATCH", S + "/{session}", {"kernel": {"id": UNKNOWN}}),
    Call("change an unknown session", "PATCH", S + "/nonesuch", {"name": "x"}),
    Call("delete the kernel of a session", "DELETE", "/api/kernels/{kernel}"),
    Call("delete a session whose kernel went first", "DELETE", S + "/{around}"),
    Call("delete a session", "DELETE", S + "/{session}"),
    Call("delete an unknown session", "DELETE", S + "/nonesuch"),
    # contents
    Call("the root folder", "GET", C),
    Call("save a new file", "PUT", C + "/a.txt", text("one")),
    Call("save it again", "PUT", C + "/a.txt", text("two")),
    Call("a file", "GET", C + "/a.txt"),
    Call("a file without its content", "GET", C + "/a.txt?content=0"),
    Call("a file and its hash", "GET", C + "/a.txt?hash=1"),
    Call("a file as base64", "GET", C + "/a.txt?format=base64"),
    Call("a file as a folder", "GET", C + "/a.txt?type=directory"),
    Call("a file as an unknown type", "GET", C + "/a.txt?type=nonsense"),
    Call("a file that is not there", "GET", C + "/nonesuch.txt"),
    Call("a hidden file", "GET", C + "/.hidden"),
    Call("a path that climbs", "GET", C + "/..%2f..%2fetc%2fpasswd"),
    Call("save a notebook", "PUT", C + "/n.ipynb", {"type": "notebook", "format": "json", "content": NOTEBOOK}),
    Call("a notebook", "GET", C + "/n.ipynb"),
    Call("a notebook as text", "GET", C + "/n.ipynb?type=file&format=text"),
    Call("trust a notebook", "POST", C + "/n.ipynb/trust"),
    Call("make a folder", "PUT", C + "/d", {"type": "directory"}),
    Call("a folder", "GET", C + "/d"),
    Call("a new untitled file", "POST", C + "/d", {"type": "file", "ext": ".py"}),
    Call("a new untitled notebook", "POST", C + "/d", {"type": "notebook"}),
    Call("a new untitled folder", "POST", C, {"type": "directory"}),
    Call("a copy", "POST", C + "/d", {"copy_from": "a.txt"}),
    Call("a copy of what is not there", "POST", C + "/d", {"copy_from": "nonesuch.txt"}),
    Call("rename", "PATCH", C + "/a.txt", {"path": "b.txt"}),
    Call("rename to what is there", "PATCH", C + "/b.txt", {"path": "n.ipynb"}),
    Call("rename what is not there", "PATCH", C + "/nonesuch.txt", {"path": "c.txt"}),
    Call("a first chunk", "PUT", C + "/up.bin", chunk(1, b"first ")),
    Call("the last chunk", "PUT", C + "/up.bin", chunk(-1, b"last")),
    Call("what the chunks made", "GET", C + "/up.bin?type=file&format=text"),
    Call("save, the body being no JSON", "PUT", C + "/bad.txt", raw=b"{"),
    Call("save an unknown type", "PUT", C + "/bad.txt", {"type": "nonsense", "content": "x"}),
    Call("checkpoints, none", "GET", C + "/b.txt/checkpoints"),
    Call("a new checkpoint", "POST", C + "/b.txt/checkpoints", keep="checkpoint=id"),
    Call("checkpoints", "GET", C + "/b.txt/checkpoints"),
    Call("restore a checkpoint", "POST", C + "/b.txt/checkpoints/{checkpoint}"),
    Call("delete a checkpoint", "DELETE", C + "/b.txt/checkpoints/{checkpoint}"),
    Call("the bytes of a file", "GET", "/files/b.txt"),
    Call("a range of them", "GET", "/files/b.txt", headers={"Range": "bytes=1-1"}),
    Call("bytes that are not there", "GET", "/files/nonesuch.txt"),
    Call("delete a file", "DELETE", C + "/b.txt"),
    Call("delete what is not there", "DELETE", C + "/b.txt"),
    Call("where a file is", "GET", "/api/resolvePath?path=n.ipynb"),
    # settings, terminals, and what lies outside of /api
    Call("settings", "GET", "/api/config/notebook"),
    Call("change settings", "PATCH", "/api/config/notebook", {"a": {"b": 1}}),
    Call("terminals", "GET", "/api/terminals"),
    Call("a new terminal", "POST", "/api/terminals", keep="terminal=name"),
    Call("a terminal", "GET", "/api/terminals/{terminal}"),
    Call("delete a terminal", "DELETE", "/api/terminals/{terminal}"),
    Call("formats of nbconvert", "GET", "/api/nbconvert"),
    Call("a path that is not there", "GET", "/api/nonesuch"),
    Call("metrics", "GET", "/metrics"),
]
