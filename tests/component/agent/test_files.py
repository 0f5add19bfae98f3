"""Files that come over the link."""
import os
import stat
import unittest

import harness
from harness import Refused


class Files(harness.Case):
    def path(self, name):
        return os.path.join(self.agent.work, name)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def refused(self, path, code=None, data=b"x"):
        with self.assertRaises(Refused, msg=path) as caught:
            self.agent.put(path, data)
        if code:
            self.assertEqual(caught.exception.reply["code"], code)

    def test_put(self):
        self.agent.put("a.txt", "one")
        self.agent.put("deep/er/b.bin", bytes(range(256)) * 1000, mode=0o755)
        self.agent.put("deep/empty", b"")
        self.assertEqual(self.read("a.txt"), b"one")
        self.assertEqual(self.read("deep/er/b.bin"), bytes(range(256)) * 1000)
        self.assertEqual(self.read("deep/empty"), b"")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("deep/er/b.bin")).st_mode), 0o755)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("a.txt")).st_mode), 0o644)
        for name in ("a.txt", "deep", "deep/er/b.bin"):
            self.assertEqual(os.stat(self.path(name)).st_uid, self.uid or os.geteuid())

    def test_an_older_file_is_replaced(self):
        self.agent.put("a", "a long text")
        self.agent.put("a", "short")
        self.assertEqual(self.read("a"), b"short")

    def test_names_that_lead_elsewhere_are_refused(self):
        for path in ("", "/etc/x", "../x", "a/../../x", "a/..", ".", "./a", "a//b", "a/", "/", "..", "a\nb", "a\x00b",
                     "x" * 256, "a/" + "x" * 256, "a/" * 100 + "b", "a" * 5000):
            self.refused(path, "EINVAL")
        self.assertEqual(os.listdir(self.agent.work), [])
        self.agent.put("x" * 255, "ok")
        self.agent.put("...", "ok")
        self.agent.put("日本", "ok")

    def test_links_are_refused(self):
        outside = os.path.join(self.agent.dir, "outside")
        os.mkdir(outside, 0o777)
        os.chmod(outside, 0o777)
        os.symlink(outside, self.path("dir"))
        os.symlink(outside + "/made", self.path("file"))
        os.symlink("/proc/self/root" + outside, self.path("magic"))
        self.refused("dir/x")
        self.refused("file")
        self.refused("magic/x")
        self.assertEqual(os.listdir(outside), [])

    def test_pipes_and_directories_are_refused(self):
        os.mkfifo(self.path("pipe"))
        os.mkdir(self.path("d"))
        self.refused("pipe")
        self.refused("d")
        self.assertTrue(self.agent.ask("ping")["ok"])

    def test_limits(self):
        with self.assertRaises(Refused) as caught:
            self.agent.ask("files.put", b"x", path="a", size=1 << 40)
        self.assertEqual(caught.exception.reply["code"], "EFBIG")
        for size in (1, 5):  # more came than was said; less came
            with self.assertRaises(Refused):
                self.agent.ask("files.put", b"xyz", path="a", size=size)
            self.assertFalse(os.path.exists(self.path("a")))
        with self.assertRaises(Refused):
            self.agent.ask("files.put", b"x", path="a", size=-1)

    def test_many_at_once(self):
        numbers = [self.agent.request("files.put", b"%d" % i, path=f"d/{i % 7}/{i}", size=len(str(i))) for i in range(500)]
        for n in numbers:
            self.agent.reply(n)
        self.assertEqual(sum(len(files) for _, _, files in os.walk(self.agent.work)), 500)

    def test_clear(self):
        for i in range(50):
            self.agent.put(f"d/{i % 5}/{i}", "x")
        os.symlink("/etc", self.path("link"))
        os.mkfifo(self.path("pipe"))
        os.mkdir(self.path("sealed"), 0o700)
        os.mkdir(self.path("sealed/in"))
        if self.uid:
            for name in ("sealed", "sealed/in"):
                os.chown(self.path(name), self.uid, self.uid)
        os.chmod(self.path("sealed/in"), 0)
        os.chmod(self.path("sealed"), 0)
        self.agent.ask("files.clear")
        self.assertEqual(os.listdir(self.agent.work), [])
        self.assertTrue(os.path.exists("/etc/passwd"))

    def test_clear_of_a_very_deep_tree(self):
        code = "import os\nfor _ in range(1000):\n os.mkdir('d'); open('f', 'w').close(); os.chdir('d')"
        self.assertEqual(self.agent.python(code).exit()["exit_code"], 0)
        self.agent.ask("files.clear")
        self.assertEqual(os.listdir(self.agent.work), [])

    def test_a_program_finds_its_files(self):
        self.agent.put("src/main.py", "import helper; print(helper.word)")
        self.agent.put("src/helper.py", "word = 'found'")
        run = self.agent.start("python3", "src/main.py")
        run.exit()
        self.assertEqual(run.text(), "found\n")


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class FilesAsUser(Files):
    uid = 1000


if __name__ == "__main__":
    harness.main()
