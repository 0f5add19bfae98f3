"""kill -9 of boxd at any moment, then a start: living boxes are taken up, of all others nothing is left."""
import os
import random
import signal
import time

import harness
from harness import Boxd, box_id, spec, wait_until


class Leaks(harness.unittest.TestCase):
    def setUp(self):
        self.boxd = Boxd()
        self.addCleanup(self.boxd.remove)

    def end(self):
        self.assertEqual(self.boxd.stop(), 0, self.boxd.log())
        left = self.boxd.left() + [str(g) for g in self.boxd.groups()]
        self.assertEqual(left, [])

    def test_nothing_is_left_after_kills_at_random_moments(self):
        seed = int(os.environ.get("SEED", time.time()))
        print("SEED", seed)
        random.seed(seed)
        made = 0
        for round_number in range(14):
            self.boxd.start()
            client = self.boxd.client()
            for box in client.list()[::2]:  # some of the boxes that lived through it
                client.send("destroy", box=box["box"])
            names = [box_id() for _ in range(8)]
            numbers = [client.send("create", **spec(n)) for n in names]
            made += len(names)
            if round_number % 3 == 2:  # in the middle of removing, too
                for number in numbers:
                    client.reply(number)
                for name in names:
                    client.send("destroy", box=name)
                time.sleep(random.uniform(0, 0.03))
            else:
                time.sleep(random.uniform(0, 0.5))
            self.boxd.kill()
        self.boxd.start()
        client = self.boxd.client()
        living = client.list()
        # Whoever is not on the list is being removed; all that is left belongs to those on it.
        known = {b["box"] for b in living}
        stray = lambda: [l for l in self.boxd.left() if not any(k in l for k in known) and not l.split(":")[0].isdigit()]
        self.assertTrue(wait_until(lambda: not stray() and client.call("ping")["boxes"] == len(known)), stray())
        self.assertEqual(set(self.boxd.processes()), {b["pid"] for b in living}, self.boxd.processes())
        print(f"{made} boxes begun, {len(living)} lived through 14 kills")
        for box in living:
            client.call("destroy", box=box["box"])
        self.assertEqual(self.boxd.left(), [])
        self.end()

    def test_what_is_made_for_a_peer_that_went_away_is_not_left(self):
        self.boxd.start()
        for pause in (0, 0, 0.01, 0.03, 0.06, 0.1):
            client, kept = self.boxd.client(), self.boxd.client()
            kept_box = box_id()
            number = kept.send("create", **spec(kept_box))
            names = [box_id() for _ in range(4)]
            for name in names:
                client.send("create", **spec(name))
            time.sleep(pause)
            client.close()
            fresh = self.boxd.client()
            # Either the next one finds it in the list, or it ends without anybody's doing.
            listed = {b["box"] for b in fresh.list()}
            _, fds = kept.reply(number)  # others are not touched
            os.close(fds[0])
            for name in (listed | {kept_box}):
                fresh.call("destroy", box=name)
            self.assertTrue(wait_until(lambda: not self.boxd.left()), self.boxd.left())
        self.end()

    def test_what_a_killed_gateway_asked_for_is_known_to_the_next_before_it_is_made(self):
        """Else the next one's first look may come too early, and what was made then is nobody's for a minute or two."""
        self.boxd.start()
        killed, after = self.boxd.client(), self.boxd.client()
        name = box_id()
        number = killed.send("create", **spec(name))
        self.assertTrue(wait_until(lambda: after.list()))
        self.assertEqual([(b["box"], b["pid"], b["owner"]) for b in after.list()], [(name, 0, harness.OWNER)])
        after.call("destroy", box=name)
        with self.assertRaises(harness.Refused) as caught:
            killed.reply(number)
        self.assertEqual(caught.exception.code, "ECANCELED")
        self.assertEqual((after.list(), self.boxd.left()), ([], []))
        self.end()

    def test_a_run_directory_without_execution_will_do(self):
        """As /run is on Debian. It is mounted for boxd alone: what it holds is seen through boxd's eyes."""
        plain = self.boxd.argv
        mount = 'mkdir -p "$0" && mount -t tmpfs -o noexec,nosuid,nodev,mode=755 tmpfs "$0" && exec "$@"'
        self.boxd.argv = lambda: ["unshare", "--mount", "--propagation", "slave", "sh", "-c", mount, str(self.boxd.run), *plain()]
        self.boxd.start()
        client = self.boxd.client()
        name = box_id()
        reply, fds = client.reply(client.send("create", **spec(name)))
        box = harness.Box(client, reply, fds, name).accept()
        self.assertEqual(box.user("ls /kgw"), "ls ok agent")
        box.close()
        images = self.boxd.top / "images"
        self.assertEqual(len(list(images.glob(".agent-*/agent"))), 1)
        client.call("destroy", box=name)
        self.end()
        self.assertEqual(os.listdir(images), ["tiny"])

    def test_a_living_box_is_taken_up_with_its_agent(self):
        self.boxd.start()
        client = self.boxd.client()
        name = box_id()
        reply, fds = client.reply(client.send("create", **spec(name)))
        box = harness.Box(client, reply, fds, name).accept()
        self.boxd.kill()
        self.assertEqual(box.do("thread"), "thread ok")  # the link does not go by way of boxd
        self.boxd.start()
        client = self.boxd.client()
        self.assertEqual([(b["box"], b["pid"], b["uid"]) for b in client.list()], [(name, box.pid, box.uid)])
        self.assertEqual(client.call("stats", box=name)["pids"], 1)
        client.call("limits", box=name, cpu=1)  # the others are remembered
        self.assertEqual(box.do("cat /run/kgw/limits"), 'cat ok {"memory_mb":64,"cpu_milli":1000,"pids":32}|')
        # The gateway comes back, too: a new socket in the old one's place, which the agent finds.
        reply, fds = client.reply(client.send("attach", box=name))
        box.close()
        again = harness.Box(client, reply, fds, name).accept()
        self.assertEqual(again.do("thread"), "thread ok")
        again.stream.sendall(b"exit 3\n")
        self.assertIsNone(client.event(name)["status"])  # another process's child: nobody can tell
        again.close()
        self.assertTrue(wait_until(lambda: not self.boxd.left()), self.boxd.left())
        self.end()

    def test_a_box_that_ended_while_boxd_was_away_is_removed(self):
        self.boxd.start()
        client = self.boxd.client()
        reply, fds = client.reply(client.send("create", **spec(box_id())))
        os.close(fds[0])
        self.boxd.kill()
        os.kill(reply["pid"], signal.SIGKILL)
        self.boxd.start()
        self.assertEqual(self.boxd.client().list(), [])
        self.assertTrue(wait_until(lambda: not self.boxd.left()), self.boxd.left())
        self.end()

    def test_living_boxes_outlive_a_stop(self):
        self.boxd.start()
        client = self.boxd.client()
        reply, fds = client.reply(client.send("create", **spec(box_id())))
        os.close(fds[0])
        client.send("create", **spec(box_id()))  # under way: is ended
        self.boxd.process.terminate()
        self.assertEqual(self.boxd.process.wait(20), 0)
        self.assertEqual(set(self.boxd.processes()), {reply["pid"]})
        self.boxd.start()
        self.assertEqual([b["pid"] for b in self.boxd.client().list()], [reply["pid"]])
        self.end()

    def test_two_boxds_do_not_touch_each_other(self):
        other = Boxd(uid_base=self.boxd.uid_base + harness.IDS)
        self.addCleanup(other.remove)
        clients = [b.start().client() for b in (self.boxd, other)]
        pids = []
        for client in clients:
            reply, fds = client.reply(client.send("create", **spec(box_id())))
            pids.append(reply["pid"])
            os.close(fds[0])
        self.boxd.kill()
        self.boxd.start()
        self.assertEqual([b["pid"] for b in self.boxd.client().list()], pids[:1])
        self.end()
        self.assertEqual([b["pid"] for b in clients[1].list()], pids[1:])
        self.assertEqual(other.stop(), 0)
        self.assertEqual(other.left() + other.groups(), [])


if __name__ == "__main__":
    harness.main()
