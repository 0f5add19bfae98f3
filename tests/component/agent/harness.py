"""
Plays the gateway against a real agent: listens on a unix socket, speaks the records of docs/PROTOCOL.md ("The link").

AGENT   the agent's program
"""
import collections
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest  # noqa: F401  (for those who import us)
import uuid

HELLO, MSG, REPLY, EVENT, WELCOME, REQ, DATA, ACK = 1, 2, 3, 4, 16, 17, 18, 19
SHELL, CONTROL, STDIN, IOPUB, NONE = 0, 1, 2, 3, 255
CHANNELS = ["shell", "control", "stdin", "iopub"]
HEAD = struct.Struct("<IBBBBQ")


BOX = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "setpriv", "--bounding-set",
       "-all,+setuid,+setgid,+kill", "--"]


class Refused(Exception):
    def __init__(self, reply):
        super().__init__(reply.get("error"))
        self.reply = reply


class Message:
    """One Jupyter message out of a v1 frame."""

    def __init__(self, frame, seq=0, kind=0):
        (n,) = struct.unpack_from("<Q", frame)
        off = struct.unpack_from(f"<{n}Q", frame, 8)
        parts = [bytes(frame[off[i]:off[i + 1]]) for i in range(n - 1)]
        self.channel = parts[0].decode()
        self.header, self.parent, self.metadata, self.content = (json.loads(p) for p in parts[1:5])
        self.buffers, self.seq, self.kind = parts[5:], seq, kind
        self.type = self.header["msg_type"]

    def __repr__(self):
        return f"<{self.channel} {self.type} {self.content}>"


def frame(channel, header, parent=None, metadata=None, content=None, buffers=()):
    parts = [CHANNELS[channel].encode()] + [
        json.dumps(p or {}).encode() for p in (header, parent, metadata, content)] + list(buffers)
    n = len(parts) + 1
    offsets = [8 * (n + 1)]
    for p in parts:
        offsets.append(offsets[-1] + len(p))
    return struct.pack(f"<{n + 1}Q", n, *offsets) + b"".join(parts)


class Agent:
    """An agent with its directories. `connect` accepts it and welcomes it."""

    def __init__(self, uid=None, args=()):
        self.dir = tempfile.mkdtemp(prefix="kgw-agent-")
        os.chmod(self.dir, 0o755)
        self.work, self.kernels = self.dir + "/work", self.dir + "/kernel"
        for d in (self.work, self.kernels):
            os.mkdir(d, 0o700)
            if uid:
                os.chown(d, uid, uid)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.dir + "/link")
        self.listener.listen(8)
        self.listener.settimeout(20)
        self.uid = uid
        self.args = [os.environ["AGENT"], "--link", self.dir + "/link", "--box", "0123456789abcdef", "--work",
                     self.work, "--kernel-dir", self.kernels]
        if uid:
            self.args += ["--uid", str(uid), "--gid", str(uid)]
        self.args += ["--log-level", os.environ.get("AGENT_LOG", "warn")] + list(args)
        self.sock, self.next_id, self.epoch = None, 0, 1
        self.buffer = bytearray()
        self.events, self.replies, self.messages, self.last_seq = [], {}, [], 0
        self.of = collections.defaultdict(list)  # messages by the msg_id of their parent
        self.order = []  # every record, as it came: (type, seq)
        # With a user of its own it is as in a box: PID 1, with no capability but these three.
        self.wrap = BOX if uid else []
        self.process = subprocess.Popen(self.wrap + self.args, stdin=subprocess.DEVNULL)

    @property
    def pid(self):
        """The agent's own, as seen from here."""
        if not self.wrap:
            return self.process.pid
        return next(p for p in descendants(self.process.pid) if parent_of(p) == self.process.pid)

    def user_pids(self):
        return descendants(self.pid)

    def remove(self):
        if self.sock:
            self.sock.close()
        self.listener.close()
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- records ----

    def accept(self):
        if self.sock:
            self.sock.close()
        self.sock, _ = self.listener.accept()
        self.sock.settimeout(30)
        self.buffer = bytearray()
        kind, *_, body = self.record()
        assert kind == HELLO, kind
        return json.loads(body)

    def connect(self, from_seq=None):
        hello = self.accept()
        self.send(WELCOME, json.dumps({"epoch": self.epoch, "from_seq": from_seq or self.last_seq + 1}).encode())
        return hello

    def drop(self):
        self.sock.close()
        self.sock = None

    def send(self, kind, body=b"", channel=NONE, flags=0, seq=0):
        self.sock.sendall(HEAD.pack(len(body), kind, channel, 0, flags, seq) + body)

    def record(self):
        while True:
            if len(self.buffer) >= HEAD.size:
                n, kind, channel, what, flags, seq = HEAD.unpack_from(self.buffer)
                if len(self.buffer) >= HEAD.size + n:
                    body = bytes(self.buffer[HEAD.size:HEAD.size + n])
                    del self.buffer[:HEAD.size + n]
                    return kind, channel, what, flags, seq, body
            got = self.sock.recv(1 << 20)
            if not got:
                raise EOFError("the agent has closed the link")
            self.buffer += got

    def step(self):
        """Takes one record and files it. Returns its type and what it is."""
        kind, channel, what, flags, seq, body = self.record()
        self.order.append((kind, seq))
        if kind == REPLY:
            doc = json.loads(body)
            self.replies[doc["id"]] = doc
            return kind, doc
        if kind == EVENT:
            doc = json.loads(body)
            if doc["event"] == "gap":
                assert doc["to_seq"] == seq, doc
                assert doc["from_seq"] == self.last_seq + 1, (doc, self.last_seq)
            else:
                assert seq == self.last_seq + 1, (seq, self.last_seq)
            self.last_seq = seq
            self.events.append(doc)
            return kind, doc
        assert kind == MSG, kind
        assert seq == self.last_seq + 1, (seq, self.last_seq)
        self.last_seq = seq
        m = Message(body, seq, what)
        assert CHANNELS[channel] == m.channel
        self.messages.append(m)
        self.of[m.parent.get("msg_id")].append(m)
        return kind, m

    def until(self, test, seconds=30):
        """Steps until test() gives something true, and returns it."""
        end = time.monotonic() + seconds
        while True:
            found = test()
            if found:
                return found
            if time.monotonic() > end:
                raise TimeoutError(f"messages: {self.messages[-10:]} events: {self.events[-5:]}")
            self.sock.settimeout(max(0.05, end - time.monotonic()))
            try:
                self.step()
            except socket.timeout:
                pass

    def silence(self, seconds):
        """True when nothing comes for so long."""
        self.sock.settimeout(seconds)
        try:
            what = self.step()
            print("instead of silence:", what, file=sys.stderr)
            return False
        except socket.timeout:
            return True
        finally:
            self.sock.settimeout(30)

    # ---- requests ----

    def request(self, op, data=None, **fields):
        self.next_id += 1
        self.send(REQ, json.dumps({"id": self.next_id, "op": op, **fields}).encode())
        if data is not None:
            for i in range(0, max(len(data), 1), 65536):
                last = i + 65536 >= len(data)
                self.send(DATA, data[i:i + 65536], flags=1 if last else 0, seq=self.next_id)
        return self.next_id

    def reply(self, number, seconds=30):
        doc = self.until(lambda: self.replies.get(number), seconds)
        del self.replies[number]
        if not doc["ok"]:
            raise Refused(doc)
        return doc

    def ask(self, op, data=None, seconds=30, **fields):
        return self.reply(self.request(op, data, **fields), seconds)

    def put(self, path, data, **fields):
        if isinstance(data, str):
            data = data.encode()
        return self.ask("files.put", data, path=path, size=len(data), **fields)

    def message(self, channel, kind, content, session="s", msg_id=None, parent=None, buffers=()):
        msg_id = msg_id or uuid.uuid4().hex
        header = {"msg_id": msg_id, "msg_type": kind, "session": session, "username": "u", "version": "5.4",
                  "date": "2026-01-01T00:00:00.000000Z"}
        self.send(MSG, frame(channel, header, parent, None, content, buffers), channel)
        return msg_id

    # ---- programs ----

    def start(self, *argv, phases=None, run_id=None, wait=True, **fields):
        run_id = run_id or uuid.uuid4().hex
        spec = {"run_id": run_id, "phases": phases or [{"name": "run", "argv": list(argv), "wall_ms": 0}], "env": {},
                "cwd": None, "stdin": False, "wall_ms": 30000, "output_bytes": 0, "username": "u", "session": "s"}
        spec.update(fields)
        number = self.request("run.start", **spec)
        if wait:
            self.reply(number)
        return Run(self, run_id)

    def python(self, code, **fields):
        return self.start("python3", "-c", code, **fields)


class Run:
    def __init__(self, agent, run_id):
        self.agent, self.id = agent, run_id

    def messages(self):
        return self.agent.of[self.id]

    def exit(self, seconds=30):
        def ended():
            return self.messages() and self.messages()[-1].type == "execute_reply"

        self.agent.until(ended, seconds)
        return self.messages()[-1].content

    def text(self, name=None):
        return "".join(m.content["text"] for m in self.messages()
                       if m.type == "stream" and name in (None, m.content["name"]))

    def stdin(self, data, eof=False):
        if isinstance(data, str):
            data = data.encode()
        return self.agent.ask("run.stdin", data, run_id=self.id, eof=eof)

    def signal(self, name, reason=None):
        return self.agent.ask("run.signal", run_id=self.id, signal=name, reason=reason)


def parent_of(pid):
    """0 for one that has ended meanwhile."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return int(f.read().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def cmdline_of(pid):
    """Empty for one that has ended meanwhile."""
    try:
        with open(f"/proc/{pid}/cmdline") as f:
            return f.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants(pid):
    """All living processes below pid."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as f:
                    rest = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            if rest[0] != "Z":
                parents[int(entry)] = int(rest[1])
    found, more = {pid}, True
    while more:
        new = {p for p, parent in parents.items() if parent in found} - found
        found |= new
        more = bool(new)
    return found - {pid}


class Case(unittest.TestCase):
    uid = None

    def setUp(self):
        self.agent = Agent(uid=self.uid)
        self.addCleanup(self.agent.remove)
        self.agent.connect()


def main():
    """Runs the file's tests. What is left out makes the whole program a SKIP: ctest would count it as passed."""
    result = unittest.main(exit=False).result
    for test, why in result.skipped:
        print(f"SKIP {test.id()}: {why}", flush=True)
    sys.exit(1 if not result.wasSuccessful() else 77 if result.skipped else 0)
