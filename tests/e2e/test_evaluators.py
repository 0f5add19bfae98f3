"""
Kernels over an evaluator in real boxes: the agent is the Jupyter kernel. The language is the tests' own (tests/support/scripted.py,
in the Python image), so that what is tested is the kernel and not an evaluator.
"""
import json
import os
import pathlib
import re
import shutil
import tempfile
import time

import pytest

from support import clients, languages

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(180)]

SCRIPT = (languages.ROOT / "tests" / "support" / "scripted.py").read_text()
ARGV = ["python3", "-c", SCRIPT]
WARM = "display('warm')\nimport os\nif os.path.exists('/tmp/broken'): os._exit(7)\ndel os\n1"
SCRIPTED = {
    "name": "scripted", "language": "python", "image": "python", "kernelspec": "kernelspec",
    "kernel": {"evaluator": True, "argv": ARGV, "env": {}, "ready_ms": 20000, "warm_code": WARM},
    "limits": {"kernel": {"memory_mb": 64, "cpu_milli": 500, "pids": 40, "tmp_mb": 36},
               "program": {"memory_mb": 64, "cpu_milli": 500, "pids": 40, "tmp_mb": 36}},
    "stock": {"kernels": 1, "boxes": 0}}
AFRESH = "[the kernel starts afresh: its variables and definitions are gone]\n"


@pytest.fixture(scope="module")
def server(made_of):
    with tempfile.TemporaryDirectory(prefix="kgw-runtimes-") as top:
        folder = pathlib.Path(top) / "scripted"
        shutil.copytree(languages.folder() / "python" / "kernelspec", folder / "kernelspec")
        (folder / "runtime.json").write_text(json.dumps(SCRIPTED))
        spec = {"argv": ["python3"], "display_name": "Scripted", "language": "python", "interrupt_mode": "signal"}
        (folder / "kernelspec" / "kernel.json").write_text(json.dumps(spec))
        for path in (folder.parent, folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        it = made_of("--runtimes", top, "--languages", "scripted", "--stock-kernels", "1")
        yield it.server
        it.stop()


@pytest.fixture
def cells(server):
    kernel_id = server.start_kernel(name="scripted")
    with server.channels(kernel_id) as c:
        c.id = kernel_id
        yield c
    server.delete(f"/api/kernels/{kernel_id}")


def state(server, c):
    return server.kernel(c.id)["execution_state"]


def test_jupyter_kernel_test(server, tmp_path):
    done = clients.call("run_kernel_tests.py", "scripted", env=clients.gateway_env(server, tmp_path), timeout=150)
    ran, failed, skipped = map(int, re.findall(r"RAN (\d+) FAILED (\d+) SKIPPED (\d+)", done.stdout)[-1])
    assert failed == 0 and done.returncode == 0, done.stdout[-6000:]
    assert ran >= 12 and skipped <= 1, done.stdout[-6000:]  # there is no pager


def test_a_cell_and_what_it_needs_not_know(cells):
    out = cells.execute("print('hello'); 1 + 1")
    assert (out.status, out.stdout, out.result) == ("ok", "hello\n", "2")
    assert out.reply["content"]["execution_count"] == 1, "the warm-up counts for nothing"
    out = cells.execute("import os; sorted(os.listdir('/proc/self/fd')), os.getuid(), os.getcwd()")
    assert out.result == repr((["0", "1", "2", "3", "4", "5"], 1000, "/work"))


def test_out_of_memory_is_told_with_the_limit(server, cells):
    cells.execute("x = 1")
    for _ in range(2):
        out = cells.execute("print('before', flush=True)\nb = []\nwhile True: b.append(bytearray(8 << 20))")
        assert out.stdout == "before\n"
        assert out.error["ename"] == "KernelDied"
        assert out.error["evalue"] == "the kernel's evaluator ran out of memory (its limit is 64 MB)"
        assert out.text("stderr") == AFRESH
        assert cells.execute("'x' in globals()").result == "False"
    out = cells.execute("import os; os.kill(os.getpid(), 9)")
    assert out.error["evalue"] == "the kernel's evaluator was killed (signal 9)", "and that was none"
    assert state(server, cells) == "idle"
    assert server.kernel(cells.id)["id"] == cells.id


def test_a_child_out_of_memory_does_not_end_the_kernel(cells):
    code = "import subprocess; x = 5\nprint(subprocess.run(['python3', '-c', 'b = bytearray(100 << 20)']).returncode)"
    assert cells.execute(code).stdout == "-9\n"
    assert cells.execute("x").result == "5"


def test_exit_and_what_it_leaves(cells):
    out = cells.execute("import subprocess; subprocess.Popen(['sleep', '1000'], start_new_session=True)\nexit()")
    assert out.error["evalue"] == "the kernel's evaluator ended (exit status 0)"
    out = cells.execute("import os; sorted(int(p) for p in os.listdir('/proc') if p.isdigit())[1:] == [os.getpid()]")
    assert out.result == "True"


def test_a_loop_is_answered_around_and_interrupted(server, cells):
    msg_id = cells.send_execute("x = 7\nprint('looping', flush=True)\nwhile True: pass")
    cells.recv_until(lambda m: m["header"]["msg_type"] == "stream")
    with server.channels(cells.id) as other:
        for channel in ("shell", "control"):
            assert other.request("kernel_info_request", channel=channel, timeout=5)["implementation"] == "scripted"
    assert server.post(f"/api/kernels/{cells.id}/interrupt").status_code == 204
    assert cells.outcome(msg_id, timeout=5).error["ename"] == "KeyboardInterrupt"
    assert cells.execute("x").result == "7"


def test_an_answer_comes_through_although_others_ask(server, cells):
    """What one client types for a cell is not lost because another one asks who the kernel is."""
    msg_id = cells.send_execute("print(input('name? '))", allow_stdin=True)
    asked = cells.recv_until(lambda m: m["header"]["msg_type"] == "input_request")
    with server.channels(cells.id) as other:
        other.request("kernel_info_request", channel="control")
        other.wait_status("idle")
    cells.send("stdin", "input_reply", {"value": "Zoë"}, parent=asked["header"])
    assert cells.outcome(msg_id).stdout == "Zoë\n"


def test_a_busy_kernel_is_busy_whoever_asks(server, cells):
    msg_id = cells.send_execute("print('looping', flush=True)\nwhile True: pass")
    cells.recv_until(lambda m: m["header"]["msg_type"] == "stream")
    with server.channels(cells.id) as other:
        other.request("kernel_info_request", channel="control")
        other.wait_status("idle")
    assert state(server, cells) == "busy"
    server.post(f"/api/kernels/{cells.id}/interrupt")
    cells.outcome(msg_id, timeout=5)
    assert state(server, cells) == "idle"


def test_restart_and_shutdown(server, cells):
    cells.execute("x = 1")
    assert server.post(f"/api/kernels/{cells.id}/restart").status_code == 200
    assert cells.execute("'x' in globals()").result == "False"
    reply = cells.request("shutdown_request", {"restart": False}, channel="control")
    assert (reply["status"], reply["restart"]) == ("ok", False)


def test_environment_and_directory_of_a_warm_kernel(server):
    kernel_id = server.start_kernel(name="scripted", env={"KERNEL_GREETING": "hello ü"})
    with server.channels(kernel_id) as c:
        assert c.execute("import os; os.environ['KERNEL_GREETING']").result == "'hello ü'"
        c.execute("os._exit(1)")
        assert c.execute("import os; os.environ['KERNEL_GREETING']").result == "'hello ü'"
    server.delete(f"/api/kernels/{kernel_id}")


def test_a_full_disk_and_many_processes_do_not_end_the_kernel(cells):
    out = cells.execute("import os\ntry:\n f = open('/work/big', 'wb', buffering=0)\n for _ in range(100): f.write(b'x' * (1 << 20))\n"
                        "except OSError as e: print(e.errno)\nos.unlink('/work/big')")
    assert out.stdout == "28\n", (out.stdout, out.error)
    out = cells.execute("import subprocess\nok = 0\ntry:\n for _ in range(100): subprocess.Popen(['sleep', '1000']); ok += 1\n"
                        "except OSError as e: print(e.errno)")
    assert out.stdout == "11\n", (out.stdout, out.error)
    out = cells.execute("import os; os._exit(1)")
    assert out.error["ename"] == "KernelDied"
    assert cells.execute("1 + 1").result == "2"


def test_a_kernel_without_a_fresh_evaluator_is_restarted_as_a_whole(server, cells):
    msg_id = cells.send_execute("import os; open('/tmp/broken', 'w').close(); os._exit(1)")
    assert cells.outcome(msg_id).error["ename"] == "KernelDied"
    said = cells.recv_until(lambda m: "can't go on" in m["content"].get("text", ""))
    assert "the kernel's evaluator ended (exit status 7)" in said["content"]["text"]
    out = cells.execute("1 + 1", timeout=60)  # it may have come before the server knew
    if out.status == "error":
        assert "exit status 7" in out.error["evalue"], out.error
        out = cells.execute("1 + 1", timeout=60)
    assert out.result == "2", (out.reply, out.published)


def test_output_of_a_megabyte_and_of_many_lines(cells):
    out = cells.execute("print('x' * 1_000_000)")
    assert out.stdout == "x" * 1_000_000 + "\n"
    out = cells.execute("for i in range(20000): print(i)")
    assert out.stdout == "".join(f"{i}\n" for i in range(20000))


def test_round_trip(cells, figure):
    cells.execute("1")
    began = time.monotonic()
    for _ in range(50):
        cells.execute("2")
    figure("a cell through the server", (time.monotonic() - began) * 20, "ms")
