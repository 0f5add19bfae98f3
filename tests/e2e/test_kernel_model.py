"""What a kernel's model says beside Jupyter's own fields: whose it is, what it uses, when it ends, and what it died of."""
import datetime

import pytest

from support import languages, procs

pytestmark = pytest.mark.kgw


def seconds(iso):
    return datetime.datetime.strptime(iso, "%Y-%m-%dT%H:%M:%S.%fZ").timestamp()


def ready(server, kernel):
    """Its model, once it has a box."""
    assert procs.wait_until(lambda: server.kernel(kernel)["execution_state"] == "idle", 40)
    return server.kernel(kernel)


def test_whose_it_is_and_what_it_may(server, kernel):
    model = server.kernel(kernel)
    assert model["owner"] == "user" and model["last_death"] is None and model["expires_at"] is None
    assert "reason" not in model
    manifest = languages.manifests()["python"]["limits"]["kernel"]
    assert model["limits"] == {name: manifest[name] for name in ("memory_mb", "cpu_milli", "pids")}
    listed, = [k for k in server.get("/api/kernels").json() if k["id"] == kernel]
    assert listed == {k: v for k, v in model.items() if k in listed} and "cpu" not in listed


@pytest.mark.oci
def test_what_it_uses(server, kernel, channels):
    before = ready(server, kernel)
    assert 0 < before["rss"] < before["limits"]["memory_mb"] << 20 and before["pids"] >= 2 and before["oom_kills"] == 0
    out = channels.execute("kept = bytearray(b'x') * (24 << 20)\nimport time\nend = time.process_time() + 0.3\n"
                           "while time.process_time() < end: pass\n"
                           "import subprocess; child = subprocess.Popen(['sleep', '60'])")
    assert out.status == "ok"
    after = server.kernel(kernel)
    assert after["rss"] - before["rss"] > 20 << 20
    assert after["cpu"] - before["cpu"] >= 0.3
    assert after["pids"] == before["pids"] + 1
    channels.execute("child.kill()")


def test_what_it_died_of(server, kernel, channels):
    assert channels.execute("import os; os._exit(3)").status == "error"
    assert procs.wait_until(lambda: server.kernel(kernel)["execution_state"] == "idle", 30)
    death = server.kernel(kernel)["last_death"]
    assert "exited with status 3" in death["reason"]
    model = server.kernel(kernel)
    assert abs(seconds(model["last_activity"]) - seconds(death["at"])) < 30 and "reason" not in model


def test_when_it_will_be_deleted(make_server):
    server = make_server("--cull-idle-s", "1000").server
    kernel = server.start_kernel(name="python3")
    model = ready(server, kernel)
    assert abs(seconds(model["expires_at"]) - seconds(model["last_activity"]) - 1000) < 0.01
    with server.channels(kernel) as c:
        c.execute("1")
        assert server.kernel(kernel)["expires_at"] is None, "not while somebody is connected"


def test_the_owner_outlives_the_server(make_server):
    made = make_server()
    if made.server.engine != "oci":
        pytest.skip("nothing outlives a server with the process engine")
    kernel = made.server.start_kernel(name="python3")
    ready(made.server, kernel)
    made.server.process.kill()
    server = made.start_server()
    model = ready(server, kernel)
    assert model["owner"] == "user" and model["rss"] > 0
