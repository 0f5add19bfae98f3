"""The servers that are compared, each started the same way, on loopback, with a private directory."""
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from . import proc

START_LIMIT_S = 60
GATEWAY_USER = "kernelgw"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers_200(port, path, token):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: token {token}\r\n"
                      "Connection: close\r\n\r\n".encode())
            return b" 200 " in s.recv(64)
    except OSError:
        return False


class Target:
    """name: column of the table. kind: ours, peer, direct or mock; rows choose by it."""

    def __init__(self, name, kind, setup):
        self.name = name
        self.kind = kind
        self.setup = setup
        self.process = None
        self.port = None
        self.token = secrets.token_hex(16)

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def argv(self, folder):
        raise NotImplementedError

    def environment(self, folder):
        return {}

    def start(self):
        """Starts it; returns milliseconds until GET /api answered 200."""
        folder = os.path.join(self.setup.folder, f"{self.name}-{secrets.token_hex(3)}")
        os.makedirs(folder, mode=0o700)
        self.port = free_port()
        argv = self.argv(folder)
        outer = {k: v for k, v in os.environ.items() if not k.startswith("KERNELGW_")}  # argv has every setting
        env = dict(outer, JUPYTER_PATH=self.setup.jupyter_path, HOME=folder, **self.environment(folder))
        self.log = os.path.join(folder, "log")
        with open(self.log, "wb") as log:
            begin = time.monotonic()
            self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=folder, close_fds=False)
        while not answers_200(self.port, "/api", self.token):
            if self.process.poll() is not None or time.monotonic() - begin > START_LIMIT_S:
                tail = open(self.log, errors="replace").read()[-2000:]
                self.stop()
                raise RuntimeError(f"{self.name} did not start: {tail}")
            time.sleep(0.0005)
        return (time.monotonic() - begin) * 1000

    def stop(self):
        if not self.process:
            return
        below = proc.descendants(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            if not proc.wait_gone(self.process, 15):
                self.process.kill()
                self.process.wait()
        for pid in below:  # a server that leaves kernels behind must not slow the next one down
            if proc.alive(pid):
                print(f"  {self.name} left {proc.name(pid)} {pid} behind", file=sys.stderr)
                os.kill(pid, signal.SIGKILL)
        self.process = None

    def client_args(self, kernel):
        return ["--url", f"http://127.0.0.1:{self.port}", "--token", self.token, "--kernel", kernel]


class Kernelgw(Target):
    def __init__(self, name, setup, extra=()):
        super().__init__(name, "ours", setup)
        self.extra = list(extra)

    def argv(self, folder):
        return [self.setup.kernelgw, "--engine", "process", "--address", "127.0.0.1", "--port", str(self.port),
                "--token", self.token, "--run-dir", os.path.join(folder, "run"),
                "--state-dir", os.path.join(folder, "state"), "--agent", self.setup.agent, "--allow-root", "--runtimes", self.setup.runtimes,
                *self.extra]


class Oci(Target):
    """kernelgw with real boxes, for rows whose kernel is Python. `stock`: kernels kept warm; 0: all starts are cold."""

    def __init__(self, name, kind, setup, stock):
        super().__init__(name, kind, setup)
        self.stock = stock
        self.boxd = None

    def argv(self, folder):
        user = pwd.getpwnam(GATEWAY_USER)
        run_dir = os.path.join(self.folder, "gw")  # that user can't reach into `folder`
        os.mkdir(run_dir, mode=0o700)
        os.chown(run_dir, user.pw_uid, user.pw_gid)
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--",
                self.setup.kernelgw, "--engine", "oci", "--address", "127.0.0.1", "--port", str(self.port),
                "--token", self.token, "--run-dir", run_dir, "--state-dir", os.path.join(run_dir, "state"),
                "--boxd", self.socket, "--runtimes", self.setup.manifests, "--languages", "python",
                "--stock-kernels", str(self.stock), "--stock-boxes", "0"]

    def start(self):
        folder = tempfile.mkdtemp(prefix="kgwb-")  # short: a unix socket's path ends at 107 characters
        os.chmod(folder, 0o755)
        self.folder = folder
        run_dir = os.path.join(folder, "boxd")
        os.mkdir(run_dir, mode=0o755)
        self.socket = os.path.join(run_dir, "boxd.sock")
        with open(os.path.join(folder, "boxd.log"), "wb") as log:
            self.boxd = subprocess.Popen(
                [self.setup.boxd, "--socket", self.socket, "--run-dir", run_dir, "--images", self.setup.images,
                 "--agent", self.setup.agent, "--gateway-uid", str(pwd.getpwnam(GATEWAY_USER).pw_uid),
                 "--cgroup-parent", f"kgw-bench-{secrets.token_hex(4)}"], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        end = time.monotonic() + 10
        while not os.path.exists(self.socket) and self.boxd.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        ms = super().start()
        time.sleep(1 + 2 * self.stock)  # until the stock is full
        return ms

    def stop(self):
        super().stop()
        if self.boxd:
            self.boxd.send_signal(signal.SIGTERM)
            if not proc.wait_gone(self.boxd, 20):
                self.boxd.kill()
                self.boxd.wait()
            self.boxd = None
            shutil.rmtree(self.folder, ignore_errors=True)

    def client_args(self, kernel):
        return super().client_args("python3" if kernel == "bench-python" else kernel)


class Peer(Target):
    """Jupyter Server or Kernel Gateway. Their limit of 1 MB/s and 1,000 messages/s of output is off unless
    `limited`: with it they drop most of a flood."""

    def __init__(self, name, setup, venv, limited=False):
        super().__init__(name, "peer", setup)
        self.venv = venv
        self.limited = limited

    def argv(self, folder):
        program = {"jupyter_server": "jupyter-server", "kernel_gateway": "jupyter-kernelgateway"}[self.venv]
        argv = [os.path.join(self.setup.cache, self.venv, "bin", program)]
        if self.venv == "jupyter_server":
            argv += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0",
                     f"--IdentityProvider.token={self.token}", "--ServerApp.open_browser=False", "--allow-root",
                     f"--ServerApp.root_dir={folder}"]
        else:
            argv += ["--KernelGatewayApp.ip=127.0.0.1", f"--KernelGatewayApp.port={self.port}",
                     "--KernelGatewayApp.port_retries=0", f"--KernelGatewayApp.auth_token={self.token}",
                     "--KernelGatewayApp.allow_origin=*"]
        if not self.limited:
            argv.append("--ZMQChannelsWebsocketConnection.limit_rate=False")
        return argv

    def environment(self, folder):
        return {"JUPYTER_CONFIG_DIR": folder + "/config", "JUPYTER_DATA_DIR": folder + "/data",
                "JUPYTER_RUNTIME_DIR": folder + "/runtime", "JUPYTER_PLATFORM_DIRS": "1"}


class Direct(Target):
    """No server: the client starts the kernel and speaks ZeroMQ to it."""

    def __init__(self, name, setup, tcp):
        super().__init__(name, "direct", setup)
        self.tcp = tcp

    def start(self):
        return 0.0

    def client_args(self, kernel):
        spec = os.path.join(self.setup.jupyter_path, "kernels", kernel, "kernel.json")
        with open(spec) as f:
            argv = json.load(f)["argv"]
        return ["--direct", "--kernel-argv", " ".join(argv)] + (["--tcp"] if self.tcp else [])


class Mock(Target):
    """The client's own ceiling: a server that answers from memory."""

    def __init__(self, setup):
        super().__init__("mock", "mock", setup)

    def start(self):
        self.process = subprocess.Popen([self.setup.client, "mock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = json.loads(self.process.stdout.readline())["port"]
        return 0.0

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None
