"""Starts, ends and deaths of evaluators, alone and beside a service."""
import os
import signal
import sys
import time
import unittest

import harness
from evaluators import Case
from harness import CONTROL, SHELL, Refused


class Lives(Case):
    def test_warm_up_shows_nothing(self):
        self.kernel("--noise", warm_code="print('warm'); display('x'); warmed = 1\n5")
        self.assertEqual(self.agent.messages, [])
        self.assertEqual(self.cell("warmed")[1], [("execute_result", "1")])
        self.assertEqual(self.agent.messages[0].content, {"execution_state": "busy"})

    def test_a_warm_up_that_fails_is_no_harm(self):
        self.kernel(warm_code="1 / 0")
        self.assertEqual(self.agent.messages, [])
        self.assertEqual(self.cell("1")[0]["execution_count"], 1)

    def test_configure(self):
        self.kernel(env={"A": "1"})
        os.mkdir(self.agent.work + "/sub")
        os.chmod(self.agent.work + "/sub", 0o777)
        self.agent.ask("kernel.configure", env={"B": "ü\n2"}, cwd="sub")
        self.assertEqual(self.agent.messages, [])
        self.assertEqual(self.cell("import os; os.environ['A'], os.environ['B'], os.getcwd()")[1],
                         [("execute_result", repr(("1", "ü\n2", self.agent.work + "/sub")))])
        self.agent.ask("kernel.configure", env={}, cwd=None)
        with self.assertRaises(Refused) as caught:
            self.agent.ask("kernel.configure", cwd="no/such")
        self.assertIn("no/such", str(caught.exception))
        with self.assertRaises(Refused):
            self.agent.ask("kernel.configure", env={"=": "x"})
        self.cell("import os; os._exit(1)")  # the settings outlive the evaluator
        self.assertEqual(self.cell("import os; os.environ['B'], os.getcwd()")[1],
                         [("execute_result", repr(("ü\n2", self.agent.work + "/sub")))])

    def test_configure_waits_for_the_cell_that_runs(self):
        self.kernel()
        self.send("import time; time.sleep(0.4)")
        waiting = self.send("import os; os.environ.get('X')")
        self.agent.ask("kernel.configure", env={"X": "y"})
        self.done(waiting)
        self.assertEqual(self.shown(waiting), [("execute_result", "'y'")])

    def test_messages_that_come_early_wait(self):
        number = self.agent.request("kernel.start", argv=["python3", "-B", self.script], evaluator=True, env={})
        info = self.agent.message(CONTROL, "kernel_info_request", {})
        early = self.send("print('early')")
        self.agent.reply(number)
        self.done(early)
        self.assertEqual(self.text(early), "early\n")
        self.assertEqual(self.of(info, "kernel_info_reply")[0].content["banner"], "Scripted")

    def death(self, code, evalue, **fields):
        self.kernel()
        self.cell("x = 1; y = 2")
        msg_id = self.send("print('last words', flush=True)\ndisplay('seen')\n" + code, **fields)
        reply = self.done(msg_id)
        self.assertEqual((reply["status"], reply["ename"], reply["evalue"]), ("error", "KernelDied", evalue))
        self.assertEqual(reply["traceback"], [f"\x1b[31mKernelDied\x1b[0m: {evalue}"])
        self.assertEqual(self.shown(msg_id), [("stdout", "last words\n"), ("display_data", "seen"),
                                              ("stderr", "[the kernel starts afresh: its variables and definitions are gone]\n"),
                                              ("error", "KernelDied")])
        reply, shown = self.cell("'x' in globals(), 7")
        self.assertEqual((shown, reply["execution_count"]), ([("execute_result", "(False, 7)")], 3))
        self.assertEqual(self.agent.events, [])

    def test_death_by_a_signal(self):
        self.death("import os; os.kill(os.getpid(), 11)", "the kernel's evaluator was ended by signal 11 (Segmentation fault)")

    def test_death_by_an_exit(self):
        self.death("exit()", "the kernel's evaluator ended (exit status 0)")

    def test_death_by_an_exit_with_a_status(self):
        self.death("import sys; sys.exit(3)", "the kernel's evaluator ended (exit status 3)")

    def test_death_by_a_kill(self):
        self.death("import os; os.kill(os.getpid(), 9)", "the kernel's evaluator was killed (signal 9)")

    def test_death_for_want_of_memory(self):
        """The box's files say so; here a test writes them."""
        with open(self.agent.dir + "/memory", "w") as f:
            f.write("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
        with open(self.agent.dir + "/limits", "w") as f:
            f.write('{"memory_mb":128,"pids":64}\n')
        os.chmod(self.agent.dir + "/memory", 0o666)
        self.death(f"open({self.agent.dir + '/memory'!r}, 'w').write('low 0\\noom 1\\noom_kill 3\\n')\n"
                   "import os, sys; sys.stdout.flush(); os.kill(os.getpid(), 9)",
                   "the kernel's evaluator ran out of memory (its limit is 128 MB)")
        msg_id = self.send("import os; os.kill(os.getpid(), 9)")  # another death, and no new kill
        self.assertEqual(self.done(msg_id)["evalue"], "the kernel's evaluator was killed (signal 9)")

    def test_a_death_aborts_the_cells_that_wait(self):
        self.kernel()
        first = self.send("import os, time; time.sleep(0.3); os._exit(1)")
        second, asked = self.send("2"), self.agent.message(SHELL, "complete_request", {"code": "pri", "cursor_pos": 3})
        self.done(first)
        self.assertEqual(self.done(second), {"status": "aborted"})
        self.assertEqual(self.done(asked)["status"], "ok")  # by the fresh one
        first = self.send("import os, time; time.sleep(0.3); os._exit(1)", stop_on_error=False)
        second = self.send("2")
        self.done(second)
        self.assertEqual(self.shown(second), [("execute_result", "2")])

    def test_leftovers_go_with_it(self):
        self.kernel()
        self.cell("import subprocess; subprocess.Popen(['sleep', '1000'], start_new_session=True)")
        self.assertGreaterEqual(len(self.agent.user_pids()), 2)
        self.cell("import os; os._exit(1)")
        self.cell("1")
        self.assertEqual(len(self.agent.user_pids()), 1)

    def test_a_death_between_cells(self):
        self.kernel()
        first = self.send("import threading, os; threading.Timer(0.3, lambda: os._exit(4)).start()")
        self.done(first)
        self.agent.until(lambda: "afresh" in self.text(first))
        self.assertEqual(self.text(first), "[the kernel's evaluator ended (exit status 4)]\n"
                                           "[the kernel starts afresh: its variables and definitions are gone]\n")
        self.assertEqual(self.cell("5")[1], [("execute_result", "5")])

    def test_a_death_while_it_is_asked(self):
        self.kernel()
        self.cell("class Trap(dict):\n def __contains__(self, k): import os; os._exit(2)\n"
                  "import __main__\n__main__.VARIABLES = Trap()")
        reply = self.ask("inspect_request", code="x", cursor_pos=0)
        self.assertEqual((reply["status"], reply["ename"]), ("error", "KernelDied"))
        self.assertEqual(self.cell("5")[1], [("execute_result", "5")])

    def test_one_that_can_not_start_again_ends_the_kernel(self):
        flag = self.agent.dir + "/flag"
        self.kernel("--fail", flag)
        with open(flag, "w"):
            pass
        first = self.send("import os, time; time.sleep(0.3); os._exit(1)", stop_on_error=False)
        second = self.send("2")
        self.done(first)
        reply = self.done(second)
        self.assertEqual(reply["ename"], "KernelDied")
        self.assertIn("exit status 1): nothing works any more", reply["evalue"])
        (event,) = self.agent.until(lambda: self.agent.events)
        self.assertEqual((event["event"], event["exit_code"], event["signal"], event["error"]),
                         ("kernel_exit", 1, None, reply["evalue"]))
        self.assertIn("can't go on", self.text(first, "stderr"))
        os.unlink(flag)
        self.kernel()  # the box can have another
        self.assertEqual(self.cell("1")[0]["execution_count"], 1)

    def test_one_that_dies_again_and_again_for_nothing_ends_the_kernel(self):
        code = ("import os, sys, time\nos.write(3, b'{\"event\":\"ready\",\"implementation\":\"x\",\"language_info\":{\"name\":\"x\"}}\\n')\n"
                "time.sleep(0.2)\nos._exit(1)")
        self.kernel(argv=["python3", "-c", code])
        (event,) = self.agent.until(lambda: self.agent.events)
        self.assertEqual((event["event"], event["exit_code"]), ("kernel_exit", 1))

    def test_a_shutdown_by_a_client(self):
        for restart in (False, True):
            for code in ("1", "while True: pass"):
                self.kernel()
                msg_id = self.send(code)
                self.agent.until(lambda: self.of(msg_id, "execute_input"))
                if code == "1":
                    self.done(msg_id)
                asked = self.agent.message(CONTROL, "shutdown_request", {"restart": restart})
                (event,) = self.agent.until(lambda: self.agent.events, 5)
                self.assertEqual(event, {"event": "kernel_exit", "exit_code": 0, "signal": None})
                self.assertEqual([(m.channel, m.content) for m in self.of(asked, "shutdown_reply")],
                                 [(c, {"status": "ok", "restart": restart}) for c in ("control", "iopub")])
                self.assertEqual(self.agent.user_pids(), set())
                self.agent.events.clear()

    def test_stops(self):
        for code, grace in (("1", 5000), ("while True: pass", 5000), ("1", 0),
                            ("import signal; signal.signal(15, signal.SIG_IGN); reads = 0; import time\n"
                             "import threading; threading.Thread(target=time.sleep, args=(1000,)).start()", 300)):
            self.kernel()
            msg_id = self.send(code)
            self.agent.until(lambda: self.of(msg_id, "execute_input"))
            self.assertTrue(self.agent.ask("kernel.stop", grace_ms=grace, seconds=4)["ok"])
            self.assertEqual(self.agent.user_pids(), set())
            self.assertEqual(self.agent.events, [])

    def test_starts_that_fail(self):
        for argv, ready_ms, words in (
                (["sh", "-c", "echo no such module >&2; exit 3"], 30000, "exit status 3): no such module"),
                (["no-such-evaluator"], 30000, "no-such-evaluator"),
                (["sh", "-c", "echo thinking; sleep 100"], 500, "500 ms: thinking"),
                (["sh", "-c", "echo '{\"event\":\"ready\"}' >&3; sleep 100"], 30000, "language_info.name"),
                (["sh", "-c", "echo '{\"event\":\"ready\",\"implementation\":\"x\",\"language_info\":{\"name\":1}}' >&3; sleep 100"], 30000,
                 "language_info.name"),
                (["sh", "-c", "head -c 70000000 /dev/zero | tr '\\0' x >&3; sleep 100"], 30000, "64 MiB")):
            with self.assertRaises(Refused) as caught:
                self.kernel(argv=argv, ready_ms=ready_ms)
            self.assertIn(words, str(caught.exception))
            self.assertEqual(self.agent.user_pids(), set())
        self.assertEqual(self.agent.events, [])
        self.assertEqual(self.agent.messages, [])

    def test_stop_while_it_starts(self):
        number = self.agent.request("kernel.start", argv=["sleep", "100"], evaluator=True, env={})
        time.sleep(0.1)
        self.agent.ask("kernel.stop", grace_ms=1000)
        with self.assertRaises(Refused) as caught:
            self.agent.reply(number)
        self.assertIn("stopped before", str(caught.exception))
        self.assertEqual(self.agent.user_pids(), set())

    def test_one_job_a_box(self):
        self.kernel()
        for start in (self.kernel, lambda: self.agent.python("pass"), lambda: self.kernel(evaluator=False)):
            with self.assertRaises(Refused) as caught:
                start()
            self.assertEqual(caught.exception.reply["code"], "EBUSY")
        self.agent.ask("kernel.stop", grace_ms=2000)
        self.assertEqual(self.agent.python("pass").exit()["exit_code"], 0)
        with self.assertRaises(Refused):
            self.agent.ask("kernel.interrupt")


class BesideAService(Case):
    """A kernel whose cells talk to the box's service."""

    SERVICE = ("import os, sys, time\nif os.path.exists(sys.argv[1] + '/broken'): sys.exit('no room left')\ntime.sleep(0.3)\n"
               "open(sys.argv[1] + '/serves', 'a').write('x')\nos.write(3, b'ready\\n')\ntime.sleep(1000)")

    def setUp(self):
        super().setUp()
        self.place = self.agent.dir + "/service"
        os.mkdir(self.place)
        os.chmod(self.place, 0o777)
        self.started = self.agent.ask("service.start", argv=["python3", "-c", self.SERVICE, self.place], env={})
        self.kernel()

    def serves(self):
        """How often it was started, as a cell sees it."""
        return self.cell(f"len(open({self.place + '/serves'!r}).read())")

    def kill_service(self):
        (pid,) = [p for p in self.agent.user_pids() if harness.parent_of(p) == self.agent.pid and self.is_service(p)]
        os.kill(pid, 9)
        self.agent.until(lambda: any(e["event"] == "service_exit" for e in self.agent.events))
        self.agent.events.clear()

    def is_service(self, pid):
        return "no room left" in harness.cmdline_of(pid)

    def test_a_cell_waits_for_one_that_is_started_again(self):
        self.assertEqual(self.serves()[1], [("execute_result", "1")])
        self.kill_service()
        self.assertEqual(self.serves()[1], [("execute_result", "2")])

    def test_a_cell_does_not_wait_for_one_that_can_not_start(self):
        with open(self.place + "/broken", "w"):
            pass
        self.kill_service()
        self.assertEqual(self.serves()[1], [("execute_result", "1")])
        os.unlink(self.place + "/broken")
        self.assertEqual(self.serves()[1], [("execute_result", "2")])

    def test_it_outlives_the_evaluator(self):
        self.cell("import os; os._exit(1)")
        self.assertEqual(self.serves()[1], [("execute_result", "1")])
        self.assertEqual(self.agent.events, [])

    def test_both_die(self):
        msg_id = self.send("import os, time; time.sleep(0.5); os._exit(1)")
        self.agent.until(lambda: self.of(msg_id, "execute_input"))
        self.kill_service()
        self.assertEqual(self.done(msg_id)["ename"], "KernelDied")
        self.assertEqual(self.serves()[1], [("execute_result", "2")])

    def test_a_stop_in_between(self):
        self.cell("x = 1")
        msg_id = self.send("import os; os._exit(1)")
        self.kill_service()
        self.done(msg_id)
        self.send("1")
        self.agent.ask("kernel.stop", grace_ms=100)
        self.assertTrue(self.kernel()["ok"])
        self.assertEqual(self.serves()[1], [("execute_result", "2")])


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class BesideAServiceOfItsOwn(BesideAService):
    uid = 1000


if __name__ == "__main__":
    harness.main()
