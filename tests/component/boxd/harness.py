"""A boxd of one's own with a tiny image, and what its boxes look like from outside. Python's own library only."""
import array
import ctypes
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BOXD = os.environ.get("BOXD", "")
PROBE = os.environ.get("BOXD_PROBE", "")
OWNER = "0a1b2c3d-0000-4000-8000-00000000000f"
CGROUP = pathlib.Path("/sys/fs/cgroup")
IDS = 300 * 65536  # of all boxes that a test's boxd may have
MOUNT_POINTS = ("kgw", "run/kgw", "run/kernel", "work", "tmp", "dev", "proc", "etc")


def skip_unless_possible():
    for missing, why in ((os.geteuid() != 0, "needs root"), (not BOXD or not PROBE, "BOXD and BOXD_PROBE are not set"),
                         (not shutil.which("runc"), "there is no runc")):
        if missing:
            print(f"SKIP: {why}")
            sys.exit(77)


def main():
    skip_unless_possible()
    unittest.main(verbosity=2)


def box_id():
    return secrets.token_hex(16)


def spec(box, **more):
    return {"box": box, "image": "tiny", "memory_mb": 64, "cpu": 0.5, "pids": 32, "tmp_mb": 16, "tmp_inodes": 1024,
            "owner": OWNER, **more}


def wait_until(true_when, seconds=30):
    end = time.monotonic() + seconds
    while True:
        answer = true_when()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.02)


class Refused(Exception):
    def __init__(self, reply):
        super().__init__(f"{reply.get('code')}: {reply.get('error')}")
        self.code, self.text, self.reply = reply.get("code"), reply.get("error"), reply


class Client:
    """One connection. call() waits for its reply; send() and replies() are for many at once."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.last, self.events, self.waiting = 0, [], {}

    def send(self, op, **fields):
        self.last += 1
        self.socket.send(json.dumps({"id": self.last, "op": op, **fields}).encode())
        return self.last

    def receive(self):
        data, fds, _, _ = socket.recv_fds(self.socket, 65536, 4)
        if not data:
            raise ConnectionError("boxd closed the connection")
        return json.loads(data), fds

    def reply(self, number):
        while number not in self.waiting:
            message, fds = self.receive()
            if "event" in message:
                self.events.append(message)
            else:
                self.waiting[message["id"]] = message, fds
        message, fds = self.waiting.pop(number)
        if not message["ok"]:
            raise Refused(message)
        return message, fds

    def call(self, op, **fields):
        return self.reply(self.send(op, **fields))[0]

    def event(self, box, seconds=20):
        """The exit event of a box."""
        end = time.monotonic() + seconds
        while True:
            for e in self.events:
                if e["box"] == box:
                    return e
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                message, _ = self.receive()
            finally:
                self.socket.settimeout(60)
            if "event" in message:
                self.events.append(message)
            else:
                self.waiting[message["id"]] = message, []

    def list(self):
        boxes, after = [], None
        while True:
            page = self.call("list", after=after)
            boxes += page["boxes"]
            if not page["more"]:
                return boxes
            after = boxes[-1]["box"]

    def close(self):
        self.socket.close()


class Box:
    """A box with the probe in it."""

    def __init__(self, client, reply, fds, box):
        self.client, self.id, self.pid, self.uid = client, box, reply["pid"], reply["uid"]
        self.listener = socket.socket(fileno=fds[0])
        self.listener.settimeout(20)
        self.stream = self.file = None

    def accept(self):
        self.stream, _ = self.listener.accept()
        self.stream.settimeout(60)
        self.peer = array.array("i", self.stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        self.file = self.stream.makefile("r", encoding="latin-1")
        self.hello = self.file.readline().split()
        return self

    def do(self, command):
        if not self.file:
            self.accept()
        self.stream.sendall((command + "\n").encode())
        return self.file.readline().rstrip("\n")

    def user(self, command):
        return self.do("user " + command)

    def close(self):
        for it in (self.file, self.stream, self.listener):
            if it:
                it.close()


class Boxd:
    """A boxd in a directory, a cgroup and an id range of its own."""

    def __init__(self, uid_base=None, run_in=None, **options):
        """run_in: a folder in which its run directory is to be; else beside everything else of it."""
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="kgw-boxd-"))
        self.top.chmod(0o755)
        self.name = self.top.name
        self.run, self.socket = pathlib.Path(run_in or self.top) / (f"{self.name}-run" if run_in else "run"), self.top / "socket"
        root = self.top / "images" / "tiny" / "rootfs"
        for point in MOUNT_POINTS:
            (root / point).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        (root / "etc/hosts").symlink_to("/run/kgw/hosts")
        # Ranges of boxd's own default are left to boxes that are not a test's.
        self.uid_base = uid_base or 655_360_000 + os.getpid() % 30 * 2 * IDS
        self.options = {"--max-boxes": "300", **options}
        self.process, self.clients = None, []

    def argv(self):
        argv = [BOXD, "--socket", self.socket, "--run-dir", self.run, "--images", self.top / "images", "--agent", PROBE,
                "--gateway-uid", "0", "--cgroup-parent", self.name, "--uid-base", self.uid_base]
        for name, value in self.options.items():
            argv += [name, value]
        return [str(a) for a in argv]

    def start(self):
        with open(self.top / "log", "ab") as log:
            self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        assert wait_until(self.answers, 30), self.log()
        return self

    def answers(self):
        assert self.process.poll() is None, self.log()
        try:
            # A connection alone says little: a dying child of a killed boxd can hold its socket for a moment.
            client = Client(self.socket)
        except OSError:
            return False
        try:
            return client.call("ping")["ok"]
        except OSError:
            return False
        finally:
            client.close()

    def log(self):
        return (self.top / "log").read_text()

    def client(self):
        self.clients.append(Client(self.socket))
        return self.clients[-1]

    def kill(self):
        self.process.kill()
        self.process.wait()
        for c in self.clients:
            c.close()
        self.clients = []

    def stop(self):
        """SIGTERM, then everything it left alone; returns its exit status."""
        for c in self.clients:
            c.close()
        self.clients = []
        self.process.terminate()
        status = self.process.wait(30)
        subprocess.run(self.argv() + ["--sweep"], check=True, stderr=subprocess.DEVNULL, timeout=60)
        return status

    def remove(self):
        """Whatever became of the test: nothing of it goes on."""
        if self.process and self.process.poll() is None:
            self.kill()
        subprocess.run(self.argv() + ["--sweep"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        shutil.rmtree(self.top)
        shutil.rmtree(self.run, ignore_errors=True)

    # What there is of its boxes.
    def groups(self):
        found = []
        for mount in [CGROUP, *(p for p in CGROUP.iterdir() if p.is_dir() and not p.is_symlink())]:
            if (mount / self.name).is_dir():
                found += [pathlib.Path(top) for top, _, _ in os.walk(mount / self.name)]
        return found

    def processes(self):
        """Of a box or a runtime at work: by cgroup, by command line, or, where neither tells, by the box's ids."""
        ids, found = range(self.uid_base, self.uid_base + IDS), {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            proc = pathlib.Path("/proc", name)
            try:
                uid = int((proc / "status").read_text().split("Uid:")[1].split()[0])
                line, groups = (proc / "cmdline").read_bytes(), (proc / "cgroup").read_text()
                # What has ended and was a killed boxd's child is for the machine's init to fetch, in its own time.
                if (proc / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                    continue
            except (OSError, IndexError):
                continue
            if int(name) in (os.getpid(), self.process.pid):
                continue
            elsewhere = any(g.split(":", 2)[2].startswith("/kgw-") for g in groups.splitlines())
            if f"/{self.name}/" in groups or str(self.run).encode() in line or (uid in ids and not elsewhere):
                found[int(name)] = line.replace(b"\0", b" ").decode(errors="replace")
        return found

    def left(self):
        """What is left of any box: nothing, if all is well."""
        mounts = [l for l in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if self.name in l]
        directories = [str(p) for room in ("box", "runtime", "net") for p in (self.run / room).glob("*")]
        groups = [str(g) for g in self.groups() if g.name not in (self.name, "helpers")]
        processes = [f"{pid}: {line}" for pid, line in self.processes().items()]
        return mounts + directories + groups + processes


class BoxdTest(unittest.TestCase):
    """One boxd for the tests of a class; whatever they make is gone at the end, which is itself checked."""

    options = {}

    @classmethod
    def setUpClass(cls):
        cls.boxd = Boxd(**cls.options).start()
        cls.client = cls.boxd.client()

    @classmethod
    def tearDownClass(cls):
        status = cls.boxd.stop()
        left = cls.boxd.left() + [str(g) for g in cls.boxd.groups()]
        log = cls.boxd.log()
        cls.boxd.remove()
        assert status == 0, log
        assert not left, left

    def box(self, **more):
        """A box that ends with the test."""
        name = box_id()
        number = self.client.send("create", **spec(name, **more))
        reply, fds = self.client.reply(number)
        box = Box(self.client, reply, fds, name)
        self.addCleanup(self.client.call, "destroy", box=name)
        self.addCleanup(box.close)
        return box.accept()

    def refused(self, op, **fields):
        with self.assertRaises(Refused) as caught:
            self.client.call(op, **fields)
        return caught.exception
