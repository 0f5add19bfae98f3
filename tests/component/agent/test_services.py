"""The box's service: started, spared, watched over."""
import os
import signal
import socket
import time
import unittest

import harness
from harness import Refused

# Serves on a Unix socket below DIR and answers with its own ids; does as one byte tells it.
SERVER = """
import os, socket, sys
path = os.path.join(sys.argv[1], 'socket')
os.makedirs(sys.argv[1], exist_ok=True)
if os.path.exists(path): os.unlink(path)
print('service begins', flush=True)
s = socket.socket(socket.AF_UNIX); s.bind(path); os.chmod(path, 0o777); s.listen(8)
os.write(3, b'rea'); os.write(3, b'dy\\n'); os.close(3)
while True:
    c, _ = s.accept()
    what = c.recv(1)
    if what == b'c':
        pid = os.fork()
        if pid == 0:
            os.setsid() if len(sys.argv) > 2 else None
            import time; time.sleep(1000)
        c.send(str(pid).encode())
    elif what == b'x':
        os._exit(9)
    else:
        c.send(f"{os.getpid()} {os.getuid()} {os.getgid()} {os.getcwd()} {sorted(os.listdir('/proc/self/fd'))}".encode())
    c.close()
"""


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


class Services(harness.Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.agent.dir, 0o777)
        self.place = self.agent.dir + "/service"

    def start(self, *args, code=SERVER, **fields):
        return self.agent.ask("service.start", argv=["python3", "-c", code, self.place, *args], env={}, **fields)

    def call(self, what=b"?"):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.place + "/socket")
            s.send(what)
            return s.recv(1000).decode()

    def service_pids(self):
        return {p for p in harness.descendants(self.agent.pid) if self.place in read(f"/proc/{p}/cmdline")}

    def test_it_outlives_runs(self):
        reply = self.start()
        self.assertGreater(reply["pid"], 0)
        before = self.call()
        for code in ("print(1)", "import subprocess; subprocess.Popen(['sleep', '1000'], start_new_session=True)"):
            end = self.agent.python(code).exit()
            self.assertEqual((end["exit_code"], end["reason"]), (0, "exit"))
            self.assertEqual(self.call(), before)
            self.assertEqual(harness.descendants(self.agent.pid) - self.service_pids(), set())
        self.assertEqual(self.agent.ask("stats")["processes"], 0)
        run = self.agent.python("import time; time.sleep(1000)")
        run.signal("KILL", "stopped")
        self.assertEqual(run.exit()["reason"], "stopped")
        self.assertEqual(self.call(), before)
        self.assertEqual(self.agent.events, [])

    def test_its_children_are_spared_too(self):
        self.start()
        self.call(b"c")
        pids = self.service_pids()
        self.assertEqual(len(pids), 2)
        self.assertEqual(self.agent.python("pass").exit()["exit_code"], 0)
        self.assertEqual(self.service_pids(), pids)

    def test_one_that_dies_is_told_and_started_again(self):
        self.start()
        self.call(b"c")
        first = self.service_pids()
        time.sleep(1.1)  # it has lived for a while
        try:
            self.call(b"x")
        except ConnectionError:
            pass
        self.agent.until(lambda: self.agent.events)
        self.assertEqual(self.agent.events, [{"event": "service_exit", "exit_code": 9, "signal": None}])
        self.assertEqual(self.agent.python("pass").exit()["exit_code"], 0)
        self.assertEqual(len(self.service_pids()), 1)
        self.assertEqual(self.service_pids() & first, set())
        self.call()

    def test_one_that_dies_young_is_started_before_the_next_run(self):
        self.start()
        (pid,) = self.service_pids()
        os.kill(pid, signal.SIGKILL)
        self.agent.until(lambda: self.agent.events)
        self.assertEqual(self.agent.events, [{"event": "service_exit", "exit_code": None, "signal": 9}])
        run = self.agent.python(f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({self.place + '/socket'!r}); "
                                "s.send(b'?'); print(s.recv(1000).decode())")
        self.assertEqual(run.exit()["exit_code"], 0)
        self.assertIn(str(os.getuid() if not self.uid else self.uid + 1), run.text())

    def test_one_that_dies_young_is_started_again_with_nobody_asking(self):
        self.start()
        (pid,) = self.service_pids()
        os.kill(pid, signal.SIGKILL)
        end, answer = time.monotonic() + 20, None
        while not answer and time.monotonic() < end:
            self.agent.ask("ping")
            try:
                answer = self.call()
            except OSError:  # the old one's socket, or the new one's not yet
                time.sleep(0.02)
        self.assertTrue(answer and not answer.startswith(f"{pid} "), answer)

    def test_runs_are_refused_while_it_can_not_be_started(self):
        self.start(code="import os, sys\nif os.path.exists(sys.argv[1]): sys.exit('no room left')\nos.mkdir(sys.argv[1])\n"
                        "os.write(3, b'ready\\n')\nimport time; time.sleep(1000)")
        (pid,) = self.service_pids()
        os.kill(pid, signal.SIGTERM)
        self.agent.until(lambda: self.agent.events)
        for _ in range(2):
            with self.assertRaises(Refused) as caught:
                self.agent.python("pass")
            self.assertIn("the box's service ended with exit status 1 before it served: no room left", str(caught.exception))
        os.rmdir(self.place)
        self.assertEqual(self.agent.python("pass").exit()["exit_code"], 0)

    def test_a_stop_of_a_kernel_that_waits_for_it(self):
        self.start(code="import os, sys, time\nif os.path.exists(sys.argv[1]): time.sleep(1000)\nos.mkdir(sys.argv[1])\n"
                        "os.write(3, b'ready\\n')\ntime.sleep(1000)")
        (pid,) = self.service_pids()
        os.kill(pid, signal.SIGKILL)
        self.agent.until(lambda: self.agent.events)
        number = self.agent.request("kernel.start", argv=["true"], env={})
        self.agent.ask("kernel.stop", grace_ms=0)
        with self.assertRaises(Refused) as caught:
            self.agent.reply(number)
        self.assertEqual(caught.exception.reply["code"], "ECANCELED")

    def test_starts_that_fail(self):
        for code, ready_ms, words in (
                ("print('bad luck'); raise SystemExit(3)", 20000, "exit status 3 before it served: bad luck"),
                ("import os; os.write(3, b'hello\\n'); import time; time.sleep(100)", 20000, "something else"),
                ("import os; os.close(3); import time; time.sleep(100)", 20000, "closed descriptor 3"),
                ("print('slow', flush=True); import time; time.sleep(100)", 700, "within 700 ms: slow"),
                ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 20000, "signal 11")):
            with self.assertRaises(Refused) as caught:
                self.start(code=code, ready_ms=ready_ms)
            self.assertIn(words, str(caught.exception))
            self.assertEqual(harness.descendants(self.agent.pid), set())
        with self.assertRaises(Refused) as caught:
            self.agent.ask("service.start", argv=["no-such-service"])
        self.assertIn("no-such-service", str(caught.exception))
        with self.assertRaises(Refused):
            self.agent.ask("service.start", argv=[])
        self.assertEqual(self.agent.events, [])
        self.start()  # and then one that works
        with self.assertRaises(Refused) as caught:
            self.start()
        self.assertEqual(caught.exception.reply["code"], "EALREADY")

    def test_a_fork_bomb_ends_and_the_service_does_not(self):
        self.start()
        before = self.call()
        limit = "ulimit -u 200 2>/dev/null; "
        run = self.agent.start("sh", "-c", limit + "i=0; while [ $i -lt 60 ]; do (sleep 100; sleep 100) & i=$((i+1)); done; wait",
                               wall_ms=1500)
        self.assertEqual(run.exit()["reason"], "timeout")
        self.assertEqual(self.call(), before)
        self.assertEqual(harness.descendants(self.agent.pid), self.service_pids())

    def test_the_agent_takes_it_along(self):
        self.start()
        pids = self.service_pids()
        os.kill(self.agent.pid, signal.SIGTERM)
        self.agent.process.wait(20)
        end = time.monotonic() + 5
        while any(os.path.exists(f"/proc/{p}") for p in pids) and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual([p for p in pids if os.path.exists(f"/proc/{p}")], [])


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class ServicesOfTheirOwn(Services):
    uid = 1000

    def test_whom_it_runs_as(self):
        self.start()
        pid, uid, gid, cwd, fds = self.call().split(" ", 4)
        self.assertEqual((uid, gid, cwd), ("1001", "1001", "/tmp"))
        self.assertLessEqual(set(eval(fds)), {"0", "1", "2", "3", "4", "5"})  # its own sockets, and nothing of ours
        (outside,) = self.service_pids()
        status = read(f"/proc/{outside}/status")
        self.assertIn("CapEff:\t0000000000000000", status)
        self.assertIn("NoNewPrivs:\t1", status)
        self.assertEqual(read(f"/proc/{outside}/oom_score_adj").strip(), "500")

    def test_a_child_with_a_session_of_its_own_is_spared(self):
        self.start("apart")
        self.call(b"c")
        pids = self.service_pids()
        self.assertEqual(len(pids), 2)
        self.assertEqual(self.agent.python("pass").exit()["exit_code"], 0)
        self.assertEqual(self.service_pids(), pids)
        try:
            self.call(b"x")
        except ConnectionError:
            pass
        self.agent.until(lambda: self.agent.events)
        end = time.monotonic() + 5
        while self.service_pids() & pids and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual(self.service_pids() & pids, set())

    def test_the_user_can_not_harm_it(self):
        self.start()
        before = self.call()
        pid = before.split()[0]
        run = self.agent.python(f"import os, signal\nfor f in (lambda: os.kill({pid}, 9), lambda: os.kill(-1, 9) or 1/0,\n"
                                f"  lambda: open('/proc/{pid}/mem'), lambda: open('/proc/{pid}/environ'), lambda: os.kill(1, 9)):\n"
                                "    try: f(); print('done')\n"
                                "    except OSError as e: print(e.errno)\n"
                                "    except ZeroDivisionError: print('nobody')")
        self.assertEqual(run.exit()["exit_code"], 0)
        self.assertEqual(run.text(), "1\nnobody\n13\n13\n1\n")
        self.assertEqual(self.call(), before)

    def test_one_who_kills_everybody_is_killed(self):
        """The agent acts as the user for a moment; nobody gets hold of it by that."""
        self.start()
        run = self.agent.start("sh", "-c", "while :; do kill -9 -1; kill -STOP -1; done", wall_ms=700)
        self.assertEqual(run.exit()["reason"], "timeout")
        self.call()
        self.assertEqual(self.agent.python("print('on')").exit()["exit_code"], 0)


if __name__ == "__main__":
    harness.main()
