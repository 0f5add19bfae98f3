"""Notebooks for tests, and a server with a folder of them that it runs."""
import json
import os
import time

import nbformat

from . import servers


def notebook(*cells, kernel="python3", language="python", **metadata):
    """Each cell is its source, or a pair of that and its tags."""
    nb = nbformat.v4.new_notebook()
    nb.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": language}
    nb.metadata.update(metadata)
    for cell in cells:
        source, tags = (cell, []) if isinstance(cell, str) else cell
        made = nbformat.v4.new_markdown_cell(source[3:]) if source.startswith("md:") else nbformat.v4.new_code_cell(source)
        if tags:
            made.metadata["tags"] = tags
        nb.cells.append(made)
    return nb


def text_of(cell):
    return "".join(o.get("text", "") for o in cell.outputs)


def code_cells(nb):
    return [c for c in nb.cells if c.cell_type == "code"]


class Books:
    """A server that serves a folder, the folder, and notebooks in it that are run by the server."""

    def __init__(self, made_of, *options):
        self.home = servers.new_directory()
        self.root = self.home / "books"
        self.root.mkdir()
        self.own(self.root)
        self.made = made_of("--contents-dir", str(self.root), *options)
        self.server = self.made.server

    @staticmethod
    def own(path):
        user = servers.gateway_user()
        os.chown(path, user.pw_uid, user.pw_gid)

    def stop(self):
        self.made.stop()
        servers.remove(self.home)

    def put(self, name, nb):
        path = self.root / name
        nbformat.write(nb, path)
        self.own(path)
        return path

    def read(self, name):
        nb = nbformat.read(self.root / name, as_version=4)
        nbformat.validate(nb)
        return nb

    def post(self, status=202, **body):
        r = self.server.post("/api/notebooks/run", body)
        assert r.status_code == status, (r.status_code, r.text)
        return r.json()

    def get(self, run):
        return self.server.get(f"/api/notebooks/run/{run}").json()

    def events(self, run, accept="application/x-ndjson"):
        """The models as they come, until the end."""
        r = self.server.rest("GET", f"/api/notebooks/run/{run}", headers={"Accept": accept}, stream=True, timeout=120)
        for line in r.iter_lines():
            if accept == "text/event-stream" and line.startswith(b"data: "):
                yield json.loads(line[6:])
            elif accept != "text/event-stream" and line:
                yield json.loads(line)["run"]

    def wait(self, run, state="ended", timeout=90):
        until = time.monotonic() + timeout
        while (model := self.get(run))["state"] != state:
            assert time.monotonic() < until and model["state"] != "ended", model
            time.sleep(0.05)
        return model

    def run(self, **body):
        return self.wait(self.post(**body)["id"])
