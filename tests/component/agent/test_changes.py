"""What has become of the files in the work directory, and fetching them."""
import base64
import os
import tempfile
import unittest

import harness
from harness import Refused

if os.path.isdir("/dev/shm"):
    tempfile.tempdir = "/dev/shm"  # a tmpfs, as in a box


class Changes(harness.Case):
    def path(self, name):
        return os.path.join(self.agent.work, name)

    def program(self, code):
        run = self.agent.python(code)
        self.assertEqual(run.exit()["exit_code"], 0, run.text())

    def changed(self):
        doc = self.agent.ask("files.changed")
        return {c["path"]: c["size"] for c in doc["changed"]}, sorted(doc["deleted"]), doc

    def get(self, path):
        out, doc = b"", {"size": 1}
        while len(out) < doc["size"]:
            doc = self.agent.ask("files.get", path=path, offset=len(out))
            piece = base64.b64decode(doc["base64"])
            self.assertLessEqual(len(piece), 256 * 1024)
            if not piece:
                break
            out += piece
        return out

    def test_new_other_and_gone(self):
        for name in ("same", "other", "gone", "d/touched"):
            self.agent.put(name, "12345")
        self.agent.ask("files.mark")
        self.program("import os\nopen('other', 'w').write('54321')\nos.remove('gone')\nos.makedirs('new/deep')\n"
                     "open('new/deep/a', 'w').write('x' * 1000)\nopen('empty', 'w').close()\nos.chmod('d/touched', 0o755)")
        found, deleted, doc = self.changed()
        self.assertEqual(found, {"other": 5, "new/deep/a": 1000, "empty": 0, "d/touched": 5})
        self.assertEqual((deleted, doc["odd"], doc["more"]), (["gone"], [], False))
        self.assertEqual(self.get("other"), b"54321")
        self.assertEqual(self.changed()[1], [])

    def test_a_change_of_one_byte_at_once_after_the_mark_shows(self):
        for i in range(20):
            self.agent.put("f", "aaaa")
            mark = self.agent.request("files.mark")  # not waited for: the program starts right behind it
            run = self.agent.start("sh", "-c", "printf b | dd of=f conv=notrunc bs=1 status=none", wait=False)
            self.agent.reply(mark)
            self.assertEqual(run.exit()["exit_code"], 0)
            self.assertEqual(self.changed()[0], {"f": 4}, i)

    def test_what_was_told_is_told_once(self):
        self.agent.ask("files.mark")
        self.program("open('f', 'w').write('1'); import os; os.utime('f', (1, 1))")
        self.assertEqual(self.changed()[0], {"f": 1})
        self.assertEqual(self.changed()[0], {})
        os.remove(self.path("f"))
        self.assertEqual(self.changed()[1], ["f"])
        self.assertEqual(self.changed()[1], [])

    def test_a_file_keeps_the_time_it_came_with(self):
        self.agent.put("f", "x", mtime_ms=1500000000123)
        self.assertAlmostEqual(os.stat(self.path("f")).st_mtime, 1500000000.123, 3)
        self.agent.ask("files.mark")
        self.assertAlmostEqual(os.stat(self.path("f")).st_mtime, 1500000000.123, 3)

    def test_links_pipes_and_devices_are_told_and_never_opened(self):
        self.agent.ask("files.mark")
        self.program("import os, socket\nos.symlink('/etc/passwd', 'link')\nos.symlink('/etc', 'folder')\nos.mkfifo('pipe')\n"
                     "socket.socket(socket.AF_UNIX).bind('sock')\nopen('good', 'w').write('x')")
        found, _, doc = self.changed()
        self.assertEqual(found, {"good": 1})
        self.assertEqual(sorted(doc["odd"]), ["folder", "link", "pipe", "sock"])
        for path in ("link", "folder/passwd", "pipe", "sock", "../x", "/etc/passwd", "", "folder", "none"):
            with self.assertRaises(Refused, msg=path):
                self.agent.ask("files.get", path=path, offset=0)
        with self.assertRaises(Refused):
            self.agent.ask("files.get", path="good", offset=-1)
        self.assertTrue(self.agent.ask("ping")["ok"])

    def test_what_is_nobodys_work_is_left_out(self):
        self.agent.ask("files.mark")
        self.program("import os\nfor d in ('.cache', 'm/__pycache__', 'm/.git'):\n os.makedirs(d); open(d + '/f', 'w').close()\n"
                     "open('.hidden', 'w').close(); open('m/seen', 'w').close()\nopen(b'\\xff\\xfe', 'w').close(); open('a\\nb', 'w').close()")
        found, _, doc = self.changed()
        self.assertEqual(found, {"m/seen": 0})
        self.assertEqual(doc["odd_count"], 2)

    def test_more_files_than_are_looked_at_are_bounded(self):
        self.agent.put("mine", "x")
        self.agent.ask("files.mark")
        self.program("import os\nfor i in range(24):\n os.mkdir(f'd{i}')\n"
                     " for k in range(500): os.close(os.open(f'd{i}/{k}', os.O_CREAT | os.O_WRONLY))\nos.remove('mine')")
        for _ in range(2):
            found, deleted, doc = self.changed()
            self.assertEqual(len(found), 2000)
            self.assertTrue(doc["more"])
            self.assertEqual(deleted, [])  # not everything was seen

    def test_many_files_come_in_several_answers(self):
        self.agent.ask("files.mark")
        self.program("for i in range(4500): open(f'f{i}', 'w').write('1')")
        seen, more = set(), True
        while more:
            found, _, doc = self.changed()
            more = doc["more"]
            self.assertLessEqual(len(found), 2000)
            seen |= set(found)
        self.assertEqual(len(seen), 4500)

    def test_large_and_sparse_files_come_in_pieces(self):
        self.agent.ask("files.mark")
        self.program("import os\nopen('large', 'wb').write(bytes(range(256)) * 4000)\nos.truncate(os.open('sparse', os.O_CREAT | os.O_WRONLY), 1 << 40)")
        self.assertEqual(self.changed()[0], {"large": 1024000, "sparse": 1 << 40})
        self.assertEqual(self.get("large"), bytes(range(256)) * 4000)
        far = self.agent.ask("files.get", path="sparse", offset=(1 << 40) - 10)
        self.assertEqual(base64.b64decode(far["base64"]), bytes(10))
        self.assertEqual(self.agent.ask("files.get", path="sparse", offset=1 << 41)["base64"], "")
        stamp = self.agent.ask("files.get", path="large", offset=0)["stamp"]
        self.assertEqual(self.agent.ask("files.get", path="large", offset=5)["stamp"], stamp)
        self.program("open('large', 'ab').write(b'x')")
        self.assertNotEqual(self.agent.ask("files.get", path="large", offset=5)["stamp"], stamp)

    def test_a_very_deep_tree_is_bounded(self):
        self.agent.ask("files.mark")
        self.program("import os\nfor _ in range(100):\n os.mkdir('d'); open('f', 'w').close(); os.chdir('d')")
        found, _, doc = self.changed()
        self.assertEqual(len(found), 64)
        self.assertEqual(doc["odd_count"], 1)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class ChangesAsUser(Changes):
    uid = 1000

    def test_what_its_owner_has_closed_is_not_taken_for_deleted(self):
        self.agent.put("d/f", "x")
        self.agent.put("g", "x")
        self.agent.ask("files.mark")
        self.program("import os\nos.chmod('d', 0); os.chmod('g', 0)")
        found, deleted, doc = self.changed()
        self.assertEqual((found, deleted, doc["odd"]), ({"g": 1}, [], ["d"]))
        with self.assertRaises(Refused):
            self.agent.ask("files.get", path="g", offset=0)


if __name__ == "__main__":
    unittest.main()
