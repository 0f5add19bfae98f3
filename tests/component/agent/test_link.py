"""The link: reconnects, what is sent again, backpressure, gaps, and peers that lie."""
import json
import os
import struct
import subprocess
import time
import unittest

import harness
from harness import DATA, MSG, REPLY, REQ, WELCOME

FLOOD = "import os\nfor i in range({n}): os.write(1, b'%06d ' % i * 1000)"


class Link(harness.Case):
    def test_hello(self):
        agent = harness.Agent()
        self.addCleanup(agent.remove)
        hello = agent.accept()
        self.assertEqual((hello["box"], hello["first_seq"], hello["last_seq"]), ("0123456789abcdef", 1, 0))
        self.assertTrue(hello["version"])

    def test_a_dropped_connection_is_dialled_again(self):
        a = self.agent
        run = a.python("import time\nprint('one', flush=True)\ntime.sleep(0.6)\nprint('two')")
        a.until(lambda: run.text() == "one\n")
        a.drop()
        time.sleep(0.1)
        hello = a.connect()
        self.assertEqual(hello["last_seq"], a.last_seq)
        run.exit()
        self.assertEqual(run.text(), "one\ntwo\n")

    def test_what_was_sent_is_sent_again_when_asked_for(self):
        a = self.agent
        run = a.python("for i in range(1000): print(i)")
        run.exit()
        first = [(m.seq, m.type, m.content) for m in a.messages]
        for start in (1, 2, a.last_seq):
            a.drop()
            hello = a.accept()
            self.assertEqual((hello["first_seq"], hello["last_seq"]), (1, first[-1][0]))
            a.messages, a.last_seq = [], start - 1
            a.send(WELCOME, json.dumps({"epoch": 1, "from_seq": start}).encode())
            a.until(lambda: a.last_seq == first[-1][0])
            self.assertEqual([(m.seq, m.type, m.content) for m in a.messages], first[start - 1:])

    def test_what_the_ring_no_longer_has_is_told(self):
        a = self.agent
        a.python(FLOOD.format(n=2000)).exit()
        last = a.last_seq
        a.drop()
        hello = a.accept()
        self.assertGreater(hello["first_seq"], 1)
        a.messages, a.events, a.last_seq = [], [], 0
        a.send(WELCOME, json.dumps({"epoch": 2, "from_seq": 1}).encode())
        a.until(lambda: a.last_seq == last)
        self.assertEqual(a.events, [{"event": "gap", "messages": hello["first_seq"] - 1, "bytes": 0, "from_seq": 1,
                                     "to_seq": hello["first_seq"] - 1}])
        self.assertGreater(sum(len(json.dumps(m.content)) for m in a.messages), 3_500_000)

    def test_a_reply_waits_for_the_same_gateway_only(self):
        a = self.agent
        for epoch, kept in ((1, True), (2, False)):
            number = a.request("ping")
            other = a.request("stats")
            time.sleep(0.2)  # they are in our buffer, unread: as good as lost
            a.drop()
            hello = a.accept()
            a.epoch = epoch
            a.send(WELCOME, json.dumps({"epoch": epoch, "from_seq": hello["last_seq"] + 1}).encode())
            self.assertTrue(a.ask("ping")["ok"])
            self.assertNotIn(number, a.replies)
            self.assertNotIn(other, a.replies)
        a.drop()
        a.accept()  # replies made while nobody is welcome
        self.assertTrue(kept is False)

    def test_a_slow_gateway_holds_the_program_back(self):
        a = self.agent
        run = a.python("import os, sys\nfor i in range(20000): os.write(1, b'%06d ' % i * 150)\nsys.stderr.write('done')")
        time.sleep(1.5)  # nothing is read: it fills the link, its pipe, and waits
        with open(f"/proc/{a.pid}/status") as f:
            rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
        if os.environ.get("AGENT_SANITIZED", "0") == "0":
            self.assertLess(rss, 24_000)
        self.assertEqual(len(a.user_pids()), 1)
        run.exit()
        self.assertEqual(run.text("stdout"), "".join(f"{i:06d} " * 150 for i in range(20000)))
        self.assertEqual(a.events, [])

    def test_liars_are_hung_up_on(self):
        a = self.agent
        for junk in (b"\xff" * 64, struct.pack("<IBBBBQ", 1 << 30, REQ, 255, 0, 0, 0),
                     struct.pack("<IBBBBQ", 0, 99, 255, 0, 0, 0), struct.pack("<IBBBBQ", 2, REPLY, 255, 0, 0, 0) + b"{}",
                     struct.pack("<IBBBBQ", 2, REQ, 255, 0, 0, 0) + b"{}", struct.pack("<IBBBBQ", 3, REQ, 255, 0, 0, 0) + b"{{{",
                     struct.pack("<IBBBBQ", 0, MSG, 9, 0, 0, 0), struct.pack("<IBBBBQ", 2, WELCOME, 255, 0, 0, 0) + b"{}"):
            a.sock.sendall(junk)
            with self.assertRaises((EOFError, ConnectionResetError), msg=junk[:8]):
                while True:
                    a.step()
            a.connect()
        self.assertTrue(a.ask("ping")["ok"])

    def test_liars_in_place_of_a_welcome(self):
        a = self.agent
        a.drop()
        for kind, body in ((WELCOME, b"{}"), (WELCOME, b"null"), (REQ, b'{"id":1,"op":"ping"}'), (DATA, b"")):
            a.accept()
            a.send(kind, body)
            with self.assertRaises((EOFError, ConnectionResetError)):
                a.record()
        a.connect()
        self.assertTrue(a.ask("ping")["ok"])

    def test_data_for_nobody_is_passed_over(self):
        self.agent.send(DATA, b"x" * 100, flags=1, seq=777)
        self.assertTrue(self.agent.ask("ping")["ok"])

    def test_a_message_without_a_kernel_is_passed_over(self):
        self.agent.message(0, "execute_request", {"code": "1"})
        self.agent.send(MSG, b"no frame", channel=0)
        self.assertTrue(self.agent.ask("ping")["ok"])

    def test_an_upload_that_was_cut_off_is_undone(self):
        a = self.agent
        a.request("files.put", path="half", size=10)
        a.send(DATA, b"half", seq=a.next_id)
        self.assertTrue(a.ask("ping")["ok"])
        a.drop()
        a.connect()
        self.assertTrue(a.ask("ping")["ok"])
        self.assertEqual(os.listdir(a.work), [])

    def test_records_in_small_pieces(self):
        a = self.agent
        body = json.dumps({"id": 900, "op": "ping"}).encode()
        record = harness.HEAD.pack(len(body), REQ, 255, 0, 0, 0) + body
        for i in range(len(record)):
            a.sock.sendall(record[i:i + 1])
            time.sleep(0.001)
        self.assertTrue(a.reply(900)["ok"])

    def test_it_leaves_when_nobody_listens_any_more(self):
        run = self.agent.python("import time; time.sleep(60)")
        self.assertTrue(run)
        self.agent.drop()
        self.agent.listener.close()
        os.unlink(self.agent.dir + "/link")
        self.assertEqual(self.agent.process.wait(15), 0)
        self.assertEqual(harness.descendants(os.getpid()), set())

    def test_terminate(self):
        run = self.agent.python("import time\nprint('up', flush=True)\ntime.sleep(60)")
        self.agent.until(lambda: run.text())
        self.agent.process.terminate()
        self.assertEqual(self.agent.process.wait(15), 0)


class Options(unittest.TestCase):
    def test_bad_options(self):
        for args in ([], ["--link", "x"], ["--link", "/x", "--box", "b", "--work", "rel", "--kernel-dir", "/k"],
                     ["--link", "/x", "--box", "b", "--work", "/w", "--kernel-dir", "/k", "--uid", "5"],
                     ["--link", "/x", "--box", "b", "--work", "/w", "--kernel-dir", "/k", "--uid", "0", "--gid", "0"],
                     ["--nonsense"]):
            done = subprocess.run([os.environ["AGENT"], *args], capture_output=True, timeout=20)
            self.assertEqual(done.returncode, 2, args)
            self.assertIn(b"usage", done.stderr)
        done = subprocess.run([os.environ["AGENT"], "--help"], capture_output=True, timeout=20)
        self.assertEqual((done.returncode, done.stderr), (0, b""))


if __name__ == "__main__":
    harness.main()
