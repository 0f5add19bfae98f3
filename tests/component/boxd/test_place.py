"""Several boxds on one machine: pool/boxd/place keeps their groups and ids apart."""
import os
import pathlib
import subprocess
import tempfile
import unittest
from unittest import mock

import harness

PLACE = pathlib.Path(__file__).resolve().parents[3] / "pool/boxd/place"
IDS_OF_PLACE, LAST_ID = 1024 * 65536, 0xFFFFFFFF
MOST = ("--max-boxes", "16384")  # 16 places of 35


class PlaceTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kgw-place-")
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)

    def run_dir(self, name):
        path = self.top / name
        path.mkdir(exist_ok=True)
        return path

    def ask(self, run_dir, *options):
        return subprocess.run([PLACE, run_dir, *options], capture_output=True, text=True, check=False,
                              env={**os.environ, "KERNELGW_PLACES": str(self.top / "places")})

    def place(self, run_dir, *options):
        """{"--cgroup-parent": name, "--uid-base": number}"""
        asked = self.ask(run_dir, *options)
        self.assertEqual((asked.returncode, asked.stderr), (0, ""))
        words = asked.stdout.split()
        return {name: int(value) if value.isdigit() else value for name, value in zip(words[::2], words[1::2])}


class Places(PlaceTest):
    def test_each_run_directory_has_its_own_and_keeps_it(self):
        usual = {"--cgroup-parent": "kernelgw", "--uid-base": 0x70000000}
        first = self.place(self.run_dir("a"))
        self.assertEqual(self.place("/run/kernelgw"), usual)
        second = self.place(self.run_dir("b"))
        self.assertEqual(self.place(self.top / "x" / ".." / "a"), first)
        self.assertEqual(self.place("/run/kernelgw/"), usual)
        ids = sorted(p["--uid-base"] for p in (usual, first, second))
        self.assertTrue(all(b - a >= IDS_OF_PLACE for a, b in zip(ids, ids[1:])), ids)
        self.assertEqual(len({p["--cgroup-parent"] for p in (usual, first, second)}), 3)

    def test_more_boxes_take_more_room(self):
        for option in (("--max-boxes", "2500"), ("--max-boxes=2500",)):
            large = self.place(self.run_dir("large"), *option)["--uid-base"]
            after = self.place(self.run_dir("after"))["--uid-base"]
            self.assertGreaterEqual(after - large, 3 * IDS_OF_PLACE)
        grown = self.place(self.run_dir("after"), "--max-boxes", "1025")["--uid-base"]
        taken = range(large, large + 3 * IDS_OF_PLACE)
        self.assertFalse({grown, grown + 2 * IDS_OF_PLACE - 1} & set((taken[0], taken[-1])))
        self.assertTrue(grown + 2 * IDS_OF_PLACE <= taken[0] or grown > taken[-1])

    def test_what_the_operator_says_is_left_to_him(self):
        self.assertEqual(self.place(self.run_dir("a"), "--cgroup-parent", "x", "--uid-base", "100000"), {})
        self.assertEqual(list(self.place(self.run_dir("a"), "--uid-base=100000")), ["--cgroup-parent"])
        self.assertFalse((self.top / "places").exists(), "nothing is claimed")

    def test_room_ends_and_is_given_back(self):
        for i in range(2):
            self.assertLessEqual(self.place(self.run_dir(f"r{i}"), *MOST)["--uid-base"] + 16 * IDS_OF_PLACE, LAST_ID)
        asked = self.ask(self.run_dir("late"), *MOST)
        self.assertEqual((asked.returncode, asked.stdout), (1, ""))
        self.assertIn("no room is left", asked.stderr)
        freed = self.place(self.run_dir("r0"), *MOST)
        (self.top / "r0").rmdir()
        self.assertEqual(self.place(self.run_dir("late"), *MOST), {**freed, "--cgroup-parent": mock.ANY})

    def test_many_at_once_get_one_each(self):
        env = {**os.environ, "KERNELGW_PLACES": str(self.top / "places")}
        asked = [subprocess.Popen([PLACE, self.run_dir(f"r{i}")], stdout=subprocess.PIPE, text=True, env=env) for i in range(8)]
        self.assertEqual(len({p.communicate()[0].split()[-1] for p in asked}), 8)


class TwoBoxds(PlaceTest):
    def test_boxes_of_two_have_nothing_in_common(self):
        seen = []
        for name in ("a", "b"):
            place = self.place(self.run_dir(name))
            boxd = harness.Boxd(uid_base=place["--uid-base"])
            self.addCleanup(boxd.remove)
            boxd.name = place["--cgroup-parent"]
            client = boxd.start().client()
            box = harness.box_id()
            made, fds = client.reply(client.send("create", **harness.spec(box)))
            harness.Box(client, made, fds, box).close()
            groups = pathlib.Path(f"/proc/{made['pid']}/cgroup").read_text()
            self.assertIn(f"/{place['--cgroup-parent']}/", groups)
            seen.append(made["uid"])
        self.assertGreaterEqual(abs(seen[0] - seen[1]), IDS_OF_PLACE)


if __name__ == "__main__":
    harness.main()
