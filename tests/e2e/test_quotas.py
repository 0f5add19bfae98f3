"""What a user may have, all his sessions together (--users, --user-quotas): each quota is named when it is used up."""
import pytest

from support.procs import wait_until
from support.runs import Run
from support.servers import new_directory, remove
from test_users import as_user, write_users

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

FOREVER = "print('on', flush=True)\nwhile True: pass"
SLEEP = "print('on', flush=True)\nimport time\ntime.sleep(600)"


@pytest.fixture(scope="module")
def made(made_of):
    folder = new_directory()
    users = write_users(folder, ada={"quotas": {"kernels": 1, "runs": 2, "queued": 2, "sessions": 2, "files": 2}},
                        bob={"quotas": {"cpu_s": 2, "output_mb": 1}})
    made = made_of("--users", str(users), "--user-quotas", '{"kernels": 5, "files_mb": 1}')
    try:
        yield made
    finally:
        made.stop()
        remove(folder)


@pytest.fixture
def ada(made):
    ada = as_user(made.server, "ada")
    yield ada
    for w in ada.get("/api/workspaces").json():
        ada.delete(f"/api/workspaces/{w['name']}")
    for r in ada.get("/api/runs").json():
        ada.delete(f"/api/runs/{r['run_id']}")


def refused(response, name):
    assert response.status_code == 429 and "Retry-After" in response.headers, response.text
    assert f"quota {name}" in response.json()["message"], response.text


def start(server, code=SLEEP, **more):
    return server.post("/api/runs", {"language": "python", "entry": "m.py", "files": [{"path": "m.py", "content": code}],
                                     "limits": {"wall_s": 600}, **more})


def test_runs_of_all_sessions_together_wait_and_are_refused(ada, made):
    runs = []
    for session in ("a", "b", "a", None):
        r = start(ada, **({"session": session} if session else {}))
        assert r.status_code == 202, r.text
        runs.append(r.json()["run_id"])
    refused(start(ada), "queued")
    states = [ada.get(f"/api/runs/{r}").json() for r in runs]
    assert [s["step"] for s in states[2:]] == ["queue", "queue"], states
    used = ada.get("/api/me").json()["kernelgw"]
    assert (used["used"]["runs"], used["used"]["queued"], used["quotas"]["runs"]) == (2, 2, 2)
    # somebody else is not kept waiting by them
    other = Run(made.server, "print(1)")
    assert other.wait()["exit_code"] == 0
    assert ada.delete(f"/api/runs/{runs[0]}").status_code == 204
    assert wait_until(lambda: ada.get(f"/api/runs/{runs[2]}").json()["state"] == "running")


def test_kernels_sessions_and_files(ada):
    kernel = ada.start_kernel(name="python3")
    refused(ada.post("/api/kernels", {"name": "python3"}), "kernels")
    refused(ada.post("/api/sessions", {"path": "x", "name": "", "type": "file", "kernel": {"name": "python3"}}), "kernels")
    assert ada.delete(f"/api/kernels/{kernel}").status_code == 204
    for name in ("a", "b"):
        assert ada.rest("PUT", f"/api/workspaces/{name}/files/x", data=b"x").status_code == 201
    refused(ada.post("/api/workspaces", {"name": "c"}), "sessions")
    refused(start(ada, session="c"), "sessions")
    refused(ada.rest("PUT", "/api/workspaces/a/files/y", data=b"x"), "files")
    refused(ada.rest("PUT", "/api/workspaces/a/files/x", data=b"x" * (1 << 20)), "files_mb")
    assert ada.delete("/api/workspaces/b").status_code == 204
    assert ada.rest("PUT", "/api/workspaces/a/files/y", data=b"x").status_code == 201


def test_what_a_program_leaves_is_within_the_quota(ada):
    assert ada.rest("PUT", "/api/workspaces/a/files/x", data=b"x").status_code == 201
    model = Run(ada, "for n in 'pq': open(n, 'w').write(n)", session="a").wait()
    left = model["files"]["left_out"]
    assert len(model["files"]["changed"]) == 1 and len(left) == 1 and "quota files" in left[0]["why"], model


def test_processor_time_ends_what_runs_and_says_so(made):
    bob, grace = as_user(made.server, "bob"), as_user(made.server, "grace")
    run = Run(bob, FOREVER, limits={"wall_s": 120})
    events = list(run.events())
    end = events[-1]["exit"]
    assert end["reason"] == "quota" and "user bob has used up the quota cpu_s: 2 in 86400 s" in end["evalue"], end
    refused(start(bob), "cpu_s")
    refused(bob.post("/api/kernels", {"name": "python3"}), "cpu_s")
    mine = bob.get("/api/users").json()
    assert [u["name"] for u in mine] == ["bob"] and mine[0]["used"]["cpu_s"] >= 2 and mine[0]["period"]["ends"]
    everybody = {u["name"]: u for u in grace.get("/api/users").json()}
    assert {"ada", "bob", "grace"} <= set(everybody) and everybody["grace"]["quotas"] == {}
    assert everybody["ada"]["quotas"] == {"kernels": 1, "runs": 2, "queued": 2, "sessions": 2, "files": 2, "files_mb": 1}


def test_a_kernel_over_its_quota_is_interrupted_and_told_why(make_server):
    folder = new_directory()
    users = write_users(folder, bob={"quotas": {"cpu_s": 1}})
    bob = as_user(make_server("--users", str(users)).server, "bob")
    kernel = bob.start_kernel(name="python3")
    with bob.channels(kernel) as c:
        done = c.execute("while True: pass", timeout=60)
        assert done.error and done.error["ename"] == "KeyboardInterrupt"
        assert "user bob has used up the quota cpu_s: 1" in done.text("stderr")
        # who pays no heed is ended
        c.execute("x = 1")
        c.send_execute("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass")
        assert wait_until(lambda: bob.get(f"/api/kernels/{kernel}").status_code == 404, 60)
    remove(folder)


def test_output_ends_a_program_at_what_is_left(make_server):
    folder = new_directory()
    users = write_users(folder, bob={"quotas": {"output_mb": 1}})
    bob = as_user(make_server("--users", str(users)).server, "bob")
    run = Run(bob, "print('x' * (600 << 10))")
    assert run.wait()["reason"] == "exit"
    run = Run(bob, "while True: print('y' * 1000)")
    model = run.wait()
    assert model["reason"] == "quota" and "quota output_mb" in model["evalue"], model
    assert (300 << 10) < len(run.output("stdout")) < (500 << 10)
    refused(start(bob), "output_mb")
    remove(folder)


@pytest.mark.parametrize("quotas, said", [('{"kernel": 1}', "user-quotas: kernel: there is no such field"),
                                          ('{"kernels": -1}', "user-quotas: kernels must be a whole number"),
                                          ("[]", "user-quotas must be a JSON object")])
def test_quotas_that_can_t_be_are_refused(make_server, quotas, said):
    with pytest.raises(AssertionError, match=said):
        make_server("--user-quotas", quotas)
