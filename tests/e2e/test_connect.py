"""kernelgw connect: a server's kernel for Jupyter's own local clients, by a connection file."""
import json
import os
import signal
import stat
import subprocess
import sys

import pytest

from support import clients, procs, servers

pytestmark = pytest.mark.kgw


class Connect:
    """A connect that runs; its file is there once this is made."""

    def __init__(self, server, *args, home, url=None):
        env = servers.clean_env(HOME=str(home), KERNELGW_URL=url or server.url, KERNELGW_TOKEN=server.token)
        self.log = open(home / "connect.log", "a+")
        self.process = subprocess.Popen([servers.binary("kernelgw"), "connect", *args], env=env, text=True, stderr=self.log,
                                        stdout=subprocess.PIPE)
        self.file = self.process.stdout.readline().strip()

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        status = self.process.wait(20)
        self.process.stdout.close()
        return status


@pytest.fixture
def connect(server, tmp_path):
    made = []

    def make(*args, **more):
        made.append(Connect(server, *args, home=tmp_path, **more))
        assert made[-1].file, made[-1].said()
        return made[-1]

    yield make
    for it in made:
        it.stop()
        it.log.close()


def use(connected, tmp_path):
    done = clients.call("connected.py", connected.file, env=servers.clean_env(HOME=str(tmp_path)))
    assert done.returncode == 0, done.stdout[-3000:] + connected.said()
    return json.loads(done.stdout.splitlines()[-1])


def test_jupyter_client(server, kernel, channels, connect, tmp_path):
    it = connect(kernel)
    assert it.file == str(tmp_path / f".local/share/jupyter/runtime/kernel-{kernel}.json")
    assert stat.S_IMODE(os.stat(it.file).st_mode) == 0o600
    said = use(it, tmp_path)
    assert said["hello"][0] == "ok" and {"type": "stream", "text": "hello\n"} in said["hello"][1]
    assert said["input"][0] == "ok" and {"asked": "name? "} in said["input"][1] and "got ada" in str(said["input"])
    assert said["error"][0] == "error" and "ZeroDivisionError" in [o.get("ename") for o in said["error"][1]]
    assert said["many"] is True and said["large"] == 5_000_001
    assert "json" in said["complete"] and said["inspect"] is True and said["alive"] is True and said["history"]
    assert channels.execute("state").result == "'set by connected'", "it is the same kernel"
    assert it.stop() == 0 and not os.path.exists(it.file), "its file goes with it"


def test_two_clients_at_once_each_get_their_own(server, kernel, connect, tmp_path):
    it = connect(kernel[:8], "-f", str(tmp_path / "k.json"))
    env = servers.clean_env(HOME=str(tmp_path))
    script = clients.FOLDER / "connected.py"
    running = [subprocess.Popen([sys.executable, script, it.file], env=env, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT) for _ in range(2)]
    for one in running:
        out, _ = one.communicate(timeout=120)
        assert one.returncode == 0, out[-3000:]
        said = json.loads(out.splitlines()[-1])
        assert said["hello"][0] == "ok" and {"asked": "name? "} in said["input"][1]


def test_it_lives_through_a_restart_of_the_server(make_server, tmp_path):
    made = make_server()
    if made.server.engine != "oci":
        pytest.skip("nothing outlives a server with the process engine")
    kernel, port = made.server.start_kernel(name="python3"), made.server.port
    assert procs.wait_until(lambda: made.server.kernel(kernel)["execution_state"] == "idle", 40)
    it = Connect(made.server, kernel, home=tmp_path)
    try:
        assert use(it, tmp_path)["hello"][0] == "ok"
        token = made.server.token
        made.server.process.kill()
        made.options = (*made.options, "--port", str(port), "--token", token)
        server = made.start_server()
        assert use(it, tmp_path)["hello"][0] == "ok"
        assert "connected again" in it.said()
        server.rest("DELETE", f"/api/kernels/{kernel}", headers={"Authorization": f"token {token}"})
        assert it.process.wait(20) == 0 and "deleted" in it.said() and not os.path.exists(it.file)
    finally:
        it.stop()
        it.log.close()


@pytest.mark.parametrize("args, status, says", [
    (("--url", "http://127.0.0.1:9", "x"), 3, "no answer"), (("nobody",), 2, "no kernel nobody"), (("--nope",), 2, "--nope"),
    (("-f",), 2, "-f needs"), (("a", "b"), 2, "one kernel")])
def test_wrong_commands(server, kernel, tmp_path, args, status, says):
    env = servers.clean_env(HOME=str(tmp_path), KERNELGW_URL=server.url, KERNELGW_TOKEN=server.token)
    done = subprocess.run([servers.binary("kernelgw"), "connect", *args], env=env, text=True, capture_output=True, timeout=30)
    assert done.returncode == status and says in done.stderr, done.stderr


def test_files_and_tokens_that_do_not_fit(server, kernel, tmp_path):
    env = servers.clean_env(HOME=str(tmp_path), KERNELGW_URL=server.url, KERNELGW_TOKEN="wrong")
    args = [servers.binary("kernelgw"), "connect", kernel, "-f", tmp_path / "there.json"]
    done = subprocess.run(args, env=env, text=True, capture_output=True, timeout=30)
    assert done.returncode == 3 and "token" in done.stderr
    (tmp_path / "there.json").write_text("{}")
    done = subprocess.run(args, env={**env, "KERNELGW_TOKEN": server.token}, text=True, capture_output=True, timeout=30)
    assert done.returncode == 1 and "there already" in done.stderr and (tmp_path / "there.json").read_text() == "{}"
