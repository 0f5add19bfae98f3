"""Programs: output, order, stdin, limits, ends."""
import os
import time
import unittest

import harness
from harness import Refused

USER = 1000 if os.geteuid() == 0 else None


class Runs(harness.Case):
    def test_hello(self):
        run = self.agent.python("import os; os.write(1, b'hello\\n')")  # print() writes twice
        end = run.exit()
        self.assertEqual(run.text("stdout"), "hello\n")
        self.assertEqual((end["status"], end["exit_code"], end["reason"], end["phase"]), ("ok", 0, "exit", "run"))
        self.assertEqual((end["stdout_bytes"], end["stderr_bytes"]), (6, 0))
        self.assertGreater(end["rss_kb"], 1000)
        self.assertGreaterEqual(end["cpu_ms"], 1)
        types = [(m.channel, m.type, m.content.get("execution_state")) for m in run.messages()]
        self.assertEqual(types, [("iopub", "status", "busy"), ("iopub", "stream", None), ("iopub", "status", "idle"),
                                 ("shell", "execute_reply", None)])
        self.assertEqual([m.kind for m in run.messages()], [2, 6, 3, 4])
        self.assertEqual(run.messages()[0].header["session"], "s")

    def test_the_reply_to_start_stands_before_the_first_message(self):
        run = self.agent.python("pass", wait=False)
        run.exit()
        kinds = [kind for kind, _ in self.agent.order]
        self.assertEqual(kinds[0], harness.REPLY)

    def test_ends(self):
        for code, status, reason, exit_code, signal in (
                ("import sys; sys.exit(3)", "error", "exit", 3, None),
                ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "error", "signal", None, 11),
                ("import os; os._exit(0)", "ok", "exit", 0, None)):
            end = self.agent.python(code).exit()
            self.assertEqual((end["status"], end["reason"], end["exit_code"], end["signal"]),
                             (status, reason, exit_code, signal))
            self.assertEqual(status == "error", "ename" in end)

    def test_a_program_that_is_not_there_is_refused(self):
        with self.assertRaises(Refused) as caught:
            self.agent.start("no-such-program")
        self.assertIn("no-such-program", str(caught.exception))
        self.assertEqual(caught.exception.reply["code"], "ENOENT")
        self.assertTrue(self.agent.silence(0.2))
        self.assertEqual(self.agent.python("pass").exit()["exit_code"], 0)

    def test_100000_lines_are_complete_and_in_order(self):
        run = self.agent.python("for i in range(100000): print(i)")
        run.exit()
        self.assertEqual(run.text(), "".join(f"{i}\n" for i in range(100000)))
        self.assertLess(len(run.messages()), 2000)

    def test_stdout_and_stderr_keep_their_order(self):
        code = "import os\nfor i in range(1000):\n os.write(1, b'o%d ' % i)\n os.write(2, b'e%d ' % i)"
        for _ in range(3):
            run = self.agent.python(code)
            run.exit()
            self.assertEqual(run.text(), "".join(f"o{i} e{i} " for i in range(1000)))

    def test_order_with_uneven_writes(self):
        code = ("import os\nfor i in range(300):\n for k in range(i % 5): os.write(1, b'o%d.%d ' % (i, k))\n"
                " for k in range(i % 3): os.write(2, b'e%d.%d ' % (i, k) * 50)")
        run = self.agent.python(code)
        run.exit()
        want = "".join("".join(f"o{i}.{k} " for k in range(i % 5)) + "".join(f"e{i}.{k} " * 50 for k in range(i % 3))
                       for i in range(300))
        self.assertEqual(run.text(), want)

    def test_shells_keep_the_order_too(self):
        for shell in ("sh", "bash"):
            run = self.agent.start(shell, "-c", "for i in $(seq 300); do echo o$i; echo e$i >&2; done")
            run.exit()
            self.assertEqual(run.text(), "".join(f"o{i}\ne{i}\n" for i in range(1, 301)))

    def test_utf8_is_not_cut(self):
        text = "日本語のテキスト😀 " * 40000
        run = self.agent.python(f"import sys\nsys.stdout.buffer.write(({text[:10]!r} * 40000).encode())")
        run.exit()
        self.assertEqual(run.text(), text[:10] * 40000)
        run = self.agent.python("import os, time\nfor b in '日本😀'.encode(): os.write(1, bytes([b])); time.sleep(0.03)")
        run.exit()
        self.assertEqual(run.text(), "日本😀")

    def test_bytes_that_are_no_text(self):
        run = self.agent.python("import os; os.write(1, b'a\\xff\\xfeb\\xe6\\x97')")
        run.exit()
        self.assertEqual(run.text(), "a��b��")

    def test_one_line_of_20_megabytes(self):
        run = self.agent.python("import sys; sys.stdout.write('x' * 20_000_000)")
        end = run.exit()
        self.assertEqual(run.text(), "x" * 20_000_000)
        self.assertEqual(end["stdout_bytes"], 20_000_000)

    def test_output_comes_at_once(self):
        run = self.agent.python("import time\nprint('now', flush=True)\ntime.sleep(5)")
        began = time.monotonic()
        self.agent.until(lambda: run.text() == "now\n", 3)
        self.assertLess(time.monotonic() - began, 2)
        run.signal("KILL")
        run.exit()

    def test_stdin_ahead_of_time_and_its_end(self):
        run = self.agent.python("import sys\nfor line in sys.stdin: print('got', line, end='')\nprint('end')", stdin=True)
        run.stdin("one\n")
        run.stdin("two\n")
        run.stdin("", eof=True)
        self.assertEqual(run.exit()["exit_code"], 0)
        self.assertEqual(run.text(), "got one\ngot two\nend\n")

    def test_stdin_goes_past_a_compiler_to_the_program(self):
        phases = [{"name": "compile", "argv": ["python3", "-c", "import sys; print('c', sys.stdin.read())"], "wall_ms": 0},
                  {"name": "run", "argv": ["python3", "-c", "print('r', input())"], "wall_ms": 0}]
        run = self.agent.start(phases=phases, stdin=True)
        run.stdin("typed\n")
        self.assertEqual(run.exit()["phase"], "run")
        self.assertEqual(run.text(), "c \nr typed\n")

    def test_too_much_stdin_is_refused(self):
        run = self.agent.python("import time; time.sleep(20)", stdin=True)
        run.stdin("x" * 1_000_000)
        with self.assertRaises(Refused) as caught:
            run.stdin("x" * 1_000_000)
        self.assertEqual(caught.exception.reply["code"], "ENOSPC")
        run.signal("KILL")
        run.exit()

    def test_closed_stdin(self):
        run = self.agent.python("import sys; print(repr(sys.stdin.read()))")
        run.exit()
        self.assertEqual(run.text(), "''\n")

    def test_a_failed_compiler_ends_the_run(self):
        phases = [{"name": "compile", "argv": ["sh", "-c", "echo bad >&2; exit 1"], "wall_ms": 0},
                  {"name": "run", "argv": ["echo", "never"], "wall_ms": 0}]
        run = self.agent.start(phases=phases)
        end = run.exit()
        self.assertEqual((end["phase"], end["exit_code"], run.text()), ("compile", 1, "bad\n"))

    def paused(self, second="print('ran')", **fields):
        """A run whose first phase is over and whose second waits for run.continue."""
        first = ["python3", "-c", "print('compiled', flush=True)"]
        phases = [{"name": "compile", "argv": first, "wall_ms": 0},
                  {"name": "run", "argv": ["python3", "-c", second], "wall_ms": fields.pop("phase_wall_ms", 0), "pause": True}]
        run = self.agent.start(phases=phases, **fields)
        event = self.agent.until(lambda: self.agent.events)[0]
        self.assertEqual(event, {"event": "phase", "run_id": run.id, "phase": "run"})
        return run

    def test_a_pause_before_a_phase_lasts_until_continue(self):
        run = self.paused()
        self.assertTrue(self.agent.silence(0.2))
        self.assertEqual(run.text(), "compiled\n")
        self.assertEqual(self.agent.user_pids(), set())
        self.agent.ask("run.continue", run_id=run.id)
        end = run.exit()
        self.assertEqual((end["reason"], end["exit_code"], end["phase"]), ("exit", 0, "run"))
        self.assertEqual(run.text(), "compiled\nran\n")
        self.assertEqual(len(self.agent.events), 1)

    def test_wall_limits_do_not_count_a_pause(self):
        for limits in ({"wall_ms": 2000}, {"phase_wall_ms": 2000}):
            run = self.paused(**limits)
            time.sleep(2.2)
            self.agent.ask("run.continue", run_id=run.id)
            end = run.exit()
            self.assertEqual(end["reason"], "exit")
            self.assertLess(end["wall_ms"], 2000)
            self.agent.events.clear()
        run = self.paused("import time; time.sleep(60)", wall_ms=1000)
        self.agent.ask("run.continue", run_id=run.id)
        self.assertEqual((run.exit()["reason"], run.exit()["phase"]), ("timeout", "run"))

    def test_a_signal_in_a_pause_ends_the_run(self):
        for name, reason, want in (("KILL", "stopped", ("stopped", 9)), ("KILL", None, ("signal", 9)),
                                   ("INT", None, ("signal", 2)), ("TERM", "stopped", ("stopped", 15))):
            run = self.paused()
            run.signal(name, reason)
            end = run.exit()
            self.assertEqual((end["reason"], end["signal"]), want)
            self.assertEqual((end["status"], end["exit_code"]), ("error", None))
            self.assertEqual(run.text(), "compiled\n")
            self.agent.events.clear()

    def test_a_new_gateway_can_continue(self):
        run = self.paused(stdin=True, second="print('ran', input())")
        self.agent.drop()
        self.agent.epoch += 1
        self.agent.events.clear()
        self.agent.last_seq = 0
        self.agent.connect(1)  # all is told again, the event too
        self.agent.until(lambda: self.agent.events)
        self.agent.ask("run.continue", run_id=run.id)
        run.stdin("typed\n")
        self.assertEqual(run.exit()["exit_code"], 0)
        self.assertIn("ran typed\n", run.text())

    def test_a_failed_phase_is_followed_by_no_pause(self):
        phases = [{"name": "compile", "argv": ["false"]}, {"name": "run", "argv": ["true"], "pause": True}]
        self.assertEqual(self.agent.start(phases=phases).exit()["exit_code"], 1)
        self.assertEqual(self.agent.events, [])

    def test_continue_where_nothing_waits(self):
        run = self.agent.python("import time; time.sleep(60)")
        for run_id, code in ((run.id, "EALREADY"), ("no-such-run", "ESRCH"), (None, "ESRCH")):
            with self.assertRaises(Refused) as caught:
                self.agent.ask("run.continue", run_id=run_id)
            self.assertEqual(caught.exception.reply["code"], code)
        with self.assertRaises(Refused):
            self.agent.start(phases=[{"name": "run", "argv": ["true"], "pause": True}])
        run.signal("KILL")
        run.exit()
        run = self.paused("1")
        self.agent.ask("run.continue", run_id=run.id)
        run.exit()
        with self.assertRaises(Refused):
            self.agent.ask("run.continue", run_id=run.id)

    def test_time_limits(self):
        began = time.monotonic()
        end = self.agent.python("while True: pass", wall_ms=300).exit()
        self.assertEqual((end["reason"], end["status"]), ("timeout", "error"))
        phases = [{"name": "run", "argv": ["sleep", "30"], "wall_ms": 200}]
        end = self.agent.start(phases=phases).exit()
        self.assertEqual(end["reason"], "timeout")
        self.assertLess(time.monotonic() - began, 8)

    def test_output_limit(self):
        run = self.agent.python("while True: print('x' * 1000)", output_bytes=100_000)
        end = run.exit()
        self.assertEqual(end["reason"], "output_limit")
        self.assertEqual(len(run.text()), 100_000)

    def test_a_grandchild_with_the_pipe_does_not_delay_the_end(self):
        began = time.monotonic()
        run = self.agent.start("sh", "-c", "(setsid sleep 60 &) ; setsid sh -c 'trap \"\" TERM HUP; sleep 60' & echo done")
        end = run.exit()
        self.assertEqual((end["exit_code"], run.text()), (0, "done\n"))
        self.assertLess(end["wall_ms"], 2000)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(self.agent.user_pids(), set())

    def test_stop_ends_everything_and_nothing_follows(self):
        code = "import subprocess, sys, time\nfor _ in range(3): subprocess.Popen([sys.executable, '-c', " \
               "'import time, signal; signal.signal(2, signal.SIG_IGN)\\nwhile True: print(1, flush=True)'])\n" \
               "time.sleep(60)"
        run = self.agent.python(code)
        self.agent.until(lambda: len(run.text()) > 1000)
        run.signal("KILL", "stopped")
        end = run.exit()
        self.assertEqual(end["reason"], "stopped")
        self.assertEqual(self.agent.user_pids(), set())
        self.assertTrue(self.agent.silence(0.3))

    def test_interrupt_reaches_the_program(self):
        code = "import time\ntry:\n print('up', flush=True); time.sleep(60)\nexcept KeyboardInterrupt: print('caught')"
        run = self.agent.python(code)
        self.agent.until(lambda: run.text() == "up\n")
        run.signal("INT", None)
        self.assertEqual(run.exit()["exit_code"], 0)
        self.assertEqual(run.text(), "up\ncaught\n")

    def test_one_at_a_time(self):
        run = self.agent.python("import time; time.sleep(20)")
        with self.assertRaises(Refused) as caught:
            self.agent.python("pass")
        self.assertEqual(caught.exception.reply["code"], "EBUSY")
        run.signal("KILL")
        run.exit()
        self.assertEqual(self.agent.python("pass").exit()["exit_code"], 0)

    def test_environment_and_directory(self):
        self.agent.put("sub/x.txt", "1")
        run = self.agent.python("import os; print(os.getcwd(), os.environ['A'])", env={"A": "ü"}, cwd="sub")
        run.exit()
        self.assertEqual(run.text(), f"{self.agent.work}/sub ü\n")

    def test_stats(self):
        run = self.agent.python("import time; x = b'x' * 20_000_000; print('up', flush=True); time.sleep(30)")
        self.agent.until(lambda: run.text())
        s = self.agent.ask("stats")
        self.assertEqual(s["processes"], 1)
        self.assertGreater(s["rss_kb"], 20_000)
        run.signal("KILL")
        run.exit()
        self.assertEqual(self.agent.ask("stats")["processes"], 0)

    def test_nonsense_is_answered(self):
        for op, fields in (("no.such", {}), ("run.start", {}), ("run.start", {"run_id": "x", "phases": [1]}),
                           ("run.signal", {"run_id": "x", "signal": "INT"}), ("files.put", {"path": "x"}),
                           ("run.start", {"run_id": "x", "phases": [{"name": "run", "argv": ["true"]}], "env": {"=": "x"}})):
            with self.assertRaises(Refused):
                self.agent.ask(op, **fields)
        self.assertTrue(self.agent.ask("ping")["ok"])


@unittest.skipUnless(USER, "needs root")
class RunsAsUser(Runs):
    uid = USER

    def test_the_program_has_no_rights(self):
        code = ("import os\nfor l in open('/proc/self/status'):\n"
                " if l.split(':')[0] in ('Uid','Gid','Groups','CapEff','CapPrm','CapInh','CapBnd','CapAmb','NoNewPrivs'):"
                " print(*l.split())\nprint(open('/proc/self/oom_score_adj').read().strip())\n"
                "print(sorted(os.listdir('/proc/self/fd')))")
        run = self.agent.python(code)
        run.exit()
        lines = run.text().splitlines()
        # A bounding set can't be emptied without SETPCAP, which PID 1 of a box lacks; it is of no use without privileges.
        zero, bounds = "0" * 16, "00000000000000e0"
        self.assertEqual(lines, ["Uid: 1000 1000 1000 1000", "Gid: 1000 1000 1000 1000", "Groups:", f"CapInh: {zero}",
                                 f"CapPrm: {zero}", f"CapEff: {zero}", f"CapBnd: {bounds}", f"CapAmb: {zero}",
                                 "NoNewPrivs: 1", "1000", "['0', '1', '2', '3']"])
        self.assertEqual(self.agent.python("import os; print(os.getppid())").exit()["exit_code"], 0)
        self.assertEqual(self.agent.messages[-3].content["text"], "1\n")

    def test_the_filter_refuses(self):
        code = """
import ctypes, errno, os, socket, threading
libc = ctypes.CDLL(None, use_errno=True)
def call(*a):
    ctypes.set_errno(0)
    return errno.errorcode.get(ctypes.get_errno()) if libc.syscall(*a) < 0 else 'ok'
print('unshare', call(272, 0x10000000))
print('clone3', call(435, 0, 0))
print('io_uring', call(425, 1, 0))
print('bpf', call(321, 0, 0, 0))
print('keyctl', call(250, 0, 0, 0))
print('ptrace', call(101, 0, 0, 0, 0))
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
    socket.socket(family).close()
for family in (17, 38, 40):
    try:
        socket.socket(family, socket.SOCK_DGRAM)
        print(family, 'ok')
    except PermissionError:
        print(family, 'refused')
t = threading.Thread(target=lambda: print('thread')); t.start(); t.join()
print('fork', os.waitpid(os.fork() or os._exit(0), 0)[1])
"""
        run = self.agent.python(code)
        run.exit()
        self.assertEqual(run.text().split("\n"), [
            "unshare EPERM", "clone3 ENOSYS", "io_uring EPERM", "bpf EPERM", "keyctl EPERM", "ptrace EPERM",
            "17 refused", "38 refused", "40 refused", "thread", "fork 0", ""])

    def test_the_agent_is_out_of_reach(self):
        code = ("import os\nppid = os.getppid()\n"
                "for what in ('mem', 'environ', 'maps', 'fd'):\n"
                " try:\n"
                "  p = '/proc/%d/%s' % (ppid, what)\n"
                "  os.listdir(p) if what == 'fd' else open(p).read(1)\n"
                "  print(what, 'readable')\n"
                " except PermissionError: print(what, 'refused')\n"
                "try: os.kill(ppid, 9)\nexcept PermissionError: print('kill refused')\n"
                "try: os.kill(-1, 9)\nexcept (PermissionError, ProcessLookupError): print('kill all refused')")
        run = self.agent.python(code)
        run.exit()
        self.assertEqual(run.text(), "mem refused\nenviron refused\nmaps refused\nfd refused\nkill refused\nkill all refused\n")

    def test_dev_stdout_can_be_opened(self):
        run = self.agent.start("sh", "-c", "echo a > /dev/stdout; echo b > /dev/stderr")
        run.exit()
        self.assertEqual((run.text("stdout"), run.text("stderr")), ("a\n", "b\n"))


if __name__ == "__main__":
    harness.main()
