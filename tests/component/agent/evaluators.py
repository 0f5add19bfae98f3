"""A case whose kernel is an evaluator's: the agent is the Jupyter kernel, tests/support/scripted.py evaluates."""
import os
import shutil

import harness
from harness import SHELL

HERE = os.path.dirname(os.path.abspath(__file__))


class Case(harness.Case):
    def setUp(self):
        super().setUp()
        self.script = self.agent.dir + "/scripted.py"
        shutil.copy(HERE + "/../../support/scripted.py", self.script)
        os.chmod(self.script, 0o644)

    def kernel(self, *args, **fields):
        spec = {"argv": ["python3", "-B", self.script, *args], "env": {}, "cwd": None, "ready_ms": 30000, "warm_code": None,
                "language": "python", "evaluator": True}
        spec.update(fields)
        return self.agent.ask("kernel.start", **spec)

    def of(self, msg_id, kind=None):
        return [m for m in self.agent.of[msg_id] if kind in (None, m.type)]

    def idle(self, msg_id):
        return any(m.content.get("execution_state") == "idle" for m in self.of(msg_id, "status"))

    def done(self, msg_id, seconds=30):
        self.agent.until(lambda: self.idle(msg_id), seconds)
        return next((m.content for m in self.of(msg_id) if m.type.endswith("_reply")), None)

    def send(self, code, **fields):
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True,
                   "stop_on_error": True}
        content.update(fields)
        return self.agent.message(SHELL, "execute_request", content)

    def cell(self, code, **fields):
        msg_id = self.send(code, **fields)
        return self.done(msg_id), self.shown(msg_id)

    def ask(self, kind, channel=SHELL, **content):
        return self.done(self.agent.message(channel, kind, content))

    def text(self, msg_id, name=None):
        return "".join(m.content["text"] for m in self.of(msg_id, "stream") if name in (None, m.content["name"]))

    def shown(self, msg_id):
        """What a notebook shows of a cell, streams joined: [("stdout", text), ("display_data", data)...]."""
        out = []
        for m in self.of(msg_id):
            if m.type == "stream" and out and out[-1][0] == m.content["name"]:
                out[-1] = (m.content["name"], out[-1][1] + m.content["text"])
            elif m.type == "stream":
                out.append((m.content["name"], m.content["text"]))
            elif m.type in ("display_data", "update_display_data", "execute_result"):
                out.append((m.type, m.content["data"]["text/plain"]))
            elif m.type == "error":
                out.append(("error", m.content["ename"]))
            elif m.type == "clear_output":
                out.append(("clear", m.content["wait"]))
        return out
