"""The socket: what is answered, in which words, and who may ask."""
import json
import os
import socket
import subprocess
import sys

import harness
from harness import BOXD, PROBE, OWNER, box_id, spec


class Requests(harness.BoxdTest):
    def test_a_box_is_made_listed_attached_and_destroyed(self):
        name = box_id()
        made, fds = self.client.reply(self.client.send("create", **spec(name)))
        box = harness.Box(self.client, made, fds, name).accept()
        listed = [b for b in self.client.list() if b["box"] == name]
        self.assertEqual(len(listed), 1)
        self.assertLess(listed[0].pop("age_ms"), 60000)
        self.assertEqual(listed[0], {"box": name, "image": "tiny", "pid": made["pid"], "uid": made["uid"], "owner": OWNER, "owner_here": False})
        self.client.call("ping", owner=OWNER)
        self.assertTrue(self.client.call("list", after=None)["boxes"][0]["owner_here"])
        attached, fds = self.client.reply(self.client.send("attach", box=name))
        self.assertEqual((attached["pid"], len(fds)), (made["pid"], 1))
        again = harness.Box(self.client, attached, fds, name)
        box.close()
        self.assertEqual(again.do("cat /etc/hosts"), "cat ok 127.0.0.1 localhost box|::1 localhost ip6-localhost|")  # the agent dials again
        again.close()
        self.client.call("destroy", box=name)
        self.assertEqual(self.boxd.left(), [])
        self.client.call("destroy", box=name)
        for op in ("attach", "stats"):
            self.assertEqual(self.refused(op, box=name).code, "ENOENT")

    def test_what_does_not_exist_is_named(self):
        error = self.refused("create", **spec(box_id(), image="nothing"))
        self.assertEqual(error.code, "ENOENT")
        self.assertIn("tiny", error.text)
        (self.boxd.top / "images/bare/rootfs").mkdir(parents=True)
        error = self.refused("create", **spec(box_id(), image="bare"))
        self.assertIn("image bare has no directory /kgw", error.text)
        for point in harness.MOUNT_POINTS:
            (self.boxd.top / "images/bare/rootfs" / point).mkdir(parents=True)
        error = self.refused("create", **spec(box_id(), image="bare"))
        self.assertIn("/tmp must have mode 1777", error.text)

    def test_an_id_is_used_once(self):
        box = self.box()
        self.assertEqual(self.refused("create", **spec(box.id)).code, "EEXIST")
        self.assertEqual(box.do("thread"), "thread ok")

    def test_a_destroyed_create_is_cancelled_and_leaves_nothing(self):
        names = [box_id() for _ in range(6)]
        creates = [self.client.send("create", **spec(n)) for n in names]
        destroys = [self.client.send("destroy", box=n) for n in names]
        for number in creates:
            with self.assertRaises(harness.Refused) as caught:
                self.client.reply(number)
            self.assertEqual(caught.exception.code, "ECANCELED")
        for number in destroys:
            self.client.reply(number)
        self.assertEqual(self.boxd.left(), [])

    def test_bad_packets_are_answered_and_do_no_harm(self):
        for packet in (b"", b"{", b"[]", b"\xff\xfe", b'{"id":1}', b'{"id":1,"op":"ping","more":1}', b'"' * 60000, b"x" * 70000):
            c = self.boxd.client()
            if packet:
                c.socket.send(packet)
                self.assertFalse(json.loads(c.socket.recv(65536))["ok"], packet[:20])
                self.assertTrue(c.call("ping")["ok"])
            c.close()

    def test_a_peer_that_reads_nothing_is_closed_and_others_go_on(self):
        deaf = self.boxd.client()
        deaf.socket.settimeout(0.2)
        try:
            for i in range(200000):
                deaf.send("list", after="z" * 3000)
        except OSError:
            pass
        self.assertTrue(self.client.call("ping")["ok"])
        deaf.close()
        self.assertTrue(self.client.call("ping")["ok"])

    def test_another_user_is_refused(self):
        code = ("import os,socket,sys\nos.setgid(65534);os.setuid(65534)\ns=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET)\n"
                "try:\n s.connect(sys.argv[1]);s.send(b'{\"id\":1,\"op\":\"ping\"}');print(len(s.recv(100)))\n"
                "except OSError:\n print(0)")
        ask = lambda: subprocess.run([sys.executable, "-c", code, self.boxd.socket], capture_output=True, text=True).stdout
        self.assertEqual(ask(), "0\n")
        os.chmod(self.boxd.socket, 0o666)  # even where the file's mode would let them in
        self.assertEqual(ask(), "0\n")
        os.chmod(self.boxd.socket, 0o600)

    def test_a_second_boxd_in_the_same_place_is_refused(self):
        argv = self.boxd.argv()
        second = subprocess.run(argv, capture_output=True, text=True, timeout=30)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another kernelgw-boxd uses", second.stderr)
        argv[argv.index("--run-dir") + 1] += "2"
        second = subprocess.run(argv, capture_output=True, text=True, timeout=30)
        self.assertEqual(second.returncode, 1)
        self.assertIn("cgroup parent", second.stderr)
        self.assertTrue(self.client.call("ping")["ok"])


class Options(harness.unittest.TestCase):
    def test_bad_options_are_named_and_exit_with_2(self):
        good = ["--socket", "/tmp/x/s", "--run-dir", "/tmp/x/r", "--images", "/tmp", "--agent", PROBE, "--gateway-uid", "0"]
        for argv, word in ((good[2:], "--socket is missing"), (good + ["--max-boxes", "0"], "--max-boxes"),
                           (good + ["--nonsense"], "--nonsense"), (good + ["--gateway-uid", "-1"], "--gateway-uid"),
                           (good + ["--cgroup-parent", "../x"], "--cgroup-parent"), (good + ["--run-dir", "r"], "absolute"),
                           (good + ["--runtime", "no-such-runtime"], "no-such-runtime"), (good + ["--socket"], "needs a value"),
                           (good + ["--uid-base", "4294900000", "--max-boxes", "100"], "leaves no room")):
            with self.subTest(word):
                done = subprocess.run([BOXD, *argv], capture_output=True, text=True, timeout=20)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(word, done.stderr)


if __name__ == "__main__":
    harness.main()
