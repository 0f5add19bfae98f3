"""
Stock kernels behind the agent: ipykernel on ipc and tcp.

KERNEL_PYTHON   a Python with ipykernel 7; without it tests/venv.sh is asked for one, and without that we SKIP
"""
import os
import subprocess
import sys
import time
import unittest
import uuid

import harness
from harness import CONTROL, SHELL, STDIN, Refused


def kernel_python():
    if os.environ.get("KERNEL_PYTHON"):
        return os.environ["KERNEL_PYTHON"]
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "venv.sh")
    try:
        return subprocess.run([script], check=True, capture_output=True, text=True).stdout.strip() + "/bin/python"
    except (OSError, subprocess.CalledProcessError):
        return None


PYTHON = kernel_python()
ARGV = [PYTHON, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]


@unittest.skipUnless(PYTHON, "no Python with ipykernel")
class Kernels(harness.Case):
    transport = "ipc"

    def kernel(self, **fields):
        spec = {"argv": ARGV, "env": {"IPYTHONDIR": self.agent.work + "/.ipython"}, "cwd": None, "transport": self.transport,
                "interrupt_mode": "signal", "ready_ms": 30000, "warm_code": None, "language": "python"}
        spec.update(fields)
        return self.agent.ask("kernel.start", seconds=60, **spec)

    def of(self, msg_id, kind=None):
        return [m for m in self.agent.of[msg_id] if kind in (None, m.type)]

    def done(self, msg_id, seconds=30):
        """The reply and everything that came with it, once idle and reply are there."""
        def ended():
            ms = self.of(msg_id)
            return (any(m.type.endswith("_reply") for m in ms)
                    and any(m.type == "status" and m.content["execution_state"] == "idle" for m in ms))
        self.agent.until(ended, seconds)
        return next(m.content for m in self.of(msg_id) if m.type.endswith("_reply"))

    def send(self, code, **fields):
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True,
                   "stop_on_error": True}
        msg_id = fields.pop("msg_id", None)
        content.update(fields)
        return self.agent.message(SHELL, "execute_request", content, msg_id=msg_id)

    def cell(self, code, **fields):
        msg_id = self.send(code, **fields)
        reply = self.done(msg_id)
        text = "".join(m.content["text"] for m in self.of(msg_id, "stream"))
        return reply, text

    def test_start_execute_stop(self):
        info = self.kernel()
        self.assertEqual(info["kernel_info"]["implementation"], "ipython")
        self.assertEqual(self.agent.messages, [])  # nothing of the start itself
        reply, text = self.cell("print('hello')\n1/0")
        self.assertEqual((reply["status"], reply["ename"], reply["execution_count"]), ("error", "ZeroDivisionError", 1))
        self.assertEqual(text, "hello\n")
        kinds = {m.type: m.kind for m in self.agent.messages}
        self.assertEqual({k: kinds[k] for k in ("execute_input", "stream", "error", "execute_reply")},
                         {"execute_input": 8, "stream": 6, "error": 7, "execute_reply": 4})
        reply, _ = self.cell("x = 5\nx")
        self.assertEqual(reply["execution_count"], 2)
        self.agent.ask("kernel.stop", grace_ms=5000)
        self.assertEqual(self.agent.user_pids(), set())
        self.assertEqual(os.listdir(self.agent.kernels), [])
        self.assertEqual(self.agent.events, [])
        self.assertTrue(self.agent.silence(0.2))

    def test_messages_wait_in_order_while_it_starts(self):
        number = self.agent.request("kernel.start", argv=ARGV, transport=self.transport, language="python")
        ids = [self.send(f"print({i})") for i in range(10)]
        for i, msg_id in enumerate(ids):
            self.assertEqual(self.done(msg_id, 60)["execution_count"], i + 1)
        self.assertTrue(self.agent.replies[number]["ok"])
        # the reply to the start stands in front of the first message
        self.assertEqual(self.agent.order[0][0], harness.REPLY)

    def test_a_request_sent_twice_runs_once(self):
        self.kernel()
        msg_id = uuid.uuid4().hex
        self.send("n = globals().get('n', 0) + 1", msg_id=msg_id)
        self.done(msg_id)
        self.send("n = globals().get('n', 0) + 1", msg_id=msg_id)
        self.assertEqual(self.cell("print(n)")[1], "1\n")

    def test_configure_leaves_no_trace(self):
        self.kernel(warm_code="import math\ndel math\n1 + 1")
        os.mkdir(self.agent.work + "/dir ' \" ü")
        if self.uid:
            os.chown(self.agent.work + "/dir ' \" ü", self.uid, self.uid)
        value = "quote ' \" back \\ newline \n tab \t smile 😀"
        self.agent.ask("kernel.configure", env={"A B": value}, cwd="dir ' \" ü")
        self.assertEqual(self.agent.messages, [])
        reply, text = self.cell("print([n for n in dir() if not n.startswith('_')], In, Out, repr(_), repr(__))\n"
                                "import os; print(ascii(os.environ['A B'])); print(os.getcwd())")
        self.assertEqual(reply["execution_count"], 1)
        first, second, third = text.splitlines()
        self.assertEqual(first.split("] [")[0], "['In', 'Out', 'exit', 'get_ipython', 'open', 'quit'" if "'open'" in first
                         else "['In', 'Out', 'exit', 'get_ipython', 'quit'")
        self.assertTrue(first.endswith("{} '' ''"), first)
        self.assertEqual(second, ascii(value))
        self.assertEqual(third, self.agent.work + "/dir ' \" ü")

    def test_a_configure_that_fails_says_why(self):
        self.kernel()
        with self.assertRaises(Refused) as caught:
            self.agent.ask("kernel.configure", env={}, cwd="/not/there")
        self.assertIn("FileNotFoundError", str(caught.exception))
        with self.assertRaises(Refused):
            self.agent.ask("kernel.configure", env={"x": 1})
        self.assertEqual(self.agent.messages, [])

    def test_interrupt(self):
        self.kernel()
        msg_id = self.send("while True: pass")
        self.agent.until(lambda: self.of(msg_id, "execute_input"))
        time.sleep(0.2)
        self.agent.ask("kernel.interrupt")
        self.assertEqual(self.done(msg_id)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.cell("print('goes on')")[1], "goes on\n")

    def test_interrupt_by_message(self):
        self.kernel(interrupt_mode="message")
        msg_id = self.send("import time\nfor _ in range(600): time.sleep(0.1)")
        self.agent.until(lambda: self.of(msg_id, "execute_input"))
        time.sleep(0.2)
        self.agent.ask("kernel.interrupt")
        self.assertEqual(self.done(msg_id)["ename"], "KeyboardInterrupt")

    def test_stdin(self):
        self.kernel()
        msg_id = self.send("print('got', input('name? '))")
        asked = self.agent.until(lambda: self.of(msg_id, "input_request"))[0]
        self.assertEqual((asked.channel, asked.kind, asked.content["prompt"]), ("stdin", 5, "name? "))
        self.agent.message(STDIN, "input_reply", {"value": "Ada"}, parent=asked.header)
        self.assertEqual(self.done(msg_id)["status"], "ok")
        self.assertIn("got Ada\n", "".join(m.content["text"] for m in self.of(msg_id, "stream")))

    def test_control_answers_while_a_cell_runs(self):
        self.kernel()
        msg_id = self.send("import time; time.sleep(3)")
        self.agent.until(lambda: self.of(msg_id, "execute_input"))
        asked = self.agent.message(CONTROL, "kernel_info_request", {})
        reply = self.agent.until(lambda: self.of(asked, "kernel_info_reply"), 2)[0]
        self.assertEqual((reply.channel, reply.kind), ("control", 9))
        self.assertEqual(self.of(msg_id, "execute_reply"), [])

    def test_buffers_go_both_ways(self):
        self.kernel()
        code = ("from ipykernel.comm import Comm\n"
                "def opened(comm, msg):\n"
                "    @comm.on_msg\n"
                "    def _(m): comm.send({'n': len(m['buffers'])}, buffers=[bytes(b) * 2 for b in m['buffers']])\n"
                "get_ipython().kernel.comm_manager.register_target('t', opened)")
        self.assertEqual(self.cell(code)[0]["status"], "ok")
        self.agent.message(SHELL, "comm_open", {"comm_id": "c", "target_name": "t", "data": {}})
        big = os.urandom(3_000_000)
        asked = self.agent.message(SHELL, "comm_msg", {"comm_id": "c", "data": {}}, buffers=[b"", b"ab", big])
        answer = self.agent.until(lambda: self.of(asked, "comm_msg"))[0]
        self.assertEqual(answer.content["data"], {"n": 3})
        self.assertEqual(answer.buffers, [b"", b"abab", big * 2])

    def test_death_is_told_with_the_last_words(self):
        self.kernel()
        self.cell("x = 1")
        msg_id = self.send("import faulthandler, os, sys, subprocess\nsubprocess.Popen(['sleep', '100'])\n"
                           "print('last words', flush=True)\nos.write(sys.__stderr__.fileno(), b'dying')\n"
                           "import time; time.sleep(0.2)  # ipykernel's own thread sends\n"
                           "os.kill(os.getpid(), 11)")
        began = time.monotonic()
        event = self.agent.until(lambda: self.agent.events)[0]
        self.assertEqual(event, {"event": "kernel_exit", "exit_code": None, "signal": 11})
        self.assertLess(time.monotonic() - began, 5)
        text = "".join(m.content["text"] for m in self.of(msg_id, "stream"))
        self.assertIn("last words", text)
        self.assertIn("dying", text)
        self.assertEqual(self.agent.user_pids(), set())
        self.assertEqual(os.listdir(self.agent.kernels), [])
        self.assertEqual(self.kernel()["ok"], True)  # the box can have another
        self.assertEqual(self.cell("print('again')")[1], "again\n")

    def test_exit_of_its_own(self):
        self.kernel()
        self.send("import os; os._exit(7)")
        self.agent.until(lambda: self.agent.events)
        self.assertEqual(self.agent.events, [{"event": "kernel_exit", "exit_code": 7, "signal": None}])
        with self.assertRaises(Refused):
            self.agent.ask("kernel.interrupt")
        self.assertTrue(self.agent.ask("kernel.stop", grace_ms=10)["ok"])

    def test_a_shutdown_by_a_client(self):
        self.kernel()
        asked = self.agent.message(CONTROL, "shutdown_request", {"restart": False})
        self.agent.until(lambda: self.agent.events)
        self.assertEqual(self.agent.events, [{"event": "kernel_exit", "exit_code": 0, "signal": None}])
        self.assertEqual(len(self.of(asked, "shutdown_reply")) > 0, True)

    def test_stop_of_a_kernel_that_does_not_listen(self):
        self.kernel()
        msg_id = self.send("import signal, subprocess\nsignal.pthread_sigmask(signal.SIG_BLOCK, [2, 15])\n"
                           "subprocess.Popen(['sh', '-c', 'trap \"\" TERM INT; sleep 100'])\n"
                           "get_ipython().kernel.control_stream = None\nimport ctypes, time\n"
                           "time.sleep(0.3)\nctypes.PyDLL(None).sleep(100)  # with the interpreter's lock held")
        self.agent.until(lambda: self.of(msg_id, "execute_input"))
        time.sleep(0.6)
        began = time.monotonic()
        self.agent.ask("kernel.stop", grace_ms=500)
        self.assertLess(time.monotonic() - began, 4)
        self.assertEqual(self.agent.user_pids(), set())

    def test_a_kernel_that_ends_before_it_answers(self):
        with self.assertRaises(Refused) as caught:
            self.kernel(argv=["sh", "-c", "echo no such module >&2; exit 3"])
        self.assertIn("exit status 3", str(caught.exception))
        self.assertIn("no such module", str(caught.exception))
        with self.assertRaises(Refused) as caught:
            self.kernel(argv=["no-such-kernel"])
        self.assertIn("no-such-kernel", str(caught.exception))
        self.assertEqual(self.agent.events, [])
        self.assertEqual(os.listdir(self.agent.kernels), [])

    def test_a_kernel_that_does_not_answer(self):
        with self.assertRaises(Refused) as caught:
            self.kernel(argv=["sh", "-c", "echo thinking; sleep 100"], ready_ms=500)
        self.assertIn("500 ms", str(caught.exception))
        self.assertIn("thinking", str(caught.exception))
        self.assertEqual(self.agent.user_pids(), set())

    def test_stop_while_it_starts(self):
        number = self.agent.request("kernel.start", argv=ARGV, transport=self.transport, language="python")
        time.sleep(0.1)
        self.agent.ask("kernel.stop", grace_ms=1000)
        with self.assertRaises(Refused):
            self.agent.reply(number)
        self.assertEqual(self.agent.user_pids(), set())

    def test_100000_lines_in_a_cell(self):
        self.kernel()
        _, text = self.cell("for i in range(100000): print(i)")
        self.assertEqual(text, "".join(f"{i}\n" for i in range(100000)))

    def test_one_job_a_box(self):
        self.kernel()
        with self.assertRaises(Refused):
            self.agent.python("pass")
        with self.assertRaises(Refused):
            self.kernel()
        self.agent.ask("kernel.stop", grace_ms=2000)
        self.assertEqual(self.agent.python("pass").exit()["exit_code"], 0)

    def test_a_reconnect_in_the_middle_of_a_cell(self):
        self.kernel()
        msg_id = self.send("import time\nfor i in range(30): print(i, flush=True); time.sleep(0.03)")
        self.agent.until(lambda: self.of(msg_id, "stream"))
        for _ in range(3):
            self.agent.drop()
            time.sleep(0.1)
            self.agent.connect()
            time.sleep(0.05)
        self.done(msg_id)
        self.assertEqual("".join(m.content["text"] for m in self.of(msg_id, "stream")),
                         "".join(f"{i}\n" for i in range(30)))


class KernelsOnTcp(Kernels):
    transport = "tcp"

    def test_forged_messages_are_refused_and_told(self):
        self.kernel()
        # A forger that knows iopub's socket but not its key: the kernel's own session with another one.
        forging = self.send("s = get_ipython().kernel.session\nold = s.auth\nimport hmac, hashlib\n"
                            "s.auth = hmac.HMAC(b'wrong', digestmod=hashlib.sha256)\nprint('forged', flush=True)\n"
                            "import time; time.sleep(0.5)\ns.auth = old")
        event = self.agent.until(lambda: [e for e in self.agent.events if e["event"] == "bad_signature"])[0]
        self.assertEqual(event["channel"], "iopub")
        self.assertGreaterEqual(event["count"], 1)
        self.assertNotIn("forged", "".join(m.content["text"] for m in self.agent.messages if m.type == "stream"))
        self.done(forging)
        self.assertEqual(self.cell("print('goes on')")[1], "goes on\n")


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class KernelsAsUser(Kernels):
    uid = 1000

    def test_the_sockets_are_the_users_alone(self):
        self.kernel()
        self.assertEqual({os.stat(os.path.join(self.agent.kernels, n)).st_uid for n in os.listdir(self.agent.kernels)},
                         {1000})
        reply, text = self.cell("import os\nprint(os.getuid(), os.getgroups())\n"
                                "for l in open('/proc/self/status'):\n"
                                "    if l.startswith(('CapEff', 'NoNewPrivs', 'Seccomp:')): print(*l.split())")
        self.assertEqual(text, "1000 []\nCapEff: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n")

    def test_a_link_in_place_of_a_socket_is_not_followed(self):
        """A kernel of the user's own making that puts links where its sockets should be."""
        trap = os.path.join(self.agent.dir, "trap")
        code = ("import json, os, sys, time\nc = json.load(open(sys.argv[1]))\n"
                f"for p in ('shell', 'iopub', 'stdin', 'control', 'hb'): os.symlink({trap!r}, c['ip'] + '-%d' % c[p + '_port'])\n"
                "time.sleep(60)")
        listener = harness.socket.socket(harness.socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(trap)
        os.chmod(trap, 0o777)
        listener.listen(1)
        listener.settimeout(1.5)
        number = self.agent.request("kernel.start", argv=[sys.executable, "-c", code, "{connection_file}"], transport="ipc",
                                    ready_ms=1500)
        with self.assertRaises(harness.socket.timeout):
            listener.accept()
        with self.assertRaises(Refused):
            self.agent.reply(number)


if __name__ == "__main__":
    harness.main()
