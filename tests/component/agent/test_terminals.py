"""Programs with a terminal: line mode, ^C and ^D as keys, size, signals, ends, and what a hostile one tries."""
import os
import time
import unittest

import harness
from harness import Refused

USER = 1000 if os.geteuid() == 0 else None
SIZE = {"rows": 30, "cols": 100}
TELL = ("import os, sys, signal, time\n"
        "def say(*words): print(*words, flush=True)\n")


class Terminals(harness.Case):
    def program(self, code, tty=None, **fields):
        return self.agent.python(TELL + code, tty=tty or SIZE, **fields)

    def type(self, run, text, eof=False):
        self.agent.ask("run.stdin", text.encode(), run_id=run.id, eof=eof)

    def shows(self, run, text, seconds=30):
        self.agent.until(lambda: text in run.text(), seconds)

    def soon(self, test, seconds=20):
        end = time.monotonic() + seconds
        while not test():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)

    def sleepers(self):
        return sum(harness.cmdline_of(p).startswith("sleep") for p in self.agent.user_pids())

    def test_it_is_the_controlling_terminal_of_a_session_of_its_own(self):
        run = self.program(
            "say([os.isatty(fd) for fd in (0, 1, 2)], os.ttyname(0) == os.ttyname(2), os.getsid(0) == os.getpid(),\n"
            "    os.tcgetpgrp(0) == os.getpgrp(), os.get_terminal_size())\n"
            "open('/dev/tty', 'w').write('by its name\\n')\n"
            "open(os.ttyname(1), 'w').write('by its path\\n')")
        self.assertEqual(run.exit()["exit_code"], 0, run.text())
        self.assertEqual(run.text().split("\r\n"), [
            "[True, True, True] True True True os.terminal_size(columns=100, lines=30)", "by its name", "by its path", ""])

    def test_output_is_one_stream_in_order_and_whole(self):
        run = self.program("for i in range(3000):\n os.write(1 + i % 2, b'%d\\n' % i)")
        end = run.exit()
        self.assertEqual(run.text("stdout"), "".join(f"{i}\r\n" for i in range(3000)))
        self.assertEqual(run.text("stderr"), "")
        self.assertEqual((end["stdout_bytes"], end["stderr_bytes"]), (len(run.text()), 0))

    def test_the_last_words_of_a_flood_arrive(self):
        for _ in range(5):
            run = self.program("os.write(1, b'x' * 200000); os.write(1, b'the end')")
            run.exit()
            self.assertEqual(len(run.text()), 200007)
            self.assertTrue(run.text().endswith("the end"))

    def test_lines_are_edited_and_echoed(self):
        run = self.program("say(repr(input('name? ')))")
        self.shows(run, "name? ")
        self.type(run, "wör\x7f\x7frld\r")
        run.exit()
        self.assertIn("'wrld'", run.text())
        self.assertIn("name? wör", run.text())

    def test_control_d_is_an_end_that_ends_nothing(self):
        run = self.program("say(repr(sys.stdin.read()))\nsys.stdin = open('/dev/tty')\nsay(repr(sys.stdin.readline()))")
        self.type(run, "half a line", eof=True)
        self.shows(run, "'half a line'")
        self.type(run, "more\n")
        run.exit()
        self.assertIn("'more\\n'", run.text())

    def test_control_c_is_a_signal_of_the_line(self):
        run = self.program("try:\n say('ready')\n time.sleep(60)\nexcept KeyboardInterrupt:\n say('caught')\n sys.exit(7)")
        self.shows(run, "ready")
        self.type(run, "\x03")
        self.assertEqual(run.exit()["exit_code"], 7)
        self.assertIn("^Ccaught", run.text())

    def test_a_program_may_take_keys_raw(self):
        run = self.program("import tty\ntty.setraw(0)\nos.write(1, b'raw')\nos.write(1, repr(os.read(0, 9)).encode())")
        self.shows(run, "raw")
        self.type(run, "\x03")
        self.assertEqual(run.exit()["exit_code"], 0)
        self.assertIn("b'\\x03'", run.text())

    def test_signals_go_to_who_is_in_front(self):
        """A job of a shell is interrupted, and not the shell."""
        run = self.agent.start("bash", "--norc", "-i", tty=SIZE, env={"PS1": "prompt> "})
        self.shows(run, "prompt> ")
        self.type(run, "sleep 50; echo status $?\r")
        self.soon(lambda: self.sleepers() == 1)
        self.agent.ask("run.signal", run_id=run.id, signal="INT", reason=None)
        time.sleep(0.2)
        self.type(run, "echo still $((40 + 2))\r")
        self.shows(run, "still 42")
        self.type(run, "exit 5\r")
        self.assertEqual(run.exit()["exit_code"], 5)

    def test_term_and_kill(self):
        run = self.program("say('ready')\ntime.sleep(60)")
        self.shows(run, "ready")
        self.agent.ask("run.signal", run_id=run.id, signal="TERM", reason="stopped")
        self.assertEqual((run.exit()["reason"], run.exit()["signal"]), ("stopped", 15))
        run = self.agent.start("bash", "--norc", "-i", tty=SIZE, env={"PS1": "prompt> "})
        self.shows(run, "prompt> ")
        self.agent.ask("run.signal", run_id=run.id, signal="KILL", reason="stopped")
        self.assertEqual((run.exit()["reason"], run.exit()["signal"]), ("stopped", 9))

    def test_size(self):
        run = self.program("signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})\nsay('ready')\n"
                           "signal.sigwait({signal.SIGWINCH})\nsay(os.get_terminal_size())\ntime.sleep(60)")
        self.shows(run, "ready")
        self.agent.ask("run.resize", run_id=run.id, rows=50, cols=200)
        self.shows(run, "columns=200, lines=50")
        for rows, cols, code in ((0, 80, "EINVAL"), (24, 1001, "EINVAL"), ("24", 80, "EINVAL")):
            with self.assertRaises(Refused) as caught:
                self.agent.ask("run.resize", run_id=run.id, rows=rows, cols=cols)
            self.assertEqual(caught.exception.reply["code"], code)
        self.agent.ask("run.signal", run_id=run.id, signal="KILL", reason=None)
        run.exit()
        with self.assertRaises(Refused) as caught:
            self.agent.ask("run.resize", run_id=run.id, rows=24, cols=80)
        self.assertEqual(caught.exception.reply["code"], "ESRCH")
        plain = self.agent.python("input()", stdin=True)
        with self.assertRaises(Refused) as caught:
            self.agent.ask("run.resize", run_id=plain.id, rows=24, cols=80)
        self.assertEqual(caught.exception.reply["code"], "ENOTTY")
        self.agent.ask("run.stdin", b"\n", run_id=plain.id, eof=True)
        plain.exit()
        for tty in ({"rows": 0, "cols": 80}, {"rows": 24}, {"rows": 1, "cols": 1 << 40}):
            with self.assertRaises(Refused):
                self.program("pass", tty=tty)

    def test_only_the_last_phase_has_it(self):
        phases = [{"name": name, "argv": ["python3", "-c", "import os; print(os.isatty(0), os.isatty(1))"], "wall_ms": 0}
                  for name in ("compile", "run")]
        run = self.agent.start(phases=phases, tty=SIZE)
        run.exit()
        self.assertEqual(run.text(), "False False\nTrue True\r\n")

    def test_limits_end_it(self):
        run = self.program("time.sleep(60)", wall_ms=300)
        self.assertEqual(run.exit()["reason"], "timeout")
        run = self.program("while True: os.write(1, b'y' * 4096)", output_bytes=100000)
        self.assertEqual((run.exit()["reason"], run.exit()["stdout_bytes"]), ("output_limit", 100000))

    def test_nothing_that_was_started_in_it_is_left(self):
        run = self.agent.start("bash", "--norc", "-i", tty=SIZE, env={"PS1": "prompt> "})
        self.shows(run, "prompt> ")
        self.type(run, "sleep 1000 & setsid sleep 1001 & nohup sleep 1002 &\r")
        self.soon(lambda: self.sleepers() == 3)
        self.type(run, "exit\r")
        run.exit()
        self.assertEqual(self.sleepers(), 0)

    def test_a_program_that_closes_its_descriptors_keeps_it(self):
        run = self.program("say('one')\nfor fd in (0, 1, 2): os.close(fd)\ntime.sleep(0.3)\n"
                           "os.write(os.open('/dev/tty', os.O_RDWR), b'two')")
        self.assertEqual(run.exit()["exit_code"], 0)
        self.assertEqual(run.text(), "one\r\ntwo")

    def test_held_back_while_the_link_takes_nothing(self):
        run = self.program("for i in range(200000): print(i)", wall_ms=60000)
        time.sleep(0.5)
        run.exit(60)
        self.assertEqual(run.text(), "".join(f"{i}\r\n" for i in range(200000)))

    def test_no_descriptor_leaks(self):
        def agents():
            return len(os.listdir(f"/proc/{self.agent.pid}/fd"))
        run = self.program("say(sorted(os.listdir('/proc/self/fd')), {os.readlink(f'/proc/self/fd/{i}') for i in range(3)}\n"
                           "    == {os.ttyname(0)})")
        run.exit()
        # the fourth is the listing itself
        self.assertEqual(run.text(), "['0', '1', '2', '3'] True\r\n")
        before = agents()
        for _ in range(20):
            self.program("pass").exit()
        with self.assertRaises(Refused):
            self.agent.start("no-such-program", tty=SIZE)
        self.soon(lambda: agents() <= before)


@unittest.skipUnless(USER, "needs root")
class AsUser(Terminals):
    uid = USER

    def test_it_belongs_to_the_user_alone(self):
        run = self.program("s = os.fstat(0)\nsay(s.st_uid == os.getuid(), s.st_mode & 0o007)")
        run.exit()
        self.assertEqual(run.text(), "True 0\r\n")

    def test_what_no_program_may_ask_a_terminal_for(self):
        run = self.program(
            "import fcntl, termios, struct\n"
            "def ask(name, number, arg=0):\n"
            " try: fcntl.ioctl(0, number, arg); say(name, 'ok')\n"
            " except OSError as e: say(name, e.strerror)\n"
            "ask('TIOCSTI', termios.TIOCSTI, b'x')\n"
            "ask('TIOCSTI and more', termios.TIOCSTI | 1 << 32, b'x')\n"
            "ask('TIOCLINUX', 0x541c, b'\\2')\n"
            "ask('TIOCCONS', 0x541d)\n"
            "for line in (0, 3, 13, 21): ask('TIOCSETD', 0x5423, struct.pack('i', line))\n"
            "master = os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY)\n"
            "fcntl.ioctl(master, 0x40045431, struct.pack('i', 0))\n"
            "try: fcntl.ioctl(master, termios.TIOCSTI, b'x'); say('ok')\n"
            "except OSError as e: say('own', e.strerror)\n")
        self.assertEqual(run.exit()["exit_code"], 0, run.text())
        refused = [line for line in run.text().split("\r\n") if line]
        self.assertEqual(len(refused), 9, refused)
        for line in refused:
            self.assertTrue(line.endswith("Operation not permitted"), refused)

    def test_the_agents_side_is_out_of_reach(self):
        run = self.program("import glob\nfound = []\n"
                           "for path in glob.glob('/proc/[0-9]*/fd/*'):\n"
                           " try:\n  if 'ptmx' in os.readlink(path): found.append(path)\n except OSError: pass\n"
                           "say('found', found)")
        run.exit()
        self.assertEqual(run.text(), "found []\r\n")


if __name__ == "__main__":
    harness.main()
