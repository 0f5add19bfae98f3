"""What programs show that is no text: order with text, limits, nonsense, descriptors."""
import json
import os
import unittest

import harness

USER = 1000 if os.geteuid() == 0 else None
SHOW = ("import json, os, socket\n"
        "def say(text): os.write(1, text.encode())\n"
        "def raw(line):\n"
        " while line: line = line[os.write(3, line):]\n"
        " return os.read(3, 1)\n"
        "def show(**record): return raw(json.dumps(record).encode() + b'\\n')\n")


class Displays(harness.Case):
    def program(self, code, **fields):
        return self.agent.python(SHOW + code, display=True, **fields)

    def shown(self, run):
        return [m for m in run.messages() if m.type.endswith("display_data")]

    def test_a_display_is_a_message(self):
        run = self.program("show(data={'image/png': 'AAAA', 'text/plain': 'ü'}, metadata={'a': 1}, display_id='x')\n"
                           "show(data={'text/html': '<b>'}, display_id='x', update=True)")
        self.assertEqual(run.exit()["exit_code"], 0)
        first, second = self.shown(run)
        self.assertEqual((first.channel, first.type, first.kind), ("iopub", "display_data", 6))
        self.assertEqual(first.content, {"data": {"image/png": "AAAA", "text/plain": "ü"}, "metadata": {"a": 1},
                                         "transient": {"display_id": "x"}})
        self.assertEqual((second.type, second.content["metadata"]), ("update_display_data", {}))

    def test_it_stands_where_it_was_shown(self):
        run = self.program("for i in range(200):\n say(f'before {i}\\n')\n show(data={'n': i})\n os.write(2, b'after\\n')")
        run.exit()
        seen, text = [], ""
        for m in run.messages():
            if m.type == "stream":
                text += m.content["text"]
            elif m.type == "display_data":
                seen.append((m.content["data"]["n"], text))
                text = ""
        self.assertEqual([n for n, _ in seen], list(range(200)))
        for n, before in seen:
            self.assertEqual(before, ("after\n" if n else "") + f"before {n}\n")

    def test_large_ones_and_many(self):
        run = self.program("for i in range(20): show(data={'x': 'y' * 1000000})")
        run.exit()
        self.assertEqual([len(m.content["data"]["x"]) for m in self.shown(run)], [1000000] * 20)

    def test_the_last_one_is_not_lost(self):
        run = self.program("os.write(3, json.dumps({'data': {'x': 1}}).encode() + b'\\n'); os._exit(0)")
        run.exit()
        self.assertEqual(len(self.shown(run)), 1)

    def test_nonsense_is_told_and_harms_nothing(self):
        lines = ["no json", "[]", "{}", '{"data": {}}', '{"data": 1}', '{"data": {"a": 1}, "metadata": 3}', '{"data": {"a": 1}, "update": true}',
                 '{"data": {"a": 1}, "display_id": 7}', "", '{"data": {"a": 1}, "data": {"a": 2}}', "\\xff"]
        run = self.program(f"for line in {lines!r}: print(raw(line.encode('latin-1') + b'\\n'))\nshow(data={{'x': 1}})")
        self.assertEqual(run.exit()["exit_code"], 0)
        self.assertEqual(run.text("stderr").count("[kernelgw: not shown: "), len(lines))
        self.assertEqual(run.text("stdout"), "b'\\n'\n" * len(lines))
        self.assertEqual(len(self.shown(run)), 1)

    def test_one_without_end_is_cut_off(self):
        run = self.program("try:\n while True: os.write(3, b'x' * 65536)\nexcept OSError as e: print(e.strerror)")
        run.exit()
        self.assertIn("8 MiB", run.text("stderr"))
        self.assertIn(run.text("stdout"), ("Broken pipe\n", "Connection reset by peer\n"))

    def test_answers_that_nobody_reads(self):
        run = self.program("os.set_blocking(3, True)\nfor i in range(30000): os.write(3, b'{\"data\": {\"x\": 1}}\\n')")
        self.assertEqual(run.exit(60)["exit_code"], 0)
        self.assertEqual(len(self.shown(run)), 30000)

    def test_they_count_as_output(self):
        run = self.program("while True: show(data={'x': 'y' * 100000})", output_bytes=1000000)
        end = run.exit()
        self.assertEqual(end["reason"], "output_limit")
        self.assertTrue(1 <= len(self.shown(run)) <= 9)

    def test_only_where_it_was_asked_for_and_in_the_last_phase(self):
        code = "import os; print(sorted(os.listdir('/proc/self/fd')))"
        run = self.agent.python(code)
        run.exit()
        self.assertEqual(run.text(), "['0', '1', '2', '3']\n")  # the last is the listing itself
        phases = [{"name": name, "argv": ["python3", "-c", code], "wall_ms": 0} for name in ("compile", "run")]
        run = self.agent.start(phases=phases, display=True)
        run.exit()
        self.assertEqual(run.text(), "['0', '1', '2', '3']\n['0', '1', '2', '3', '4']\n")

    def test_with_a_terminal(self):
        run = self.program("say('a'); show(data={'x': 1}); say('b')", tty={"rows": 24, "cols": 80})
        run.exit()
        self.assertEqual([m.content.get("text", "*") for m in run.messages() if m.type != "status"][:3], ["a", "*", "b"])

    def test_no_descriptor_is_left(self):
        before = len(os.listdir(f"/proc/{self.agent.pid}/fd"))
        for _ in range(10):
            self.program("show(data={'x': 1})").exit()
        self.assertLessEqual(len(os.listdir(f"/proc/{self.agent.pid}/fd")), before + 1)


@unittest.skipUnless(USER, "needs root")
class AsUser(Displays):
    uid = USER


if __name__ == "__main__":
    unittest.main()
