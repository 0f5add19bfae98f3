"""
Starts the servers under test, each in a directory, on a port and with a token of its own.

kernelgw is what we test. jupyter_server and jupyter_kernel_gateway are there to test the tests: what they, too,
do must pass against them (KERNELGW_E2E_SERVER=jupyter_server). Tests of what only kernelgw has are marked `kgw`.
"""
import functools
import http.cookiejar
import json
import os
import pathlib
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import requests

from . import procs
from .channels import Channels

ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = pathlib.Path(sys.prefix)


def build_dir():
    return pathlib.Path(os.environ.get("KERNELGW_BUILD", ROOT / "build"))


def binary(name):
    """A program of the build, wherever its room puts it. The agent may come from another one: a sanitized build's is no
    static program, and a box has no libraries for it."""
    build = build_dir()
    if name == "kernelgw-agent" and "KERNELGW_BUILD_AGENT" in os.environ:
        build = pathlib.Path(os.environ["KERNELGW_BUILD_AGENT"])
    for path in (build / name, build / "bin" / name, *sorted(build.glob(f"**/{name}"))):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"no program {name} in {build} (KERNELGW_BUILD)")


def gateway_user():
    """Who kernelgw runs as: its own user where set up, else nobody. Never root."""
    for name in ("kernelgw", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("no user to run kernelgw as")


class Process:
    """A server process with its log in a file."""

    def __init__(self, name, argv, directory, env, **more):
        self.name, self.log_path = name, pathlib.Path(directory) / f"{name}.log"
        with open(self.log_path, "ab") as log:
            self.proc = subprocess.Popen([str(a) for a in argv], stderr=log, env=env, cwd=directory, **more)

    @property
    def pid(self):
        return self.proc.pid

    def log(self, last=60):
        lines = self.log_path.read_text(errors="replace").splitlines()
        return "\n".join(lines[-last:])

    def alive(self):
        return self.proc.poll() is None

    def kill(self, sig=signal.SIGKILL):
        if self.alive():
            self.proc.send_signal(sig)
        return self.proc.wait(20)

    def stop(self, timeout=60):
        """Asks it to end, and insists after timeout; returns the exit status."""
        if self.alive():
            self.proc.terminate()
        try:
            return self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait(5)
            raise AssertionError(f"{self.name} did not end within {timeout} s of SIGTERM:\n{self.log()}") from None

    def stop_cleanly(self, timeout=60):
        """Status 0: also what sanitizers found in its life is told by the status."""
        status = self.stop(timeout)
        assert status == 0, f"{self.name} ended with status {status}:\n{self.log(150)}"
        return status


def clean_env(**more):
    """What a server gets of our environment: little, so that nothing of the tester's leaks into a test."""
    keep = ("PATH", "LANG", "LC_ALL", "HOME", "TZ", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE",
            "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
    env = {k: os.environ[k] for k in keep if k in os.environ}
    env.setdefault("LANG", "C.UTF-8")
    env.update(more)
    return env


class Server:
    """A server that answers at `url` to `token`; REST by rest(), kernels by start_kernel() and channels()."""

    def __init__(self, process, url, token, directory, kind, engine=None):
        self.process, self.url, self.token, self.directory = process, url.rstrip("/"), token, directory
        self.kind, self.engine = kind, engine
        self.http = requests.Session()
        self.http.trust_env = False
        # A cookie set by one answer would hide that the next request lacks its token.
        self.http.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))

    @property
    def ws_url(self):
        return self.url.replace("http", "ws", 1)

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    def auth(self):
        return {"Authorization": f"token {self.token}"}

    def rest(self, method, path, auth=True, headers=None, timeout=60, **more):
        headers = {**(self.auth() if auth else {}), **(headers or {})}
        return self.http.request(method, self.url + path, headers=headers, timeout=timeout, **more)

    def get(self, path, **more):
        return self.rest("GET", path, **more)

    def post(self, path, body=None, **more):
        if body is not None:
            more["json"] = body
        return self.rest("POST", path, **more)

    def delete(self, path, **more):
        return self.rest("DELETE", path, **more)

    def start_kernel(self, **body):
        r = self.post("/api/kernels", body)
        assert r.status_code == 201, (r.status_code, r.text)
        return r.json()["id"]

    def kernel(self, kernel_id):
        r = self.get(f"/api/kernels/{kernel_id}")
        assert r.status_code == 200, (r.status_code, r.text)
        return r.json()

    def channels(self, kernel_id, since=None, **more):
        """since: the number of the last message seen, for what came after it."""
        session = more.get("session") or secrets.token_hex(8)
        more["session"] = session
        more.setdefault("headers", [f"Authorization: token {self.token}"])
        return Channels(f"{self.ws_url}/api/kernels/{kernel_id}/channels?session_id={session}"
                        + (f"&since={since}" if since is not None else ""), **more)

    def rss_kb(self):
        return procs.rss_kb(self.process.pid)

    def stop(self):
        self.http.close()
        if self.kind != "kernelgw":  # those take their time, and what they leave behind is not our affair
            procs.kill(procs.with_marker(str(self.directory)))
            return self.process.proc.wait(5)
        return self.process.stop_cleanly()


class Boxd:
    """kernelgw-boxd with a run directory and cgroup parent of its own."""

    def __init__(self, directory, images, enter=(), options=()):
        """enter: words before the command; options: more behind it."""
        self.directory, self.images = pathlib.Path(directory), images
        self.enter, self.options = enter, options
        self.run_dir = self.directory / "boxd"
        self.socket = self.run_dir / "boxd.sock"
        self.cgroup_parent = f"kgw-test-{os.getpid()}-{secrets.token_hex(3)}"
        self.run_dir.mkdir(mode=0o755, exist_ok=True)
        self.start()

    def start(self):
        self.process = Process("boxd", [
            *self.enter, binary("kernelgw-boxd"), "--socket", self.socket, "--run-dir", self.run_dir, "--images", self.images,
            "--agent", binary("kernelgw-agent"), "--gateway-uid", gateway_user().pw_uid,
            "--cgroup-parent", self.cgroup_parent, *self.options,
        ], self.directory, clean_env())
        if not procs.wait_until(lambda: self.answers() or not self.process.alive()) or not self.process.alive():
            raise AssertionError(f"boxd does not listen:\n{self.process.log()}")

    def answers(self):
        """Whether something accepts on the socket. Root may connect; whether boxd then talks to it is its affair."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            try:
                s.connect(str(self.socket))
            except OSError:
                return False
        return True

    def cgroups(self):
        return procs.cgroups_named(self.cgroup_parent)

    def pids(self):
        return procs.cgroup_pids(self.cgroups())

    def stop(self):
        return self.process.stop_cleanly()


def images_dir():
    return pathlib.Path(os.environ.get("KERNELGW_IMAGES", "/var/lib/kernelgw/images"))


@functools.cache
def client_dir():
    """The browser client's files; built when they are not yet."""
    built = os.environ.get("KERNELGW_CLIENT")
    return pathlib.Path(built or subprocess.check_output([ROOT / "client/build.sh"], text=True).strip())


def new_directory():
    """A short path (Unix sockets end at 107 characters) that the gateway's user may enter."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="kgwt-", dir="/tmp"))
    directory.chmod(0o755)
    return directory


def as_gateway_user():
    user = gateway_user()
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]


def start_kernelgw(directory, engine="oci", boxd=None, options=(), env=None):
    """Starts kernelgw and waits for its URL line."""
    user, token = gateway_user(), secrets.token_hex(16)
    run_dir = pathlib.Path(directory) / "gw"
    state_dir = pathlib.Path(directory) / "state"
    for path in (run_dir, state_dir):
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, user.pw_uid, user.pw_gid)
    argv = [*as_gateway_user(), binary("kernelgw"), "--engine", engine, "--address", "127.0.0.1", "--port", "0",
            "--token", token, "--run-dir", run_dir, "--state-dir", state_dir,
            "--runtimes", os.environ.get("KERNELGW_E2E_RUNTIMES", ROOT / "runtimes"), "--client", client_dir()]
    env = clean_env(HOME=str(run_dir), **(env or {}))
    if engine == "oci":
        argv += ["--boxd", boxd.socket]
    else:
        # The host's kernels are those of the tests' environment.
        env["PATH"] = f"{VENV}/bin:{env['PATH']}"
        env["JUPYTER_PATH"] = f"{VENV}/share/jupyter"
        argv += ["--agent", binary("kernelgw-agent")]
    started = time.monotonic()
    process = Process("kernelgw", [*argv, *options], directory, env, stdout=subprocess.PIPE)
    line = _read_line(process, rb"URL: (http\S+)", 60)
    match = re.match(r"(https?://[^/]+)/(?:\S+/)?\?token=(\S+)", line)
    assert match and (match.group(2) == token or "--token" in options), line
    server = Server(process, match.group(1), match.group(2), pathlib.Path(directory), "kernelgw", engine)
    server.start_ms = (time.monotonic() - started) * 1000
    return server


def _read_line(process, pattern, timeout):
    """Reads the process's standard output until a line fits; what follows is drained by nobody: keep it short."""
    fd, seen, end = process.proc.stdout.fileno(), b"", time.monotonic() + timeout
    os.set_blocking(fd, False)
    while time.monotonic() < end and process.alive():
        try:
            seen += os.read(fd, 4096)
        except BlockingIOError:
            time.sleep(0.002)
        match = re.search(pattern + rb"\s", seen)
        if match:
            return match.group(1).decode()
    process.kill()
    raise AssertionError(f"{process.name} did not say its URL; it said {seen!r}\n{process.log()}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def venv_of(kind):
    """The environment of a server. Enterprise Gateway's dependencies don't go with the others'; it is installed when asked for."""
    if kind != "enterprise_gateway":
        return VENV
    tests = ROOT / "tests"
    return pathlib.Path(subprocess.check_output(
        [tests / "venv.sh", kind, tests / "e2e/differential" / f"requirements-{kind}.txt"], text=True).strip())


def start_reference(kind, directory, token=None, root_dir=None, options=()):
    """jupyter_server, kernel_gateway or enterprise_gateway, with the kernels of its environment."""
    venv = venv_of(kind)
    token, port = secrets.token_hex(16) if token is None else token, free_port()
    env = clean_env(JUPYTER_RUNTIME_DIR=str(directory / "run"), JUPYTER_CONFIG_DIR=str(directory / "config"),
                    JUPYTER_DATA_DIR=str(directory / "data"), IPYTHONDIR=str(directory / "ipython"))
    env["PATH"] = f"{venv}/bin:{env['PATH']}"
    if kind == "jupyter_server":
        argv = [venv / "bin/jupyter-server", "--ip=127.0.0.1", f"--port={port}", "--no-browser", "--allow-root",
                f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root_dir or directory}",
                "--ZMQChannelsWebsocketConnection.limit_rate=False", "--ServerApp.disable_check_xsrf=True"]
    elif kind == "enterprise_gateway":
        argv = [venv / "bin/jupyter-enterprisegateway", "--EnterpriseGatewayApp.ip=127.0.0.1",
                f"--EnterpriseGatewayApp.port={port}", f"--EnterpriseGatewayApp.auth_token={token}",
                "--EnterpriseGatewayApp.list_kernels=True"]
        env["EG_UNAUTHORIZED_USERS"] = "nobody"  # else root, who runs the tests, is
    else:
        argv = [venv / "bin/jupyter-kernelgateway", "--KernelGatewayApp.ip=127.0.0.1",
                f"--KernelGatewayApp.port={port}", f"--KernelGatewayApp.auth_token={token}",
                "--JupyterWebsocketPersonality.list_kernels=True"]
    process = Process(kind, [*argv, *options], directory, env, stdout=subprocess.DEVNULL)
    server = Server(process, f"http://127.0.0.1:{port}", token, directory, kind)

    def up():
        try:
            return server.get("/api/kernelspecs", timeout=5).status_code == 200
        except requests.ConnectionError:
            return not process.alive()

    if not procs.wait_until(up, 30) or not process.alive():
        raise AssertionError(f"{kind} does not answer:\n{process.log()}")
    return server


def remove(directory):
    """Removes a test's directory. Never through a mount: what is still mounted there is a leak, told by the caller."""
    if not procs.mounts_below(directory):
        shutil.rmtree(directory, ignore_errors=True)


def dump(value):
    return json.dumps(value, indent=1, default=str)
