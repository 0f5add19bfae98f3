"""
/api/contents and /files, against kernelgw and against Jupyter Server beside it: what both are asked, both must answer.
Tests marked `kgw` are of what only kernelgw has, or does better.
"""
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading

import nbformat
import pytest
import requests

from support import servers

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
OURS = pytest.mark.kgw  # Jupyter Server answers 400 or 500 to these
MODEL = {"name", "path", "last_modified", "created", "content", "format", "mimetype", "size", "writable", "hash",
         "hash_algorithm", "type"}
NOTEBOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"z": 1, "a": [1.5, "é"]}, "cells": [
    {"cell_type": "code", "id": "one", "metadata": {}, "source": "print(1)\nprint(2)", "execution_count": 1, "outputs": [
        {"output_type": "stream", "name": "stdout", "text": "1\n2\n\u001b[0m"}]},
    {"cell_type": "markdown", "id": "two", "metadata": {}, "source": ""}]}


class Files:
    """A server with a folder, and calls on its contents."""

    def __init__(self, kind):
        self.kind, self.directory = kind, servers.new_directory()
        self.root = self.directory / "root"
        self.root.mkdir()
        user = servers.gateway_user()
        if kind == "kernelgw":
            os.chown(self.root, user.pw_uid, user.pw_gid)
            self.server = servers.start_kernelgw(self.directory, "process", options=(
                "--contents-dir", self.root, "--stock-kernels", "0", "--stock-boxes", "0"))
        else:
            self.server = servers.start_reference("jupyter_server", self.directory, root_dir=self.root, options=(
                "--FileContentsManager.delete_to_trash=False",))

    def call(self, method, path, body=None, **more):
        data = None if body is None else json.dumps(body)
        return self.server.rest(method, "/api/contents" + path, data=data, **more)

    def get(self, path, **args):
        r = self.call("GET", path, params=args)
        assert r.status_code == 200, (r.status_code, r.text)
        model = r.json()
        assert MODEL <= set(model), MODEL - set(model)
        assert TIME.match(model["last_modified"]) and TIME.match(model["created"])
        return model

    def save(self, path, status=(200, 201), **body):
        r = self.call("PUT", path, body)
        assert r.status_code in status, (r.status_code, r.text)
        return r.json()

    def text(self, path, content, **more):
        return self.save(path, type="file", format="text", content=content, **more)


@pytest.fixture(scope="module", params=("kernelgw", "jupyter_server"))
def service(request):
    it = Files(request.param)
    yield it
    it.server.stop()
    servers.remove(it.directory)


@pytest.fixture
def files(service):
    yield service
    for path in service.root.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def refused(r, status, *words):
    assert r.status_code == status, (r.status_code, r.text)
    assert "Traceback" not in r.text
    for word in words:
        assert word in r.text, r.text
    return r


# --- reading ---

def test_text_file(files):
    made = files.text("/a b.txt", "héllo\n")
    assert (made["name"], made["path"], made["type"], made["content"]) == ("a b.txt", "a b.txt", "file", None)
    model = files.get("/a%20b.txt")
    assert (model["content"], model["format"], model["mimetype"]) == ("héllo\n", "text", "text/plain")
    assert (model["size"], model["writable"], model["hash"]) == (7, True, None)
    assert (files.root / "a b.txt").read_bytes() == "héllo\n".encode()


def test_binary_file(files):
    data = bytes(range(256)) * 3
    files.save("/x.bin", type="file", format="base64", content=base64.encodebytes(data).decode())
    assert (files.root / "x.bin").read_bytes() == data
    model = files.get("/x.bin")
    assert (model["format"], model["mimetype"]) == ("base64", "application/octet-stream")
    assert model["content"] == base64.encodebytes(data).decode()
    assert files.get("/x.bin", content=0)["content"] is None
    r = refused(files.call("GET", "/x.bin?format=text"), 400, "not UTF-8")
    assert r.json()["reason"] == "bad format"


def test_base64_of_text(files):
    files.text("/a.py", "x")
    model = files.get("/a.py", format="base64")
    assert (model["content"], model["format"], model["mimetype"]) == ("eA==\n", "base64", "text/x-python")


@pytest.mark.parametrize("content", [0, 1])
def test_hash(files, content):
    files.text("/h", "some")
    model = files.get("/h", hash=1, content=content)
    assert (model["hash"], model["hash_algorithm"]) == (hashlib.sha256(b"some").hexdigest(), "sha256")


def test_folder(files):
    for name in ("b.txt", ".hidden", "old~", "x.pyc"):
        (files.root / name).write_text("")
    (files.root / "sub").mkdir()
    (files.root / "n.ipynb").write_text("not even JSON")
    (files.root / "gone").symlink_to("nowhere")
    os.mkfifo(files.root / "pipe")
    model = files.get("/")
    assert (model["type"], model["format"], model["path"], model["name"], model["size"]) == (
        "directory", "json", "", "", None)
    listed = {m["path"]: m["type"] for m in model["content"]}
    if files.kind == "jupyter_server":
        listed.pop("gone")  # lists what it then can't find
    assert listed == {"b.txt": "file", "n.ipynb": "notebook", "sub": "directory"}
    assert all(m["content"] is None and MODEL <= set(m) for m in model["content"])
    assert files.get("/sub", content=0)["content"] is None


@pytest.mark.parametrize("path,status,reason", [
    ("/nonesuch", 404, None), ("/sub/nonesuch", 404, None), pytest.param("/f/below", 404, None, marks=OURS), ("/.hidden", 404, None),
    ("/sub/.hidden/x", 404, None), ("/sub?type=file", 400, "bad type"), ("/sub?type=notebook", 400, "bad type"),
    ("/f?type=directory", 400, "bad type"), ("/f?format=yaml", 400, None), ("/f?content=7", 400, None),
    ("/f?hash=x", 400, None), ("/f?type=notebook", 400, None), ("/f?type=nonesuch", 200, None),
    pytest.param("/a%00b", 404, None, marks=OURS), pytest.param("/%ff", 404, None, marks=OURS), ("/..%2f..%2fetc%2fpasswd", 404, None)])
def test_what_is_not_to_be_read(files, path, status, reason):
    (files.root / "sub").mkdir()
    (files.root / "f").write_text("x")
    (files.root / ".hidden").write_text("x")
    r = files.call("GET", path)
    assert r.status_code == status, (r.status_code, r.text)
    if reason:
        assert r.json()["reason"] == reason


def test_unchanged_is_not_sent_again(files):
    files.text("/e.txt", "x")
    r = files.call("GET", "/e.txt")
    assert r.headers["Last-Modified"].endswith("GMT")
    again = files.call("GET", "/e.txt", headers={"If-None-Match": r.headers["Etag"]})
    assert (again.status_code, again.content) == (304, b"")
    files.text("/e.txt", "y")
    assert files.call("GET", "/e.txt", headers={"If-None-Match": r.headers["Etag"]}).status_code == 200


# --- notebooks ---

def test_notebook_is_written_as_nbformat_writes(files):
    r = files.call("PUT", "/n.ipynb", {"type": "notebook", "format": "json", "content": NOTEBOOK})
    assert r.status_code == 201 and "message" not in r.json(), r.text
    assert r.headers["Location"].endswith("/api/contents/n.ipynb")
    written = (files.root / "n.ipynb").read_text()
    assert written == nbformat.writes(nbformat.from_dict(NOTEBOOK)) + "\n"
    nbformat.validate(json.loads(written))
    model = files.get("/n.ipynb")
    assert (model["type"], model["format"], model["mimetype"]) == ("notebook", "json", None)
    content = model["content"]
    assert [c["source"] for c in content["cells"]] == ["print(1)\nprint(2)", ""]
    assert files.save("/n.ipynb", status=(200,), type="notebook", format="json", content=content)
    assert (files.root / "n.ipynb").read_text() == written
    assert len(files.call("GET", "/n.ipynb/checkpoints").json()) == 1


def test_invalid_notebook_is_saved_with_a_word(files):
    bad = {**NOTEBOOK, "cells": [{"cell_type": "code", "id": "a", "metadata": {}, "source": "", "outputs": []}]}
    model = files.save("/bad.ipynb", type="notebook", format="json", content=bad)
    assert model["message"].startswith("Notebook validation failed")
    assert "execution_count" in files.get("/bad.ipynb")["message"]


def old_notebook(version):
    """With all that such a document may hold, as its own library writes it."""
    v = {2: nbformat.v2, 3: nbformat.v3}[version]
    shown = {"output_text": "1\n2", "output_html": "<b>x</b>\ny", "output_svg": "<svg/>\n", "output_png": "aGk=\n", "output_jpeg": "aGk=",
             "output_latex": "$x$", "output_json": '{"a":\n [1]}', "output_javascript": "f()\ng()"}
    words = ("ename", "evalue", "traceback") if version == 3 else ("etype", "evalue", "traceback")
    if version == 2:
        shown = {key: value.encode() if key.endswith(("png", "jpeg")) else value for key, value in shown.items()}
    outputs = [v.new_output(output_type="pyout", prompt_number=7, **shown), v.new_output(output_type="display_data", **shown),
               v.new_output(output_type="pyerr", **dict(zip(words, ("E", "v", ["a", "b\nc"])))),
               v.new_output(output_type="stream", output_text="x\ny\n", **({"stream": "stderr"} if version == 3 else {}))]
    cells = [v.new_code_cell(input="a\n\nb\r\nc", prompt_number=7, outputs=outputs, collapsed=True), v.new_code_cell(),
             v.new_text_cell("markdown", source="# m\u2028n\n"), v.new_text_cell("html", source="<i>h</i>")]
    more = []
    if version == 3:
        outputs[0].metadata = {"png": {"width": 4}, "other": 1}
        more = [v.new_heading_cell(source="two\nlines\x0bof it\n", level=3), v.new_heading_cell(source=""), v.new_text_cell("raw", source="r")]
    return v.new_notebook(metadata=v.new_metadata(name="old"), worksheets=[v.new_worksheet(cells=cells), v.new_worksheet(cells=more)])


def without_ids(nb):
    """A document's upgrade gives ids by chance."""
    assert all(isinstance(cell.pop("id"), str) for cell in nb["cells"])
    return json.loads(json.dumps(nb))


@pytest.mark.parametrize("version", [2, 3])
def test_old_notebooks_are_upgraded_as_they_are_read(files, version):
    text = {2: nbformat.v2, 3: nbformat.v3}[version].writes_json(old_notebook(version))
    (files.root / "old.ipynb").write_text(text)
    model = files.get("/old.ipynb")
    assert model["type"] == "notebook" and ("message" in model) == (version == 2), "whose errors have no ename"
    assert json.loads(text)["nbformat"] == version
    content = model["content"]
    for cell in content["cells"]:  # a server's own word
        cell["metadata"].pop("trusted", None)
    expected = nbformat.reads(text, as_version=4)
    expected.metadata.pop("orig_nbformat_minor")
    content["metadata"].pop("orig_nbformat_minor", None)
    assert without_ids(content) == without_ids(expected)
    assert (files.root / "old.ipynb").read_text() == text, "reading changes nothing"


@pytest.mark.kgw
def test_an_old_notebook_that_is_saved_is_a_new_one(files):
    text = nbformat.v3.writes_json(old_notebook(3))
    files.save("/old.ipynb", type="file", format="text", content=text)
    first, again = (files.call("GET", "/old.ipynb") for _ in range(2))
    assert first.json()["content"] == again.json()["content"], "ids too, so that two front-ends mean the same cells"
    files.save("/old.ipynb", type="notebook", format="json", content=first.json()["content"])
    written = (files.root / "old.ipynb").read_text()
    nb = nbformat.reads(written, as_version=nbformat.NO_CONVERT)
    nbformat.validate(nb)
    assert (nb.nbformat, nb.nbformat_minor) == (4, 5) and "orig_nbformat" not in nb.metadata
    assert written == nbformat.writes(nb) + "\n"
    files.save("/sent.ipynb", type="notebook", format="json", content=json.loads(text))
    assert (files.root / "sent.ipynb").read_text() == written, "and so is one that comes as it was"


@pytest.mark.kgw
def test_an_old_notebook_that_can_not_be_upgraded(files):
    (files.root / "old.ipynb").write_text('{"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [{"cell_type": "code"}]}]}')
    refused(files.call("GET", "/old.ipynb"), 400, "outputs is missing")
    (files.root / "old.ipynb").write_text('{"nbformat": 1, "cells": []}')
    refused(files.call("GET", "/old.ipynb"), 400, "nbconvert")


def test_unreadable_notebook(files):
    (files.root / "u.ipynb").write_text('{"cells": [')
    refused(files.call("GET", "/u.ipynb"), 400, "Unreadable Notebook")
    assert files.get("/u.ipynb", type="file")["content"] == '{"cells": ['
    assert files.get("/u.ipynb", content=0)["type"] == "notebook"


@pytest.mark.kgw
@pytest.mark.parametrize("content", [7, None, [], {}, {"nbformat": 3, "nbformat_minor": 0, "worksheets": []}, {"nbformat": 1, "cells": []},
                                     {**NOTEBOOK, "cells": {}}, {**NOTEBOOK, "metadata": None}])
def test_what_is_no_notebook_is_not_saved(files, content):
    files.save("/n.ipynb", type="notebook", format="json", content=NOTEBOOK)
    before = (files.root / "n.ipynb").read_bytes()
    r = files.call("PUT", "/n.ipynb", {"type": "notebook", "format": "json", "content": content})
    assert refused(r, 400).json()["message"]
    assert (files.root / "n.ipynb").read_bytes() == before


# --- trust ---

SHOWS = {**NOTEBOOK, "cells": [{"cell_type": "code", "id": "c", "metadata": {}, "execution_count": 1, "source": "x", "outputs": [
    {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<script>f()</script>"}}]}]}


def trusted(files, path):
    return [c["metadata"]["trusted"] for c in files.get(path)["content"]["cells"] if c["cell_type"] == "code"]


def with_trust(content, value):
    return {**content, "cells": [{**c, "metadata": {"trusted": value}} for c in content["cells"]]}


def test_what_somebody_vouched_for_is_trusted_until_it_changes(files):
    files.save("/t.ipynb", type="notebook", format="json", content=SHOWS)
    assert trusted(files, "/t.ipynb") == [False]
    assert files.call("POST", "/t.ipynb/trust").status_code == 201
    assert trusted(files, "/t.ipynb") == [True] and "trusted" not in (files.root / "t.ipynb").read_text()
    files.call("PATCH", "/t.ipynb", {"path": "moved.ipynb"})
    assert trusted(files, "/moved.ipynb") == [True]
    changed = (files.root / "moved.ipynb").read_text().replace("f()", "g()")
    (files.root / "moved.ipynb").write_text(changed)
    assert trusted(files, "/moved.ipynb") == [False], "by anybody but who vouched"
    # a front-end whose user trusts it, or has run its cells, says so as it saves
    files.save("/moved.ipynb", type="notebook", format="json", content=with_trust(SHOWS, True))
    assert trusted(files, "/moved.ipynb") == [True]
    two = {**SHOWS, "cells": [*with_trust(SHOWS, True)["cells"], {**SHOWS["cells"][0], "id": "d", "metadata": {"trusted": False}}]}
    files.save("/moved.ipynb", type="notebook", format="json", content=two)
    assert trusted(files, "/moved.ipynb") == [False, False], "all of it, or nothing"
    files.save("/moved.ipynb", type="notebook", format="json", content=NOTEBOOK)
    assert trusted(files, "/moved.ipynb") == [True], "text does no harm"


def test_trust_of_what_is_not_there(files):
    refused(files.call("POST", "/none.ipynb/trust"), 404)


@pytest.mark.kgw
def test_trust_of_what_is_no_notebook(files):
    files.text("/t.txt", "x")
    refused(files.call("POST", "/t.txt/trust"), 400)
    refused(files.call("POST", "/.hidden.ipynb/trust"), 404)
    refused(files.call("POST", "/trust"), 404)  # a folder of that name, which is not there


# --- writing ---

def test_statuses_of_saving(files):
    assert files.call("PUT", "/s.txt", {"type": "file", "format": "text", "content": "1"}).status_code == 201
    assert files.call("PUT", "/s.txt", {"type": "file", "format": "text", "content": "2"}).status_code == 200
    assert files.call("PUT", "/d", {"type": "directory"}).status_code == 201
    assert files.get("/d")["content"] == []
    assert files.call("PUT", "/d", {"type": "directory"}).status_code == 201
    assert files.call("PUT", "/d/e.txt", {"type": "file"}).status_code == 201
    assert files.get("/d/e.txt")["content"] == ""
    assert files.call("PUT", "/d/n.ipynb", {"type": "notebook"}).status_code == 201
    assert files.get("/d/n.ipynb")["content"]["cells"] == []
    assert files.call("PUT", "/d").json()["path"] == "d/untitled"


@pytest.mark.parametrize("path,body,status", [
    ("/f", {"format": "text", "content": "x"}, 400), ("/f", {"type": "file", "format": "text"}, 400),
    ("/f", {"type": "file", "content": "x"}, 400), ("/f", {"type": "file", "format": "hex", "content": "x"}, 400),
    ("/f", {"type": "file", "format": "base64", "content": "é"}, 400),
    ("/f", {"type": "file", "format": "text", "content": 7}, 400), ("/f", {"type": "directory"}, 400),
    ("/f", {"copy_from": "x"}, 400), ("/.h", {"type": "file", "format": "text", "content": "x"}, 400),
    ("/.h/x", {"type": "directory"}, 400), ("/f", {"type": "notebook", "content": NOTEBOOK, "chunk": 1}, 400)])
def test_what_is_not_saved(files, path, body, status):
    (files.root / "f").write_text("before")
    shutil.chown(files.root / "f", servers.gateway_user().pw_name)
    refused(files.call("PUT", path, body), status)
    assert (files.root / "f").read_text() == "before" and not (files.root / ".h").exists()


@pytest.mark.kgw
@pytest.mark.parametrize("path,body,status", [
    ("/none/x", {"type": "file", "format": "text", "content": ""}, 404), ("/none/x", {"type": "directory"}, 404),
    ("/d", {"type": "file", "format": "text", "content": ""}, 400),
    ("/" + "x" * 300, {"type": "file", "format": "text", "content": ""}, 400),
    ("/x", {"type": "file", "format": "text", "content": "", "chunk": 0}, 400),
    ("/x", {"type": "file", "format": "text", "content": "", "chunk": "1"}, 400),
    ("/x", {"type": "file", "format": "text", "content": "", "chunk": 2}, 400)])
def test_what_jupyter_server_fails_on(files, path, body, status):
    (files.root / "d").mkdir()
    r = refused(files.call("PUT", path, body), status)
    assert r.json()["message"]
    assert [p.name for p in files.root.iterdir()] == ["d"]


def test_bad_bodies(files):
    for body in (b"{", b"\xff", b"[]") if files.kind == "kernelgw" else (b"{",):  # the others: 500 there
        r = files.server.rest("PUT", "/api/contents/x", data=body)
        assert refused(r, 400).json()["message"]
    refused(files.call("PATCH", "/x"), 400)


def test_upload_in_chunks(files):
    parts = [b"first\n", os.urandom(2000), b"", b"last"]
    for number, part in zip((1, 2, 3, -1), parts):
        model = files.save("/up.bin", type="file", format="base64", chunk=number,
                           content=base64.b64encode(part).decode())
        assert (model["name"], model["path"]) == ("up.bin", "up.bin")
        if files.kind == "kernelgw":  # nobody sees it before it is whole
            assert (files.root / "up.bin").exists() == (number == -1)
    assert (files.root / "up.bin").read_bytes() == b"".join(parts)
    assert [m["name"] for m in files.get("/")["content"]] == ["up.bin"]
    assert [p.name for p in files.root.iterdir()] == ["up.bin"]


def test_untitled(files):
    names = []
    for body in (None, {}, {"type": "file", "ext": ".py"}, {"type": "notebook"}, {"ext": ".ipynb"},
                 {"type": "directory"}, {"type": "directory"}, {"ext": ".tar.gz"}, {"ext": ".tar.gz"}):
        r = files.call("POST", "", body)
        assert r.status_code == 201, r.text
        assert requests.utils.unquote(r.headers["Location"]).endswith("/api/contents/" + r.json()["path"])
        names.append(r.json()["path"])
    assert names == ["untitled", "untitled1", "untitled.py", "Untitled.ipynb", "Untitled1.ipynb", "Untitled Folder",
                     "Untitled Folder 1", "untitled.tar.gz", "untitled1.tar.gz"]
    nbformat.validate(json.loads((files.root / "Untitled.ipynb").read_text()))
    refused(files.call("POST", "/nonesuch", {}), 404)
    refused(files.call("POST", "/untitled", {}), 400, "use PUT")


def test_copy(files):
    files.save("/n.ipynb", type="notebook", format="json", content=NOTEBOOK)
    files.text("/a.tar.gz", "x")
    files.save("/d", type="directory")
    names = []
    for folder, source in (("", "n.ipynb"), ("", "/n.ipynb"), ("", "n-Copy1.ipynb"), ("/d", "n.ipynb"), ("", "a.tar.gz"),
                           ("/d/new.ipynb", "n.ipynb")):
        r = files.call("POST", folder, {"copy_from": source})
        assert r.status_code == 201, r.text
        names.append(r.json()["path"])
    assert names == ["n-Copy1.ipynb", "n-Copy2.ipynb", "n-Copy3.ipynb", "d/n.ipynb", "a-Copy1.tar.gz", "d/new.ipynb"]
    assert (files.root / "d/new.ipynb").read_bytes() == (files.root / "n.ipynb").read_bytes()
    refused(files.call("POST", "", {"copy_from": "nonesuch"}), 404)
    refused(files.call("POST", "", {"copy_from": ".hidden"}), 400)


def below(folder):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def test_copy_of_a_folder(files):
    for path in ("/d", "/d/sub", "/d/sub/empty"):
        files.save(path, type="directory")
    files.text("/d/a.txt", "text")
    files.save("/d/sub/b.bin", type="file", format="base64", content="AAEC")
    files.save("/d/sub/n.ipynb", type="notebook", format="json", content=NOTEBOOK)
    for name in ("d-Copy1", "d-Copy2"):
        r = files.call("POST", "", {"copy_from": "d"})
        assert r.status_code == 201 and (r.json()["path"], r.json()["type"]) == (name, "directory"), r.text
        assert below(files.root / name) == below(files.root / "d") and len(below(files.root / name)) >= 5


@pytest.mark.kgw
def test_what_is_not_copied_with_a_folder(files):
    files.save("/d", type="directory")
    files.text("/d/a.txt", "text")
    (files.root / "d/link").symlink_to("a.txt")
    os.mkfifo(files.root / "d/pipe")
    r = files.call("POST", "/d", {"copy_from": "d"})  # into itself
    assert r.status_code == 201 and r.json()["path"] == "d/d" and below(files.root / "d/d") == {"a.txt": b"text"}
    with open(files.root / "d/huge", "wb") as f:
        f.truncate((500 << 20) + 1)
    refused(files.call("POST", "", {"copy_from": "d"}), 413, "500 MB")
    assert not (files.root / "d-Copy1").exists()
    (files.root / "d/huge").unlink()
    (files.root / "d/secret").write_text("of somebody else's")
    (files.root / "d/secret").chmod(0)
    refused(files.call("POST", "", {"copy_from": "d"}), 403)
    assert not (files.root / "d-Copy1").exists(), "all of it, or nothing"
    refused(files.call("POST", "", {"copy_from": "/"}), 400)


def test_rename(files):
    files.save("/n.ipynb", type="notebook", format="json", content=NOTEBOOK)
    files.text("/other", "x")
    files.save("/d", type="directory")
    r = files.call("PATCH", "/n.ipynb", {"path": "d/é m.ipynb"})
    assert r.status_code == 200 and r.json()["path"] == "d/é m.ipynb"
    assert not (files.root / "n.ipynb").exists()
    assert len(files.call("GET", "/d/é m.ipynb/checkpoints").json()) == 1
    refused(files.call("PATCH", "/other", {"path": "d"}), 409, "already exists")
    refused(files.call("PATCH", "/d/é m.ipynb", {"path": "other"}), 409)
    refused(files.call("PATCH", "/nonesuch", {"path": "x"}), 404)
    refused(files.call("PATCH", "/other", {"path": "no/such/folder"}), 404)
    refused(files.call("PATCH", "/other", {"path": ".hidden"}), 400)
    assert files.call("PATCH", "/other", {"path": "other"}).status_code == 200
    assert files.call("PATCH", "/d", {"path": "e"}).json()["type"] == "directory"
    assert (files.root / "other").read_text() == "x" and (files.root / "e/é m.ipynb").exists()


def test_delete(files):
    files.save("/d", type="directory")
    files.save("/d/n.ipynb", type="notebook", format="json", content=NOTEBOOK)
    refused(files.call("DELETE", "/d"), 400, "not empty")
    r = files.call("DELETE", "/d/n.ipynb")
    assert (r.status_code, r.content) == (204, b"")
    assert files.call("GET", "/d/n.ipynb").status_code == 404
    assert files.call("DELETE", "/d").status_code == 204
    assert not (files.root / "d").exists()
    refused(files.call("DELETE", "/d"), 404)
    refused(files.call("DELETE", ""), 400)
    refused(files.call("DELETE", "/.hidden"), 400)


def test_checkpoints(files):
    files.text("/c.txt", "one")
    assert files.call("GET", "/c.txt/checkpoints").json() == []
    r = files.call("POST", "/c.txt/checkpoints")
    assert r.status_code == 201 and r.headers["Location"].endswith("/api/contents/c.txt/checkpoints/checkpoint")
    assert r.json()["id"] == "checkpoint" and TIME.match(r.json()["last_modified"])
    assert files.call("GET", "/c.txt/checkpoints").json() == [r.json()]
    files.text("/c.txt", "two")
    assert files.call("POST", "/c.txt/checkpoints/checkpoint").status_code == 204
    assert files.get("/c.txt")["content"] == "one"
    assert files.call("DELETE", "/c.txt/checkpoints/checkpoint").status_code == 204
    refused(files.call("DELETE", "/c.txt/checkpoints/checkpoint"), 404)
    assert files.call("GET", "/c.txt/checkpoints").json() == []
    refused(files.call("DELETE", "/c.txt/checkpoints"), 405)
    if files.kind == "kernelgw":  # Jupyter Server fails with 500
        refused(files.call("POST", "/c.txt/checkpoints/checkpoint"), 404, "Checkpoint does not exist")
        refused(files.call("POST", "/nonesuch/checkpoints"), 404)


def test_needs_the_token(files):
    files.text("/t.txt", "x")
    for method, path in (("GET", "/t.txt"), ("PUT", "/t.txt"), ("POST", ""), ("PATCH", "/t.txt"), ("DELETE", "/t.txt"),
                         ("GET", "/t.txt/checkpoints")):
        assert files.call(method, path, auth=False).status_code == 403
    assert files.server.get("/files/t.txt", auth=False, allow_redirects=False).status_code in (302, 403)
    assert (files.root / "t.txt").read_text() == "x"


# --- /files ---

@pytest.mark.parametrize("name,content,mime", [
    ("a.txt", b"h\xc3\xa9", "text/plain; charset=UTF-8"), ("a.html", b"<b>", "text/html"), ("a.png", b"\x89PNG\0", "image/png"),
    ("a.gz", b"\x1f\x8b", "application/gzip"), ("a", b"text", "application/octet-stream"),
    ("b", b"\0\xff", "application/octet-stream"), ("a.ipynb", b"{}", "application/x-ipynb+json"), ("empty.csv", b"", "text/csv")])
def test_file(files, name, content, mime):
    (files.root / name).write_bytes(content)
    r = files.server.get(f"/files/{name}")
    assert (r.status_code, r.content, r.headers["Content-Type"]) == (200, content, mime)
    assert "sandbox allow-scripts" in r.headers["Content-Security-Policy"]
    assert ("Content-Disposition" in r.headers) == name.endswith(".ipynb")
    r = files.server.get(f"/files/{name}?download=1")
    assert r.headers["Content-Disposition"] == f"attachment; filename*=utf-8''{name}"


def test_files_that_are_not_there(files):
    (files.root / "d").mkdir()
    (files.root / ".h").write_text("x")
    for path, status in (("/files/nonesuch", 404), ("/files/.h", 404), ("/files/d", 403), ("/files/..%2f..%2fetc/passwd", 403)):
        refused(files.server.get(path), status)


@pytest.mark.kgw
def test_large_file_streams(files):
    data = os.urandom(3 << 20)
    (files.root / "big").write_bytes(data)
    assert files.server.get("/files/big").content == data
    r = files.server.rest("HEAD", "/files/big")
    assert (r.status_code, r.content) == (200, b"")
    with files.server.get("/files/big", stream=True) as r:  # a client that goes away in the middle
        r.raw.read(1000)
    assert files.server.get("/files/big").content == data


@pytest.mark.kgw
def test_a_file_that_is_cut_while_it_is_sent_is_not_taken_for_whole(files):
    """So is one that the disk fails to give: a client that got a part must know it."""
    (files.root / "cut").write_bytes(b"x" * (64 << 20))
    (files.root / "cut").chmod(0o644)
    with pytest.raises(requests.RequestException), files.server.get("/files/cut", stream=True) as r:
        assert int(r.headers["Content-Length"]) == 64 << 20
        pieces = r.iter_content(65536)
        next(pieces)
        os.truncate(files.root / "cut", 1 << 20)
        for _ in pieces:
            pass


@pytest.mark.parametrize("asked,told,got", [
    ("bytes=0-0", "bytes 0-0/10", b"0"), ("bytes=3-5", "bytes 3-5/10", b"345"), ("bytes=7-", "bytes 7-9/10", b"789"),
    ("bytes=-3", "bytes 7-9/10", b"789"), ("bytes=8-100", "bytes 8-9/10", b"89"), ("bytes=-100", None, b"0123456789"),
    ("bytes=10-", "bytes */10", None), ("lines=1-2", None, b"0123456789"),
    ("bytes=x", None, b"0123456789"),
    *(pytest.param(asked, None, b"0123456789", marks=OURS)  # RFC 9110 wants them ignored; 416 there
      for asked in ("bytes=4-2", "bytes=", "bytes=0-99999999999999999999", "bytes=0-1,3-4")),
])
def test_range_of_a_file(files, asked, told, got):
    """As browsers ask for when they play a film."""
    (files.root / "r.bin").write_bytes(b"0123456789")
    (files.root / "r.bin").chmod(0o644)
    r = files.server.get("/files/r.bin", headers={"Range": asked})
    if told is None and r.status_code == 206:  # as good: all of it
        assert r.headers["Content-Range"] == "bytes 0-9/10" and r.content == got
        return
    assert r.status_code == (200 if told is None else 206 if got else 416)
    assert r.headers.get("Content-Range") == told
    if got:
        assert r.content == got and r.headers["Accept-Ranges"] == "bytes"


@pytest.mark.kgw
def test_range_of_a_large_file(files):
    data = os.urandom(3 << 20)
    (files.root / "large").write_bytes(data)
    (files.root / "large").chmod(0o644)
    r = files.server.get("/files/large", headers={"Range": "bytes=1000-2500000"})
    assert (r.status_code, r.headers["Content-Range"]) == (206, f"bytes 1000-2500000/{3 << 20}")
    assert r.content == data[1000:2500001]
    r = files.server.get("/files/large", headers={"Range": "bytes=1000-1001", "If-Range": '"x"'})
    assert (r.status_code, r.content) == (200, data)
    r = files.server.rest("HEAD", "/files/large")
    assert (r.status_code, r.headers["Content-Length"]) == (200, str(3 << 20))


# --- what Jupyter Server has not ---

@pytest.mark.kgw
def test_links_stay_beneath(files):
    (files.directory / "secret").write_text("secret")
    (files.root / "d").mkdir()
    (files.root / "d/in.txt").write_text("inside")
    shutil.chown(files.root / "d/in.txt", servers.gateway_user().pw_name)
    shutil.chown(files.root / "d", servers.gateway_user().pw_name)
    for name, target in (("in", "d/in.txt"), ("out", "../secret"), ("abs", str(files.directory / "secret")), ("dir", ".."),
                         ("loop", "loop")):
        (files.root / name).symlink_to(target)
    assert files.get("/in")["content"] == "inside"
    for path in ("/out", "/abs", "/dir/secret", "/dir", "/loop"):
        refused(files.call("GET", path), 404)
        refused(files.server.get("/files" + path), 404)
        r = files.call("PUT", path, {"type": "file", "format": "text", "content": "changed"})
        assert r.status_code in (400, 404), r.text
    assert {m["path"] for m in files.get("")["content"]} == {"d", "in"}
    files.text("/in", "changed")  # as one would expect, the file that the link leads to
    assert (files.root / "in").is_symlink() and (files.root / "d/in.txt").read_text() == "changed"
    assert (files.directory / "secret").read_text() == "secret"
    assert files.call("DELETE", "/out").status_code == 204
    assert (files.directory / "secret").exists()


@pytest.mark.kgw
def test_two_writers(files):
    files.text("/w.txt", "mine")
    seen = files.get("/w.txt", hash=1)
    files.text("/w.txt", "theirs")
    for expected in ({"if_hash": seen["hash"]}, {"if_last_modified": seen["last_modified"]}):
        r = files.call("PUT", "/w.txt", {"type": "file", "format": "text", "content": "mine again", "kernelgw": expected})
        assert refused(r, 409, "changed by somebody else").json()["reason"] == "changed"
    now = files.get("/w.txt", hash=1)
    assert now["content"] == "theirs"
    files.text("/w.txt", "seen", kernelgw={"if_hash": now["hash"], "if_last_modified": now["last_modified"]})
    assert files.get("/w.txt")["content"] == "seen"


@pytest.mark.kgw
def test_saves_of_one_moment_have_times_of_their_own(files):
    times = [files.text("/w.txt", str(n))["last_modified"] for n in range(30)]
    assert sorted(set(times)) == times


@pytest.mark.kgw
def test_of_writers_at_once_one_wins(files):
    files.text("/w.txt", "0")
    before, outcomes = files.get("/w.txt", hash=1)["hash"], []

    def write(n):
        r = requests.put(files.server.url + "/api/contents/w.txt", headers=files.server.auth(), json={
            "type": "file", "format": "text", "content": str(n) * 100000, "kernelgw": {"if_hash": before}}, timeout=60)
        outcomes.append((r.status_code, n))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(1, 9)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    winners = [n for status, n in outcomes if status == 200]
    assert len(winners) == 1 and sorted(s for s, _ in outcomes) == [200] + [409] * 7
    assert (files.root / "w.txt").read_text() == str(winners[0]) * 100000
    assert [p.name for p in files.root.iterdir()] == ["w.txt"]


@pytest.mark.kgw
def test_full_disk_is_told(files):
    small = files.root / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs", small], check=False)
    if mounted.returncode:
        pytest.skip("no right to mount")
    try:
        files.text("/small/a.txt", "before")
        for body in ({}, {"chunk": 1}):
            r = files.call("PUT", "/small/a.txt", {"type": "file", "format": "text", "content": "x" * 200000, **body})
            assert refused(r, 507, "disk is full").json()["reason"] == "disk full"
        assert files.get("/small/a.txt")["content"] == "before"
        assert [p.name for p in small.iterdir()] == ["a.txt"]
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.kgw
def test_no_folder_no_contents(server):
    for path in ("/api/contents", "/api/contents/x", "/files/x"):
        r = server.get(path)
        assert r.status_code == 404 and "--contents-dir" in r.json()["message"]
