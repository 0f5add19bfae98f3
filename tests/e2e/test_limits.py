"""
What kernels and programs may use: by request, by phase, by the operator's word; and services beside them. A language made
for these tests runs in the Python image: its compiler and its service are a few lines of Python.
"""
import json
import os
import pathlib
import shutil
import tempfile

import pytest

from support import languages
from support.runs import Run, run

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(180)]

TELL = "print(open('/run/kgw/limits').read(), end='')"
# Keeps what it may use itself for the program to look at.
COMPILER = "import os, shutil, sys; shutil.copy('/run/kgw/limits', '/tmp/compiler'); exec(os.environ.get('COMPILE', ''))"
SERVICE = """
import os, socket, time
os.mkdir('/tmp/service', 0o755)
s = socket.socket(socket.AF_UNIX)
s.bind('/tmp/service/socket')
os.chmod('/tmp/service/socket', 0o666)
s.listen()
time.sleep(0.3)
os.write(3, b'ready\\n')
while True:
    c, _ = s.accept()
    if c.recv(10) == b'die':
        os._exit(3)
    c.send(f'{os.getpid()} {os.getuid()}'.encode())
    c.close()
"""
ASK = """
import socket
def ask(text=b'who'):
    s = socket.socket(socket.AF_UNIX)
    s.connect('/tmp/service/socket')
    s.send(text)
    return s.recv(100).decode().split()
"""
LIMITS = {"memory_mb": 96, "cpu_milli": 400, "pids": 40, "tmp_mb": 36}
PHASED = {
    "name": "phased", "language": "phased", "image": "python",
    "program": {
        "phases": [{"name": "compile", "argv": ["python3", "-c", COMPILER, "{entry}"], "memory_mb": 160, "lend": True},
                   {"name": "run", "argv": ["python3", "-u", "{entry}"]}],
        "options": {"main_class": {"env": "MAIN_CLASS", "pattern": "^[A-Za-z_$][\\w$.]*$", "help": "a class's name"}}},
    "limits": {"program": LIMITS}, "stock": {"boxes": 1}}
SERVED = {
    "name": "served", "language": "served", "image": "python",
    "service": {"argv": ["python3", "-c", SERVICE], "env": {}, "ready_ms": 20000, "for": ["program"]},
    "program": {"phases": [{"name": "run", "argv": ["python3", "-u", "{entry}"]}]},
    "limits": {"program": LIMITS}, "stock": {"boxes": 1}}


def lay_out(folder, *manifests):
    """A folder of manifests that the server's user can read, with Python's own."""
    shutil.copytree(languages.folder() / "python" / "kernelspec", folder / "python" / "kernelspec")
    shutil.copy(languages.folder() / "python" / "runtime.json", folder / "python")
    for manifest in manifests:
        (folder / manifest["name"]).mkdir()
        (folder / manifest["name"] / "runtime.json").write_text(json.dumps(manifest))
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="kgw-runtimes-") as top:
        os.chmod(top, 0o755)
        yield lay_out(pathlib.Path(top) / "all", PHASED, SERVED)


@pytest.fixture(scope="module")
def limited(folder, made_of):
    it = made_of("--runtimes", folder, "--languages", "python,phased,served", "--memory-max-mb", "300", "--pids-max", "90",
                 "--stock-kernels", "1", "--stock-boxes", "1")
    yield it.server
    it.stop()


def stock(server, name, kind="box"):
    report = server.get("/api/status").json()["kernelgw"]["pool"]
    return next(s for s in report["stock"] if (s["runtime"], s["kind"]) == (name, kind))


def test_each_phase_has_its_own_limits(limited):
    code = "print(open('/tmp/compiler').read() + open('/run/kgw/limits').read(), end='')"
    model, out, err = run(limited, code, language="phased")
    assert (model["reason"], model["exit_code"], model["phase"], err) == ("exit", 0, "run", "")
    compiler, program = map(json.loads, out.splitlines())
    assert (compiler["memory_mb"], program["memory_mb"]) == (160, 96)
    cores = os.cpu_count()
    assert compiler["cpu_milli"] in (400, min(2000, cores * 1000)), "what is lent is two cores, or nothing"
    assert program["cpu_milli"] == 400, "the program has what its language has"
    assert stock(limited, "phased")["cold"] == 0


@pytest.mark.parametrize("kind", ("application/x-ndjson", "text/event-stream"))
def test_phases_are_told_as_they_begin(limited, kind):
    begun = Run(limited, "print(input())", language="phased")
    assert begun.wait_running()["phase"] in ("compile", "run")
    events = begun.events(kind=kind)
    told = []
    for event in events:
        told.append(event)
        if event.get("phase") == "run":
            begun.stdin(b"x\n", eof=True)
    phases = [e["phase"] for e in told if "phase" in e]
    assert phases in (["compile", "run"], ["run"]), phases
    assert [e["state"] for e in told if "state" in e][-1] == "running"
    assert told[-1]["exit"]["phase"] == "run"
    assert begun.output() == "x\n"


def test_a_compiler_that_fails_ends_the_run_in_its_phase(limited):
    model, out, err = run(limited, "print(1)", language="phased", env={"COMPILE": "sys.exit('main.py:1: no')"})
    assert (model["reason"], model["exit_code"], model["phase"], out) == ("exit", 1, "compile", "")
    assert err == "main.py:1: no\n"


def test_a_compiler_out_of_memory_is_told_with_its_own_limit(limited):
    hungry = "import subprocess; sys.exit(subprocess.call(['python3', '-c', 'x = bytearray(400 << 20)']) != 0)"
    model, _, _ = run(limited, "print(1)", language="phased", env={"COMPILE": hungry})
    assert (model["reason"], model["phase"]) == ("oom", "compile"), model
    assert "160 MB" in model["evalue"]


def test_what_a_compiler_may_take_is_no_programs(limited):
    model, _, _ = run(limited, "x = bytearray(130 << 20)", language="phased", env={"COMPILE": "x = bytearray(130 << 20)"})
    assert (model["reason"], model["phase"]) == ("oom", "run"), model
    assert "96 MB" in model["evalue"]


def test_a_stop_while_it_compiles(limited):
    begun = Run(limited, "print(1)", language="phased", env={"COMPILE": "import time; time.sleep(60)"})
    assert begun.wait_running()["phase"] == "compile"
    assert begun.signal("KILL").status_code < 300
    model = begun.wait()
    assert (model["reason"], model["phase"]) == ("stopped", "compile")
    assert begun.output() == ""


def test_options_reach_the_program_as_variables(limited):
    code = "import os; print(os.environ['MAIN_CLASS'])"
    assert run(limited, code, language="phased", options={"main_class": "a.B$C"})[1] == "a.B$C\n"


@pytest.mark.parametrize("body, says", (
    ({"options": {"main_class": "a b"}}, 'options.main_class must be a class\'s name, not "a b"'),
    ({"options": {"main_class": "A\n"}}, "options.main_class must be a class's name"),
    ({"options": {"main": "A"}}, "options.main: there is no such option; there is: main_class"),
    ({"env": {"MAIN_CLASS": "; rm"}}, "env.MAIN_CLASS: say it as options.main_class"),
    ({"limits": {"memory_mb": 301}}, "limits.memory_mb must be a whole number from 16 to 300"),
    ({"limits": {"pids": 91}}, "limits.pids must be a whole number from 4 to 90"),
    ({"limits": {"cpu_milli": 2001}}, "limits.cpu_milli must be a whole number from 10 to 2000"),
    ({"limits": {"ram": 1}}, "limits.ram: there is no such field; there is: memory_mb, cpu_milli, pids, wall_s"),
))
def test_what_a_run_may_not_ask_for(limited, body, says):
    r = limited.post("/api/runs", {"language": "phased", "entry": "m", "files": [{"path": "m", "content": ""}], **body})
    assert r.status_code == 400
    assert says in r.json()["message"]


def test_a_language_without_options_says_so(limited):
    r = limited.post("/api/runs", {"language": "python", "entry": "m", "files": [{"path": "m", "content": ""}],
                                   "options": {"x": "1"}})
    assert r.status_code == 400 and "options.x: this language has no options" in r.json()["message"]


def test_a_run_gets_the_limits_that_it_asks_for_and_a_warm_box(limited):
    before = stock(limited, "python3")["cold"]
    asked = {"memory_mb": 256, "cpu_milli": 1500, "pids": 80}
    assert json.loads(run(limited, TELL, limits=asked)[1]) == asked
    threads = "import threading, time\nfor i in range(72): threading.Thread(target=time.sleep, args=(1,)).start()\nprint('all')"
    assert run(limited, threads, limits={"pids": 80})[1] == "all\n"
    model, _, err = run(limited, threads)
    assert model["exit_code"] == 1 and "can't start new thread" in err
    assert run(limited, "x = bytearray(150 << 20); print(len(x) >> 20)", limits={"memory_mb": 256})[1] == "150\n"
    model, _, _ = run(limited, "x = bytearray(280 << 20)", limits={"memory_mb": 256})
    assert model["reason"] == "oom" and "256 MB" in model["evalue"]
    assert stock(limited, "python3")["cold"] == before


def kernel_tells(server, body):
    r = server.post("/api/kernels", {"name": "python3", **body})
    assert r.status_code == 201, r.text
    try:
        with server.channels(r.json()["id"], timeout=60) as c:
            return json.loads(c.execute(TELL).stdout), c.execute(
                "import os; print(sorted(k for k in os.environ if k.startswith('KERNELGW')))").stdout
    finally:
        server.delete(f"/api/kernels/{r.json()['id']}")


def test_a_kernel_gets_the_limits_that_it_asks_for(limited):
    told, seen = kernel_tells(limited, {"kernelgw": {"limits": {"memory_mb": 200, "pids": 80}}})
    assert told == {"memory_mb": 200, "cpu_milli": 500, "pids": 80}
    told, seen = kernel_tells(limited, {"env": {"KERNELGW_MEMORY_MB": "210", "KERNELGW_CPU_MILLI": "700"}})
    assert told == {"memory_mb": 210, "cpu_milli": 700, "pids": 64}
    assert seen == "[]\n"


def test_a_kernel_of_a_session_gets_them_too(limited):
    r = limited.post("/api/sessions", {"path": "a.ipynb", "name": "", "type": "notebook", "kernel": {
        "name": "python3", "kernelgw": {"limits": {"memory_mb": 190}}}})
    assert r.status_code == 201, r.text
    with limited.channels(r.json()["kernel"]["id"], timeout=60) as c:
        assert json.loads(c.execute(TELL).stdout)["memory_mb"] == 190
        limited.post(f"/api/kernels/{r.json()['kernel']['id']}/restart")
        assert json.loads(c.execute(TELL).stdout)["memory_mb"] == 190, "a restart changes nothing"
    limited.delete(f"/api/sessions/{r.json()['id']}")


def test_a_kernel_out_of_memory_names_its_own_limit(limited):
    r = limited.post("/api/kernels", {"name": "python3", "kernelgw": {"limits": {"memory_mb": 200}}})
    kernel_id = r.json()["id"]
    with limited.channels(kernel_id, timeout=60) as c:
        reply = c.execute("x = bytearray(400 << 20)").reply["content"]
        assert reply["ename"] == "KernelDied" and "200 MB" in reply["evalue"], reply
    limited.delete(f"/api/kernels/{kernel_id}")


@pytest.mark.parametrize("body, says", (
    ({"kernelgw": {"limits": {"memory_mb": 301}}}, "limits.memory_mb must be a whole number from 16 to 300"),
    ({"kernelgw": {"limits": {"wall_s": 5}}}, "limits.wall_s: there is no such field"),
    ({"kernelgw": {"limit": {}}}, "kernelgw.limit: there is no such field; there is: limits"),
    ({"kernelgw": []}, "kernelgw must be an object"),
    ({"env": {"KERNELGW_MEMORY_MB": "many"}}, "env.KERNELGW_MEMORY_MB must be a whole number from 16 to 300"),
))
def test_what_a_kernel_may_not_ask_for(limited, body, says):
    r = limited.post("/api/kernels", {"name": "python3", **body})
    assert r.status_code == 400
    assert says in r.json()["message"]


def test_a_service_is_there_before_the_program(limited):
    before = stock(limited, "served")
    model, out, err = run(limited, ASK + "print(ask()[1])\nimport os; print(os.getuid())", language="served")
    assert (model["exit_code"], out, err) == (0, "1001\n1000\n", "")
    assert before["failures"] == 0


def test_user_code_can_do_nothing_to_a_service(limited):
    code = ASK + """
import os, signal
pid = int(ask()[0])
for what in (lambda: os.kill(pid, signal.SIGKILL), lambda: os.remove('/tmp/service/socket'),
             lambda: open(f'/proc/{pid}/mem', 'rb'), lambda: os.rmdir('/tmp/service'),
             lambda: os.rename('/tmp/service', '/tmp/mine')):
    try:
        what()
        print('done')
    except PermissionError:
        print('refused')
try:
    os.kill(-1, signal.SIGTERM)
except ProcessLookupError:
    pass
print(ask()[1])
"""
    model, out, err = run(limited, code, language="served")
    # kill(-1) spares the caller and reaches nobody else
    assert (out, err) == ("refused\n" * 5 + "1001\n", ""), (model, out, err)


def test_a_run_goes_on_while_boxd_is_away(folder, make_server):
    made = make_server("--runtimes", folder, "--languages", "phased")
    begun = Run(made.server, "print('ran')", language="phased", env={"COMPILE": "import time; time.sleep(1)"})
    assert begun.wait_running()["phase"] == "compile"
    made.boxd.process.kill()
    model = begun.wait()
    assert (model["reason"], model["exit_code"], begun.output()) == ("exit", 0, "ran\n")
    assert "box keeps its limits" in made.server.process.log()
    made.boxd.start()
    assert run(made.server, "print('again')", language="phased")[1] == "again\n"


def test_an_operator_moves_limits_of_one_language(folder, make_server):
    said = {"python": {"limits": {"program": {"memory_mb": 222}}, "stock": {"kernels": 0, "boxes": 1}},
            "phased": {"limits": {"compile": {"memory_mb": 250}}, "stock": {"boxes": 0}}}
    server = make_server("--runtimes", folder, "--languages", "python,phased", "--per-language", json.dumps(said)).server
    assert json.loads(run(server, TELL)[1])["memory_mb"] == 222
    _, out, _ = run(server, "print(open('/tmp/compiler').read())", language="phased")
    assert json.loads(out)["memory_mb"] == 250
    assert [stock(server, "python3", "kernel")["target"], stock(server, "python3")["target"]] == [0, 1]


@pytest.mark.parametrize("said, says", (
    ({"cobol": {}}, "per-language: there is no language cobol"),
    ({"phased": {"limits": {"link": {"memory_mb": 64}}}}, "limits.link is neither kernel, program nor the name of a phase"),
    ({"phased": {"limits": {"program": {"pids": 1}}}}, "limits.program.pids must be a whole number from 4"),
))
def test_an_operator_that_errs_is_told_at_start(folder, make_server, said, says):
    with pytest.raises(AssertionError) as told:
        make_server("--runtimes", folder, "--languages", "phased", "--per-language", json.dumps({"served": {}, **said}))
    assert says in str(told.value)
