"""Programs by POST /api/runs: what a script would write that has read docs/PROTOCOL.md."""
import json
import time

ENDED = ("exited", "lost")


def files_of(files):
    """{"a.py": "text" or b"bytes"} as the request has it."""
    import base64
    return [{"path": path, "content": data} if isinstance(data, str) else
            {"path": path, "base64": base64.b64encode(data).decode()} for path, data in files.items()]


class Run:
    def __init__(self, server, code=None, files=None, entry="main.py", language="python", **more):
        self.server = server
        r = server.post("/api/runs", {
            "language": language, "entry": entry, "files": files_of(files or {entry: code}), **more})
        assert r.status_code == 202, (r.status_code, r.text)
        self.id = r.json()["run_id"]
        assert r.json()["state"] in ("queued", "starting", "running", "exited")

    def model(self):
        r = self.server.get(f"/api/runs/{self.id}")
        assert r.status_code == 200, r.text
        return r.json()

    def wait(self, timeout=40):
        """The model once it has ended."""
        end = time.monotonic() + timeout
        while (model := self.model())["state"] not in ENDED:
            assert time.monotonic() < end, f"the run has not ended: {model}"
            time.sleep(0.01)
        return model

    def wait_running(self, timeout=30):
        end = time.monotonic() + timeout
        while (model := self.model())["state"] in ("queued", "starting"):
            assert time.monotonic() < end, model
            time.sleep(0.005)
        return model

    def wait_output(self, text, timeout=20):
        end = time.monotonic() + timeout
        while text not in (got := self.output()):
            assert time.monotonic() < end, f"{text!r} is not in the output: {got[-500:]!r}; {self.model()}"
            time.sleep(0.01)
        return got

    def output(self, stream=None):
        query = f"?stream={stream}" if stream else ""
        r = self.server.get(f"/api/runs/{self.id}/output{query}")
        assert r.status_code == 200, r.text
        return r.content.decode("utf-8")

    def stdin(self, data=b"", eof=False):
        return self.server.rest("POST", f"/api/runs/{self.id}/stdin{'?eof=1' if eof else ''}", data=data)

    def signal(self, name):
        return self.server.post(f"/api/runs/{self.id}/signal", {"signal": name})

    def events(self, timeout=60, kind="application/x-ndjson", start=None):
        """The live stream until the server ends it: {"state": …}, {"seq": n, "stdout": text}, {"seq": n, "stderr": …},
        {"gap": …} and, last, {"exit": model}, whichever form it comes in."""
        query = "" if start is None else f"?from={start}"
        with self.server.rest("GET", f"/api/runs/{self.id}/output{query}", headers={"Accept": kind}, stream=True,
                              timeout=timeout) as r:
            assert r.status_code == 200 and r.headers["Content-Type"].startswith(kind), r.headers
            event = {}
            for line in r.iter_lines(chunk_size=None):
                if kind != "text/event-stream":
                    yield json.loads(line)
                elif line.startswith(b"id: "):
                    event["seq"] = int(line[4:])
                elif line.startswith(b"event: "):
                    name = line[7:].decode()
                elif line.startswith(b"data: "):
                    event[name] = json.loads(line[6:])
                elif not line and event:
                    yield event
                    event = {}


def text(events):
    return "".join(e.get("stdout", "") + e.get("stderr", "") for e in events)


def run(server, code, **more):
    """Runs to the end: (model, stdout, stderr)."""
    r = Run(server, code, **more)
    model = r.wait()
    return model, r.output("stdout"), r.output("stderr")
