"""Memory, processes, files and CPU of a box end where its limits are, and nobody else notices."""
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
