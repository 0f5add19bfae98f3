"""Programs of several files: output, stdin, exits, signals, limits, and nothing left of them."""
import threading
import time
import uuid

import pytest

from support import procs
from support.runs import Run, run, text

pytestmark = pytest.mark.kgw


def test_program(server):
    model, out, err = run(server, "import sys; print('out'); print('err', file=sys.stderr)")
    assert (out, err) == ("out\n", "err\n")
    assert model["state"] == "exited" and (model["exit_code"], model["signal"]) == (0, None)
    assert model["reason"] == "exit" and model["phase"] == "run"
    assert 0 <= model["wall_ms"] < 20_000 and model["cpu_ms"] >= 0 and model["rss_kb"] > 1000
    assert model["started"] <= model["ended"]


def test_several_files_in_folders(server):
    files = {
        "src/main.py": "import sys\nfrom pkg import mod\nprint(mod.twice(21), open('data/ü.txt').read(), sys.argv[0])\n"
                       "print(len(open('data/raw.bin', 'rb').read()))",
        "src/pkg/__init__.py": "",
        "src/pkg/mod.py": "def twice(x): return 2 * x",
        "data/ü.txt": "dätä",
        "data/raw.bin": bytes(range(256)) * 4096,  # 1 MiB, not UTF-8
    }
    r = Run(server, files=files, entry="src/main.py")
    model = r.wait()
    assert r.output("stderr") == "" and model["exit_code"] == 0
    lines = r.output("stdout").splitlines()
    assert lines[0].startswith("42 dätä") and lines[1] == str(256 * 4096)


def test_arguments_and_variables(server):
    args = ["one", "two words", "", "-c", "ü$HOME`id`"]
    _, out, _ = run(server, "import sys, os; print(sys.argv[1:]); print(os.environ['A_B'])",
                    args=args, env={"A_B": "x=1\n\"y\""})
    assert out == f"{args}\nx=1\n\"y\"\n"


def test_a_file_name_is_not_an_option(server):
    """Elsewhere a file named so became a flag of the interpreter."""
    r = Run(server, files={"-c.py": "print('ran')"}, entry="-c.py")
    assert r.wait()["exit_code"] == 0 and r.output() == "ran\n"


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_exit_code(server, code):
    model, _, _ = run(server, f"raise SystemExit({code})")
    assert (model["exit_code"], model["signal"], model["reason"]) == (code, None, "exit")


def test_uncaught_exception(server):
    model, _, err = run(server, "def f():\n    1/0\nf()")
    assert model["exit_code"] == 1 and "ZeroDivisionError" in err and "main.py" in err


@pytest.mark.parametrize("code,signal", [
    ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 11),
    ("import ctypes; ctypes.string_at(0)", 11),
    ("import os; os.abort()", 6),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 9),
], ids=["segv", "null-pointer", "abort", "kill"])
def test_death_by_signal(server, code, signal):
    model, _, _ = run(server, code)
    assert (model["exit_code"], model["signal"], model["reason"]) == (None, signal, "signal")


def test_os_exit(server):
    model, out, _ = run(server, "import os; os.write(1, b'last words'); os._exit(7)")
    assert (model["exit_code"], out) == (7, "last words")


def test_stdin_given_with_the_run(server):
    _, out, _ = run(server, "import sys; print(repr(sys.stdin.read()))", stdin="eins\nzwei ü")
    assert out == "'eins\\nzwei ü'\n"


def test_type_ahead_and_eof(server):
    """What is typed before the program runs waits for it."""
    r = Run(server, "import time\ntime.sleep(0.3)\nwhile True:\n    try: print('got', input())\n"
                    "    except EOFError: print('eof'); break")
    assert r.stdin("first\nsec".encode()).status_code in (200, 202, 204)
    assert r.stdin("ond\n\n".encode()).ok
    assert r.stdin("früh".encode(), eof=True).ok
    assert r.wait()["exit_code"] == 0
    assert r.output() == "got first\ngot second\ngot \ngot früh\neof\n"
    late = r.stdin(b"late\n")
    assert late.status_code in (404, 409, 410) and late.json()["message"]


def test_prompt_and_answer(server, figure):
    """A conversation: the prompt, which ends no line, is shown at once. Elsewhere an answer took 102 ms."""
    r = Run(server, "for i in range(20):\n    name = input(f'name {i}? ')\n    print(f'hello {name}')")
    times, seen, said = [], "", 0.0
    for event in r.events():
        seen += text([event])
        if seen.endswith("? "):
            times.append(time.monotonic() - said)
            said = time.monotonic()
            assert r.stdin(f"n{len(times)}\n".encode()).status_code == 204
    assert seen == "".join(f"name {i}? hello n{i + 1}\n" for i in range(20))
    figure("stdin line to the next prompt, median", sorted(times[1:])[9] * 1000, "ms")


def test_two_runs_get_their_own_stdin(server):
    """Elsewhere it went to the most recently started one."""
    runs = [Run(server, "print('I got', input())") for _ in range(2)]
    for i, r in enumerate(runs):
        r.stdin(f"for {i}\n".encode())
    for i, r in enumerate(runs):
        r.wait()
        assert r.output() == f"I got for {i}\n"


def test_program_that_reads_nothing(server):
    r = Run(server, "import time; print('up', flush=True); time.sleep(1)")
    r.wait_output("up")
    statuses = {r.stdin(b"x" * 200_000).status_code for _ in range(10)}
    assert statuses & {413, 429, 503, 507, 409}, "more than 1 MiB that nobody reads is refused"
    assert r.wait()["exit_code"] == 0


SPAWNS = """
import os, subprocess, sys, time
mark = sys.argv[1]
subprocess.Popen(['sleep', '300'], env={'MARK': mark})
subprocess.Popen(['sleep', '300'], env={'MARK': mark}, start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print('orphan', flush=True)
        while True:
            print('noise', flush=True); time.sleep(0.01)
    os._exit(0)
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
print('ready', flush=True)
"""


def assert_nothing_left(r, mark, groups):
    """No process of the run, and none but the agent in what was its box's cgroup."""
    left = procs.wait_until(lambda: not procs.with_marker(mark))
    assert left, f"still there: {procs.with_marker(mark)}"
    alone = procs.wait_until(lambda: len(procs.cgroup_pids(groups)) <= 1)
    assert alone, [procs.cmdline(p) for p in procs.cgroup_pids(groups)]
    size = len(r.output())
    time.sleep(0.3)
    assert len(r.output()) == size, "output after the exit"


@pytest.mark.parametrize("how", ["KILL", "TERM", "INT", "timeout", "exit"])
def test_every_process_of_a_run_ends_with_it(server, how):
    mark = f"mark-{uuid.uuid4()}"
    tail = "" if how == "exit" else "while True: time.sleep(1)"
    more = {"limits": {"wall_s": 2}} if how == "timeout" else {}
    spawns = SPAWNS
    if how == "INT":  # ends the program; those of its children that have sessions of their own never hear of it
        spawns = SPAWNS.replace("signal.SIGINT, signal.SIG_IGN", "signal.SIGINT, signal.default_int_handler")
    r = Run(server, spawns + (tail or "time.sleep(0.5)"), args=[mark], env={"MARK": mark}, **more)
    r.wait_output("ready")
    r.wait_output("noise")
    pids = procs.with_marker(mark)
    assert len(pids) >= 3, pids
    groups = [g for g in procs.cgroup_dirs(next(iter(pids))) if "kgw-test-" in str(g)]
    assert groups or server.engine == "process"
    if how in ("KILL", "TERM", "INT"):
        assert r.signal(how).ok
        if how == "TERM":  # it takes no notice
            time.sleep(0.3)
            assert r.model()["state"] == "running"
            assert r.signal("KILL").ok
    model = r.wait(30)
    reason = {"timeout": ("timeout",), "exit": ("exit",), "INT": ("exit", "signal")}.get(how, ("stopped", "signal"))
    assert model["reason"] in reason, model
    if how == "timeout":
        assert 1900 <= model["wall_ms"] <= 20_000
    assert_nothing_left(r, mark, groups)


@pytest.mark.oci
def test_orphans_are_reaped_while_the_program_goes_on(server):
    """A thousand processes one after the other, half of them orphans, where 64 may be at once."""
    code = ("import os, time\n"
            "def fork(tries=200):\n"
            "    try: return os.fork()\n"
            "    except BlockingIOError:\n"
            "        if not tries: raise\n"
            "        time.sleep(0.01)\n"
            "        return fork(tries - 1)\n"
            "for i in range(500):\n"
            "    child = fork()\n"
            "    if not child:\n"
            "        fork()\n"
            "        os._exit(0)\n"
            "    os.waitpid(child, 0)\n"
            "time.sleep(0.5)\n"
            "print(sum(open(f'/proc/{p}/stat').read().rsplit(')')[1].split()[0] == 'Z'"
            " for p in os.listdir('/proc') if p.isdigit()))")
    model, out, err = run(server, code, limits={"pids": 64})
    assert (model["exit_code"], out) == (0, "0\n"), (model, err)


def test_interrupt(server):
    r = Run(server, "import time\ntry:\n    print('up', flush=True); time.sleep(60)\n"
                    "except KeyboardInterrupt:\n    print('caught'); raise SystemExit(5)")
    r.wait_output("up")
    assert r.signal("INT").ok
    model = r.wait(10)
    assert r.output() == "up\ncaught\n" and model["exit_code"] == 5


def test_stop_before_it_runs(server):
    r = Run(server, "import time; time.sleep(60)")
    assert r.signal("KILL").ok
    model = r.wait(10)
    assert model["reason"] in ("stopped", "signal")
    assert r.signal("KILL").status_code in (404, 409, 410)


@pytest.mark.parametrize("name", ["HUP", "9", "", "TERM; id", None, 15])
def test_other_signals_are_refused(server, name):
    r = Run(server, "import time; time.sleep(20)")
    answer = r.server.post(f"/api/runs/{r.id}/signal", {"signal": name})
    assert answer.status_code == 400 and answer.json()["message"]
    r.signal("KILL")


def test_no_output_after_exit(server):
    """A child that goes on writing must not be heard once the exit is told."""
    code = "import os, time\nif os.fork() == 0:\n    while True: print('child', flush=True)\ntime.sleep(0.2)\nprint('END')"
    r = Run(server, code)
    events = list(r.events())
    assert events[-1]["exit"]["exit_code"] == 0 and [e for e in events if "exit" in e] == events[-1:]
    assert r.wait()["exit_code"] == 0
    size = len(r.output())
    time.sleep(0.3)
    assert len(r.output()) == size


def test_streams_keep_their_order(server):
    """stdout and stderr as they were written; elsewhere wrong in 8 of 8 runs."""
    code = ("import os, time\nfor i in range(300):\n    os.write(1 + i % 2, f'{i}\\n'.encode())\n"
            "    if i % 50 == 0: time.sleep(0.06)")
    r = Run(server, code)
    assert r.wait()["exit_code"] == 0
    numbers = [int(n) for n in r.output().split()]
    assert sorted(numbers) == list(range(300))
    out_of_place = sum(a > b for a, b in zip(numbers, numbers[1:]))
    assert out_of_place == 0, f"{out_of_place} of 299 neighbours swapped"


def test_utf8_is_never_cut(server):
    code = "import sys\nline = 'こんにちは世界🙂é' * 40 + '\\n'\nfor i in range(3000): sys.stdout.write(line)"
    r = Run(server, code)
    for event in r.events():
        assert "\ufffd" not in str(event)
    r.wait()
    assert r.output() == ("こんにちは世界🙂é" * 40 + "\n") * 3000


def test_bytes_that_are_not_text(server):
    """Shown as replacement characters; a character at the very end is not held back."""
    model, out, _ = run(server, "import os; os.write(1, b'a\\xff\\xfeb\\n\\xc3'); os.write(1, b'\\xa9 \\xe2\\x82')")
    assert model["exit_code"] == 0
    assert out.startswith("a\ufffd") and "b\né " in out and out.endswith("\ufffd")


def test_terminal_escapes_pass(server):
    _, out, _ = run(server, "print('\\033[31mred\\033[0m\\a\\b\\x00end')")
    assert out == "\033[31mred\033[0m\a\b\x00end\n"


def test_live_stream_and_late_readers(server):
    """Who reads along, who comes late and who asks afterwards see the same."""
    r = Run(server, "import time\nfor i in range(10): print(i, flush=True); time.sleep(0.1)")
    results = {}

    def read(name, kind):
        results[name] = list(r.events(kind=kind))

    readers = [threading.Thread(target=read, args=("ndjson", "application/x-ndjson")),
               threading.Thread(target=read, args=("sse", "text/event-stream"))]
    readers[0].start()
    time.sleep(0.4)
    readers[1].start()
    for t in readers:
        t.join(20)
    assert set(results) == {"ndjson", "sse"}

    whole = "".join(f"{i}\n" for i in range(10))
    assert text(results["ndjson"]) == text(results["sse"]) == r.output() == whole
    again = list(r.events())
    assert text(again) == whole
    numbers = [e["seq"] for e in again if "seq" in e]
    assert numbers == sorted(set(numbers))
    assert text(r.events(start=numbers[-1])) == again[-2]["stdout"], "who comes back asks for what is missing"


def test_models_are_listed_and_deleted(server):
    session = f"s-{uuid.uuid4().hex[:8]}"
    ids = [Run(server, "print(1)", session=session).id for _ in range(2)]
    listed = server.get(f"/api/runs?session={session}")
    assert listed.status_code == 200
    assert {r["run_id"] for r in listed.json()} == set(ids)
    Run(server, "print(2)").wait()  # one without a session is in nobody's way
    assert {r["run_id"] for r in server.get(f"/api/runs?session={session}").json()} == set(ids)
    assert set(ids) <= {r["run_id"] for r in server.get("/api/runs").json()}
    assert server.delete(f"/api/runs/{ids[0]}").status_code == 204
    assert server.get(f"/api/runs/{ids[0]}").status_code == 404


def test_time_of_a_small_program(server, figure):
    """The program's own time plus little: recorded."""
    times, over = [], []
    for _ in range(10):
        begun = time.monotonic()
        r = Run(server, "print(1)")
        events = list(r.events())
        times.append((time.monotonic() - begun) * 1000)
        over.append(times[-1] - events[-1]["exit"]["wall_ms"])
        time.sleep(0.2)  # the stock is filled up again meanwhile
    figure("program print(1), POST to exit, median", sorted(times)[5], "ms")
    figure("of that over the program's own time, median", sorted(over)[5], "ms")


def test_many_at_once(server):
    runs = [Run(server, f"import time; time.sleep(0.2); print({i})") for i in range(12)]
    for i, r in enumerate(runs):
        model = r.wait(60)
        assert (model["exit_code"], r.output()) == (0, f"{i}\n"), model


@pytest.mark.parametrize("mb", [32, 300])
def test_memory_limit_of_its_own(server, mb):
    model, out, _ = run(server, "print('ran')", limits={"memory_mb": mb})
    assert (model["exit_code"], out) == (0, "ran\n"), model


def test_runs_do_not_see_each_other(server):
    """A box serves one run: files of an earlier one are gone."""
    run(server, "open('left.txt', 'w').write('x'); open('/tmp/left.txt', 'w').write('x')")
    _, out, _ = run(server, "import os; print(os.path.exists('left.txt'), os.path.exists('/tmp/left.txt'))")
    assert out == "False False\n" or server.engine == "process"
