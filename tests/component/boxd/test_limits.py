"""Memory, processes, files and CPU of a box end where its limits are, and nobody else notices."""
import json
import os
import time

import harness


class Limits(harness.BoxdTest):
    def test_memory_above_the_limit_kills_and_is_counted(self):
        box, other = self.box(memory_mb=64), self.box()
        self.assertEqual(box.user("eat 32"), "eat ok")
        self.assertEqual(box.user("eat 128"), "died 9")
        stats = self.client.call("stats", box=box.id)
        self.assertGreaterEqual(stats["oom_kills"], 1)
        self.assertLessEqual(stats["memory_peak_bytes"], 64 << 20)
        self.assertEqual(self.client.call("stats", box=other.id)["oom_kills"], 0)
        self.assertEqual(other.user("eat 16"), "eat ok")

    def test_processes_end_at_the_limit(self):
        box = self.box(pids=16)
        word, error, made = box.user("fork 100").split()
        self.assertEqual((word, error), ("fork", "EAGAIN"))
        self.assertLess(int(made), 16)
        self.assertTrue(harness.wait_until(lambda: self.client.call("stats", box=box.id)["pids"] == 1))

    def test_tmpfs_ends_at_its_size_and_all_together_at_tmp_mb(self):
        box = self.box(tmp_mb=16, memory_mb=64)
        total = 0
        for directory in ("/work", "/tmp", "/dev/shm", "/run/kernel"):
            word, error, mib = box.user(f"fill {directory}/f 32").split()
            self.assertEqual((word, error), ("fill", "ENOSPC"), directory)
            total += int(mib)
        self.assertLessEqual(total, 16)
        self.assertGreaterEqual(total, 12)

    def test_tmpfs_ends_at_its_inodes(self):
        box = self.box(tmp_inodes=512)
        total = 0
        for directory in ("/work", "/tmp", "/dev/shm", "/run/kernel"):
            word, error, made = box.user(f"inodes {directory} 1000").split()
            self.assertEqual((word, error), ("inodes", "ENOSPC"), directory)
            total += int(made)
        self.assertLessEqual(total, 512)

    def test_limits_of_a_living_box_can_be_moved_both_ways(self):
        box = self.box(memory_mb=64)
        for memory_mb in (128, 32, 96):
            self.client.call("limits", box=box.id, memory_mb=memory_mb)
            self.assertEqual(box.user(f"eat {memory_mb - 12}"), "eat ok", memory_mb)
            self.assertEqual(box.user(f"eat {memory_mb + 8}"), "died 9", memory_mb)
        self.client.call("limits", box=box.id, cpu=0.1)
        quota = [g / "cpu.cfs_quota_us" for g in self.boxd.groups() if g.name == box.id and (g / "cpu.cfs_quota_us").exists()]
        maximum = [g / "cpu.max" for g in self.boxd.groups() if g.name == box.id and (g / "cpu.max").exists()]
        self.assertEqual((quota + maximum)[0].read_text().split()[0], "10000")

    def test_a_box_of_little_weight_gives_way_until_it_is_given_the_usual(self):
        name = lambda box: next(p for g in self.boxd.groups() if g.name == box.id
                                for p in (g / "cpu.shares", g / "cpu.weight") if p.exists())
        usual, humble = self.box(), self.box(weight=10)
        full, less = (int(name(box).read_text()) for box in (usual, humble))
        self.assertAlmostEqual(full / less, 10, delta=0.1)
        self.client.call("limits", box=humble.id, weight=100)
        self.assertEqual(int(name(humble).read_text()), full)
        for wrong in (0, 10001, "10", 1.5):
            self.assertEqual(self.refused("limits", box=humble.id, weight=wrong).code, "EINVAL", wrong)

    def test_limits_in_force_can_be_read_inside(self):
        box = self.box(memory_mb=64, pids=32)
        told = lambda who: json.loads(who("cat /run/kgw/limits").removeprefix("cat ok ").rstrip("|"))
        self.assertEqual(told(box.user), {"memory_mb": 64, "cpu_milli": 500, "pids": 32})
        self.client.call("limits", box=box.id, memory_mb=96, cpu=2, pids=48)
        self.assertEqual(told(box.do), {"memory_mb": 96, "cpu_milli": 2000, "pids": 48})
        word, error, made = box.user("fork 100").split()
        self.assertEqual((word, error), ("fork", "EAGAIN"))
        self.assertGreater(int(made), 32)
        for who in (box.user, box.do):
            self.assertIn(who("write /run/kgw/limits"), ("write EROFS", "write EACCES"))

    def test_kills_for_want_of_memory_can_be_counted_inside(self):
        box = self.box(memory_mb=32)
        kills = lambda: int(dict(l.split() for l in box.do("cat /run/kgw/memory").removeprefix("cat ok ").split("|")[:-1])
                            ["oom_kill"])
        self.assertEqual(kills(), 0)
        self.assertEqual(box.user("eat 64"), "died 9")
        self.assertEqual(kills(), self.client.call("stats", box=box.id)["oom_kills"])
        self.assertGreater(kills(), 0)
        for who in (box.user, box.do):
            self.assertIn(who("write /run/kgw/memory"), ("write EROFS", "write EACCES"))

    def test_memory_in_use_is_not_taken_away(self):
        box = self.box(memory_mb=96, tmp_mb=64)
        self.assertEqual(box.user("keep /work/f 24"), "keep ok 24")
        self.assertEqual(self.refused("limits", box=box.id, memory_mb=16, cpu=1).code, "EBUSY")
        # What could be set is, and nothing was killed for the rest.
        self.assertIn('"memory_mb":96,"cpu_milli":1000', box.do("cat /run/kgw/limits"))
        self.assertEqual(self.client.call("stats", box=box.id)["oom_kills"], 0)
        self.client.call("limits", box=box.id, memory_mb=64)
        self.assertEqual(box.user("eat 16"), "eat ok")

    def test_stats_count_cpu_and_memory(self):
        box = self.box()
        before = self.client.call("stats", box=box.id)
        self.assertEqual(box.user("eat 24"), "eat ok")
        after = self.client.call("stats", box=box.id)
        self.assertGreater(after["memory_peak_bytes"], 24 << 20)
        self.assertGreaterEqual(after["cpu_ms"], before["cpu_ms"])

    def test_the_end_of_pid_1_is_told_once_with_its_status(self):
        box = self.box()
        box.stream.sendall(b"exit 7\n")
        event = self.client.event(box.id)
        self.assertEqual((event["status"], event["oom_kills"]), (7, 0))
        self.assertTrue(harness.wait_until(lambda: not any(box.id in l for l in self.boxd.left())), self.boxd.left())
        second = self.box()
        os.kill(second.pid, 9)
        self.assertEqual(self.client.event(second.id)["status"], 137)
        time.sleep(0.1)
        self.client.call("ping")
        self.assertEqual([e["box"] for e in self.client.events].count(box.id), 1)


if __name__ == "__main__":
    harness.main()
