"""
Programs kept with what they must give: tests/programs/LANGUAGE/NAME/ holds the program's files, program.json, and
expected.txt where its standard output is known to the byte. program.json:

    {"entry": "src/main.py",                 required; the other members are optional
     "args": [], "stdin": null, "env": {}, "options": {}, "limits": {},    as POST /api/runs takes them
     "expect": {"exit_code": 0, "signal": null, "reason": "exit", "phase": "run"},    what is left out is as here
     "stdout_has": ["text"], "stderr_has": ["main.py:3"], "stdout_sha256": "of what is too long to keep",
     "send": {"when": "text in the output", "signal": "INT"}}     or "stdin": what is typed then, and is all; "stdin" above is left out

A program that ends well and names nothing in stderr_has must write nothing to stderr.
"""
import difflib
import hashlib
import json
import pathlib

from . import languages, runs

FOLDER = languages.ROOT / "tests" / "programs"
ASKED = ("args", "env", "options", "limits")  # passed on to the server as they are
KNOWN = {"entry", "stdin", "expect", "stdout_has", "stderr_has", "stdout_sha256", "send", *ASKED}
WALL_S = 90  # a machine that others use, too, takes its time


class Program:
    def __init__(self, folder):
        self.folder, self.language, self.name = folder, folder.parent.name, folder.name
        self.spec = json.loads((folder / "program.json").read_text())
        expected = folder / "expected.txt"
        self.expected = expected.read_text() if expected.exists() else None
        unknown = set(self.spec) - KNOWN
        assert not unknown and "entry" in self.spec, f"{folder}/program.json: entry is missing, or unknown: {unknown}"

    @property
    def id(self):
        return f"{self.language}/{self.name}"

    def files(self):
        found = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_file() and name not in ("program.json", "expected.txt"):
                data = path.read_bytes()
                try:
                    found[name] = data.decode()
                except UnicodeDecodeError:
                    found[name] = data
        return found

    def run(self, server):
        """Runs it to its end; returns (model, stdout, stderr)."""
        asked = {key: self.spec[key] for key in ASKED if key in self.spec}
        asked["limits"] = {"wall_s": WALL_S, **asked.get("limits", {})}
        send, stdin = self.spec.get("send", {}), self.spec.get("stdin") or ""
        run = runs.Run(server, files=self.files(), entry=self.spec["entry"], language=self.language,
                       stdin=None if "stdin" in send else stdin, **asked)
        if send:
            run.wait_output(send["when"], timeout=WALL_S)
            sent = run.stdin(send["stdin"].encode(), eof=True) if "stdin" in send else run.signal(send["signal"])
            assert sent.status_code < 300, sent.text
        model = run.wait(timeout=2 * WALL_S)
        return model, run.output("stdout"), run.output("stderr")

    def wanted(self):
        expect = {"exit_code": 0, "signal": None, "reason": "exit", "phase": "run", **self.spec.get("expect", {})}
        for key in ("exit_code", "signal"):  # a program that was ended has not both
            if expect["reason"] != "exit" and key not in self.spec.get("expect", {}):
                del expect[key]
        if expect.get("signal") is not None and "exit_code" not in self.spec["expect"]:
            expect["exit_code"] = None
        return expect

    def wrong(self, model, stdout, stderr):
        """What is not as it should be, in words; empty when all is well."""
        found, expect = [], self.wanted()
        got = {key: model[key] for key in expect}
        if got != expect:
            found.append(f"ended with {got}, not {expect}")
        if self.expected is not None and stdout != self.expected:
            found.append("stdout differs:\n" + diff(self.expected, stdout))
        digest = hashlib.sha256(stdout.encode()).hexdigest()
        if digest != self.spec.get("stdout_sha256", digest):
            found.append(f"stdout, {len(stdout)} characters, is not what it was")
        for name, text in (("stdout", stdout), ("stderr", stderr)):
            for part in self.spec.get(f"{name}_has", []):
                if part not in text:
                    found.append(f"{name} has no {part!r}")
        if expect.get("exit_code") == 0 and "stderr_has" not in self.spec and stderr:
            found.append("stderr is not empty")
        if found:
            found.append(f"--- stdout\n{stdout[-2000:]}\n--- stderr\n{stderr[-3000:]}")
        return "\n".join(found)


def diff(expected, got, most=60):
    lines = list(difflib.unified_diff(expected.splitlines(keepends=True), got.splitlines(keepends=True),
                                      "expected.txt", "stdout"))
    shown = [line if line.endswith("\n") else line + "\n\\ no line break at the end\n" for line in lines[:most]]
    return "".join(shown) + (f"... {len(lines) - most} more lines\n" if len(lines) > most else "")


def all_of(names):
    return [Program(path.parent) for name in names for path in sorted((FOLDER / name).glob("*/program.json"))]
