"""Kernels over an evaluator: what they answer, and evaluators that say what they like."""
import json
import os
import sys
import time
import unittest

import harness
from evaluators import Case
from harness import CONTROL, SHELL, STDIN


class Requests(Case):
    def test_a_cell(self):
        info = self.kernel()
        self.assertEqual(info["kernel_info"]["implementation"], "scripted")
        self.assertEqual(self.agent.messages, [])
        msg_id = self.send("print('hello')\n6 * 7", user_expressions={"n": "1 + 1", "bad": "nope"})
        reply = self.done(msg_id)
        kinds = [(m.channel, m.type, m.kind) for m in self.of(msg_id)]
        self.assertEqual(kinds, [("iopub", "status", 2), ("iopub", "execute_input", 8), ("iopub", "stream", 6),
                                 ("iopub", "execute_result", 6), ("shell", "execute_reply", 4), ("iopub", "status", 3)])
        self.assertEqual(self.of(msg_id)[1].content, {"code": "print('hello')\n6 * 7", "execution_count": 1})
        self.assertEqual(self.of(msg_id)[3].content, {"execution_count": 1, "data": {"text/plain": "42"}, "metadata": {}})
        self.assertEqual((reply["status"], reply["execution_count"], reply["payload"]), ("ok", 1, []))
        self.assertEqual(reply["user_expressions"]["n"], {"status": "ok", "data": {"text/plain": "2"}, "metadata": {}})
        self.assertEqual(reply["user_expressions"]["bad"]["ename"], "NameError")

    def test_an_error_is_shown_and_replied(self):
        self.kernel()
        msg_id = self.send("print('first')\n1 / 0")
        reply = self.done(msg_id)
        self.assertEqual((reply["status"], reply["ename"], reply["evalue"], reply["execution_count"]),
                         ("error", "ZeroDivisionError", "division by zero", 1))
        (error,) = self.of(msg_id, "error")
        self.assertEqual(error.kind, 7)
        self.assertEqual({k: reply[k] for k in ("ename", "evalue", "traceback")}, error.content)
        self.assertIn("\x1b[31m", error.content["traceback"][1])
        self.assertEqual(self.cell("1")[0]["execution_count"], 2)

    def test_numbers_of_cells(self):
        self.kernel()
        self.assertEqual(self.cell("1")[0]["execution_count"], 1)
        reply, shown = self.cell("print('x'); 5", silent=True)
        self.assertEqual((reply["execution_count"], shown), (1, [("stdout", "x\n")]))
        msg_id = self.send("7", store_history=False)
        self.assertEqual(self.done(msg_id)["execution_count"], 2)
        self.assertEqual([m.content["execution_count"] for m in self.of(msg_id) if "execution_count" in m.content], [2, 2, 2])
        self.assertEqual(self.cell("2")[0]["execution_count"], 2)

    def test_text_and_pictures_keep_their_order(self):
        self.kernel()
        _, shown = self.cell("import sys\nfor i in range(50):\n print('o', i)\n display(f'd{i}')\n print('e', i, file=sys.stderr)\n"
                             " sys.stdout.flush(); sys.stderr.flush()\n'end'")
        want = []
        for i in range(50):
            want += [("stdout", f"o {i}\n"), ("display_data", f"d{i}"), ("stderr", f"e {i}\n")]
        self.assertEqual(shown, want + [("execute_result", "'end'")])

    def test_displays(self):
        self.kernel()
        msg_id = self.send("display({'text/html': '<b>x</b>', 'application/json': {'a': [1, None]}}, {'isolated': True})\n"
                           "display('one', display_id='d')\nupdate('two', 'd')\nclear()\nclear(True)")
        self.done(msg_id)
        first, one, two, no, yes = self.of(msg_id)[2:7]
        self.assertEqual(first.content, {"data": {"text/html": "<b>x</b>", "application/json": {"a": [1, None]}},
                                         "metadata": {"isolated": True}, "transient": {}})
        self.assertEqual((one.type, one.content["transient"]), ("display_data", {"display_id": "d"}))
        self.assertEqual((two.type, two.content["transient"], two.content["data"]),
                         ("update_display_data", {"display_id": "d"}, {"text/plain": "two"}))
        self.assertEqual([(m.type, m.content) for m in (no, yes)],
                         [("clear_output", {"wait": False}), ("clear_output", {"wait": True})])

    def test_a_question_mark_asks(self):
        """The evaluator inspects what such a cell names; the front end's pager shows it."""
        self.kernel()
        self.cell("émile = 'known'")
        for code, answer in (("émile?", "'known' 5 0"), (" émile??\n", "'known' 5 1"), ("?émile", "'known' 5 0")):
            reply, shown = self.cell(code)
            self.assertEqual((reply["status"], shown), ("ok", []))
            self.assertEqual(reply["payload"], [{"source": "page", "data": {"text/plain": answer}, "start": 0}])
            self.assertEqual(self.ask("is_complete_request", code=code), {"status": "complete"})
        reply, shown = self.cell("nobody?")
        self.assertEqual((reply["status"], reply["payload"], shown), ("ok", [], [("stdout", "Nothing is known of that name.\n")]))
        self.assertEqual(self.cell("1 + x?")[0]["ename"], "SyntaxError")

    def test_stdin(self):
        self.kernel()
        msg_id = self.send("name = input('name? ')\nsecret = password('pass: ')\nprint(name, secret)")
        (first,) = self.agent.until(lambda: self.of(msg_id, "input_request"))
        self.assertEqual((first.channel, first.kind, first.content), ("stdin", 5, {"prompt": "name? ", "password": False}))
        self.agent.message(STDIN, "input_reply", {"value": "Bö\nsecond line"}, parent=first.header)
        self.agent.until(lambda: len(self.of(msg_id, "input_request")) == 2)
        self.assertEqual(self.of(msg_id, "input_request")[1].content, {"prompt": "pass: ", "password": True})
        self.agent.message(STDIN, "input_reply", {"value": "x\"y"})
        self.assertEqual(self.done(msg_id)["status"], "ok")
        self.assertEqual(self.text(msg_id), "Bö x\"y\n")
        self.agent.message(STDIN, "input_reply", {"value": "to nobody"})
        self.assertEqual(self.cell("print('on')")[1], [("stdout", "on\n")])

    def test_stdin_that_is_not_allowed(self):
        self.kernel()
        reply, _ = self.cell("input('x')", allow_stdin=False)
        self.assertEqual(reply["ename"], "EOFError")

    def test_an_interrupt_cancels_what_is_asked(self):
        self.kernel()
        msg_id = self.send("input('x')")
        self.agent.until(lambda: self.of(msg_id, "input_request"))
        self.assertEqual(self.ask("interrupt_request", CONTROL), {"status": "ok"})
        self.assertEqual(self.done(msg_id)["ename"], "KeyboardInterrupt")
        self.agent.message(STDIN, "input_reply", {"value": "too late"})
        asked = self.send("print(input('again'))")
        self.agent.until(lambda: self.of(asked, "input_request"))
        self.agent.message(STDIN, "input_reply", {"value": "in time"})
        self.done(asked)
        self.assertEqual(self.text(asked), "in time\n")

    def test_interrupts(self):
        self.kernel()
        self.agent.ask("kernel.interrupt")  # nothing runs: nothing happens
        for code in ("while True: pass", "import time; time.sleep(100)"):
            msg_id = self.send("x = 5\n" + code)
            self.agent.until(lambda: self.of(msg_id, "execute_input"))
            time.sleep(0.1)
            self.agent.ask("kernel.interrupt")
            self.assertEqual(self.done(msg_id, 5)["ename"], "KeyboardInterrupt")
            self.assertEqual(self.cell("x")[1], [("execute_result", "5")])

    def test_an_interrupt_right_behind_the_request(self):
        """The evaluator may not have read it yet."""
        self.kernel()
        for _ in range(10):
            msg_id = self.send("while True: pass")
            self.agent.message(CONTROL, "interrupt_request", {})
            self.assertEqual(self.done(msg_id, 5)["ename"], "KeyboardInterrupt")

    def test_what_needs_no_evaluator_is_answered_while_a_cell_spins(self):
        self.kernel()
        msg_id = self.send("while True: pass")
        self.agent.until(lambda: self.of(msg_id, "execute_input"))
        for channel in (SHELL, CONTROL):
            asked = self.agent.message(channel, "kernel_info_request", {})
            self.done(asked, 5)
            busy, reply, idle = self.of(asked)
            self.assertEqual((reply.channel, reply.kind, reply.content["implementation"]),
                             (harness.CHANNELS[channel], 9, "scripted"))
            self.assertEqual(reply.content["debugger"], False)
            self.assertEqual(reply.content["supported_features"], [])
            self.assertEqual([busy.content, idle.content], [{"execution_state": "busy"}, {"execution_state": "idle"}])
        refused = self.ask("debug_request", CONTROL, command="initialize", seq=7, type="request", arguments={})
        self.assertEqual((refused["success"], refused["command"], refused["request_seq"]), (False, "initialize", 7))
        self.assertIn("no debugger", refused["message"])
        self.assertEqual(self.of(msg_id, "execute_reply"), [])
        self.agent.ask("kernel.interrupt")
        self.done(msg_id)

    def test_questions(self):
        self.kernel()
        self.cell("émile = 1")
        reply = self.ask("complete_request", code="x = émi", cursor_pos=7)
        self.assertEqual(reply, {"status": "ok", "matches": ["émile"], "cursor_start": 4, "cursor_end": 7, "metadata": {}})
        self.assertEqual(self.ask("complete_request", code="émi")["matches"], ["émile"])  # the end, if nothing is said
        self.assertEqual(self.ask("complete_request", code="😀 émi", cursor_pos=99)["cursor_end"], 5)
        self.assertEqual(self.ask("inspect_request", code="émile", cursor_pos=2, detail_level=1),
                         {"status": "ok", "found": True, "data": {"text/plain": "1 2 1"}, "metadata": {}})
        self.assertEqual(self.ask("inspect_request", code="nothing", cursor_pos=0)["found"], False)
        self.assertEqual(self.ask("is_complete_request", code="if 1:"), {"status": "incomplete", "indent": "    "})
        self.assertEqual(self.ask("is_complete_request", code="1"), {"status": "complete"})
        self.assertEqual(self.ask("is_complete_request", code="("), {"status": "invalid"})

    def test_comms_and_what_nobody_knows(self):
        self.kernel()
        self.assertEqual(self.ask("comm_info_request"), {"status": "ok", "comms": {}})
        opened = self.agent.message(SHELL, "comm_open", {"comm_id": "c1", "target_name": "t", "data": {}})
        self.done(opened)
        self.assertEqual([m.content for m in self.of(opened, "comm_close")], [{"comm_id": "c1", "data": {}}])
        self.done(self.agent.message(SHELL, "comm_msg", {"comm_id": "c1", "data": {}}))
        self.done(self.agent.message(SHELL, "comm_close", {"comm_id": "c1", "data": {}}))
        for channel, kind in ((SHELL, "no_such_request"), (SHELL, "interrupt_request"), (CONTROL, "execute_request"),
                              (SHELL, "comm_open"), (STDIN, "execute_request")):
            asked = self.agent.message(channel, kind, {})
            if channel != STDIN:
                self.assertEqual(self.done(asked), None)
        self.assertEqual(self.cell("print(1)")[1], [("stdout", "1\n")])

    def test_requests_that_are_wrong(self):
        self.kernel()
        for content, words in (({}, "code is missing"), ({"code": 1}, "code must be a string"),
                               ({"code": "1", "silent": "x"}, "silent must be true or false"),
                               ({"code": "1", "user_expressions": []}, "user_expressions must be an object")):
            reply = self.ask("execute_request", **content)
            self.assertEqual((reply["status"], reply["ename"], reply["execution_count"]), ("error", "BadRequest", 0))
            self.assertIn(words, reply["evalue"])
        for kind, content in (("complete_request", {}), ("complete_request", {"code": "x", "cursor_pos": "1"}),
                              ("complete_request", {"code": "x", "cursor_pos": 1.5}), ("inspect_request", {"code": None}),
                              ("is_complete_request", {"code": ["x"]}), ("history_request", {}),
                              ("history_request", {"hist_access_type": "all"}),
                              ("history_request", {"hist_access_type": "search", "pattern": "x" * 5000})):
            self.assertEqual(self.ask(kind, **content)["status"], "error", (kind, content))
        self.assertEqual(self.cell("1")[0]["execution_count"], 1)

    def test_history(self):
        self.kernel()
        for code in ("a = 1", "a + 1", "print('é')", "a + 1"):
            self.cell(code)
        self.cell("hidden", silent=True)

        def history(**content):
            return self.ask("history_request", **{"output": False, "raw": True, **content})["history"]

        self.assertEqual(history(hist_access_type="tail", n=2), [[1, 3, "print('é')"], [1, 4, "a + 1"]])
        self.assertEqual(history(hist_access_type="tail", n=3, output=True)[0], [1, 2, ["a + 1", "2"]])
        self.assertEqual(history(hist_access_type="tail", n=2, output=True)[0], [1, 3, ["print('é')", None]])
        self.assertEqual(history(hist_access_type="range", session=0, start=2, stop=4), [[1, 2, "a + 1"], [1, 3, "print('é')"]])
        self.assertEqual(len(history(hist_access_type="range", session=1, start=1)), 4)
        self.assertEqual(history(hist_access_type="range", session=-1, start=1), [])
        self.assertEqual(history(hist_access_type="search", pattern="a*1", n=9), [[1, 1, "a = 1"], [1, 2, "a + 1"], [1, 4, "a + 1"]])
        self.assertEqual(history(hist_access_type="search", pattern="a*1", n=9, unique=True), [[1, 1, "a = 1"], [1, 4, "a + 1"]])
        self.assertEqual(history(hist_access_type="search", pattern="*'?'*"), [[1, 3, "print('é')"]])

    def test_an_error_aborts_the_cells_that_wait(self):
        self.kernel()
        first = self.send("import time; time.sleep(0.3); 1 / 0")
        second = self.send("print('second')")
        asked = self.agent.message(SHELL, "complete_request", {"code": "pri", "cursor_pos": 3})
        third = self.send("print('third')")
        self.done(third)
        self.done(asked)
        self.assertEqual(self.of(first, "execute_reply")[0].content["ename"], "ZeroDivisionError")
        for msg_id in (second, third):
            self.assertEqual([m.content for m in self.of(msg_id)],
                             [{"execution_state": "busy"}, {"status": "aborted"}, {"execution_state": "idle"}])
        self.assertEqual(self.of(asked, "complete_reply")[0].content["status"], "ok")
        first = self.send("import time; time.sleep(0.3); 1 / 0", stop_on_error=False)
        second = self.send("print('second')")
        self.done(second)
        self.assertEqual(self.text(second), "second\n")

    def test_output_after_a_cell_belongs_to_it(self):
        self.kernel()
        first = self.send("import threading, time\nt = threading.Timer(0.4, lambda: print('late', flush=True)); t.start()")
        self.done(first)
        self.ask("complete_request", code="x", cursor_pos=1)
        self.agent.until(lambda: self.text(first) == "late\n")
        self.assertEqual(self.of(first)[-1].type, "stream")

    def test_a_long_silence_and_a_short_cell(self):
        """Nothing waits for a timer on the way of a cell."""
        self.kernel()
        self.cell("1")
        began = time.monotonic()
        for _ in range(100):
            self.cell("print(1)\n2")
        print(f"\n{(time.monotonic() - began) * 10:.2f} ms a cell", file=sys.stderr)

    def test_big_things(self):
        self.kernel()
        big = "é😀x\"\\\n" * 200_000
        reply, shown = self.cell(f"x = {big!r}\nprint(x, end='')\ndisplay(x)\nlen(x)")
        self.assertEqual(shown, [("stdout", big), ("display_data", big), ("execute_result", str(len(big)))])

    def test_100000_lines(self):
        self.kernel()
        msg_id = self.send("import sys\nfor i in range(100000): print(i)\nprint('end', file=sys.stderr)")
        self.done(msg_id)
        self.assertEqual(self.text(msg_id, "stdout"), "".join(f"{i}\n" for i in range(100000)))
        self.assertLess(len(self.of(msg_id, "stream")), 1000)

    def test_strange_text(self):
        self.kernel()
        msg_id = self.agent.message(SHELL, "execute_request", {"code": "print('\ud800'.encode('utf-8', 'replace'), '\\x00')"})
        self.done(msg_id)
        self.assertEqual(self.text(msg_id).encode(), "b'\\xef\\xbf\\xbd' \0\n".encode())

    def test_the_same_request_twice(self):
        self.kernel()
        content = {"code": "print('once')"}
        for _ in range(2):
            self.agent.message(SHELL, "execute_request", content, msg_id="same")
        self.done("same")
        self.cell("1")
        self.assertEqual(self.text("same"), "once\n")

    def test_a_gateway_that_goes_and_comes(self):
        self.kernel()
        msg_id = self.send("import time\nfor i in range(30): print(i, flush=True); time.sleep(0.03)")
        self.agent.until(lambda: self.of(msg_id, "stream"))
        for _ in range(3):
            self.agent.drop()
            time.sleep(0.1)
            self.agent.connect()
            time.sleep(0.05)
        self.done(msg_id)
        self.assertEqual(self.text(msg_id), "".join(f"{i}\n" for i in range(30)))


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class RequestsAsUser(Requests):
    uid = 1000

    def test_whom_it_runs_as(self):
        self.kernel()
        _, shown = self.cell("import os\nprint(os.getuid(), os.getgroups(), os.getcwd() == " + repr(self.agent.work) + ")\n"
                             "print(sorted(os.listdir('/proc/self/fd')))\n"
                             "for l in open('/proc/self/status'):\n"
                             "    if l.startswith(('CapEff', 'NoNewPrivs', 'Seccomp:')): print(*l.split())")
        self.assertEqual(shown[0][1], "1000 [] True\n['0', '1', '2', '3', '4', '5']\nCapEff: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n")


class Hostile(Case):
    """User code shares the evaluator's process, and so may say what it likes on its pipes."""

    def test_nonsense_lines(self):
        self.kernel()
        lines = ["", "x", "[]", "{}", "{\"event\":1}", "{\"event\":\"nope\"}", "{\"reply\":999,\"status\":\"ok\"}", "{\"reply\":\"1\"}",
                 "{\"event\":\"display\"}", "{\"event\":\"display\",\"data\":[]}", "{\"event\":\"result\",\"data\":\"x\"}",
                 "{\"event\":\"display\",\"update\":true,\"data\":{}}", "{\"event\":\"ready\"}", "[" * 1000, "\x00", "{\"event\":\"clear\",\"wait\":3}",
                 "{\"event\":\"input\",\"prompt\":3}", "{\"a\":" * 600]
        reply, shown = self.cell(f"import os\nfor l in {lines!r}: raw(l)\nos.write(3, b'\\xff\\xfe{{\\n')\nprint('on')")
        self.assertEqual((reply["status"], shown), ("ok", [("stdout", "on\n")]))
        self.assertEqual(self.cell("1")[1], [("execute_result", "1")])

    def test_a_reply_that_is_wrong(self):
        self.kernel()
        for number, reply in enumerate(('"status":"error","ename":5', '"status":"ok","user_expressions":[]', '"status":5')):
            msg_id = self.send(f"raw('{{\"reply\":{2 * number + 1},{reply}}}')")
            self.assertEqual(self.done(msg_id)["ename"], "EvaluatorError")
            self.cell("1")

    def test_half_a_line_in_front_of_a_reply(self):
        self.kernel()
        reply, shown = self.cell("import os; print('x'); os.write(3, b'{\"event\":\"displ'); None")
        self.assertEqual((reply["status"], shown), ("ok", [("stdout", "x\n")]))
        self.assertEqual(self.cell("5")[1], [("execute_result", "5")])

    def test_a_forged_reply_ends_the_cell_once(self):
        self.kernel()
        msg_id = self.send("raw('{\"reply\":1,\"status\":\"ok\"}')\nprint('after')")
        self.done(msg_id)
        self.cell("1")
        self.assertEqual(len(self.of(msg_id, "execute_reply")), 1)
        self.assertEqual(self.cell("5")[1], [("execute_result", "5")])

    def test_a_line_without_end(self):
        self.kernel()
        reply, shown = self.cell("import os\nfor _ in range(70): os.write(3, b'x' * 1000000)")
        self.assertEqual((reply["ename"], reply["evalue"]), ("KernelDied", "the evaluator wrote a line of more than 64 MiB"))
        self.assertEqual(self.cell("5")[1], [("execute_result", "5")])

    def test_closed_pipes(self):
        self.kernel()
        reply, _ = self.cell("import os; os.close(3)\nwhile True: pass")
        self.assertEqual((reply["ename"], reply["evalue"]), ("KernelDied", "the evaluator closed its descriptor 3"))
        msg_id = self.send("import os; os.close(4)")
        self.done(msg_id)
        self.agent.until(lambda: "afresh" in self.text(msg_id))
        self.assertEqual(self.cell("5")[1], [("execute_result", "5")])

    def test_one_that_does_not_read_any_more(self):
        code = ("import json, os, sys, time\nos.write(3, b'{\"event\":\"ready\",\"implementation\":\"x\",\"language_info\":{\"name\":\"x\"}}\\n')\n"
                "r = json.loads(os.read(4, 9999)); os.write(3, json.dumps({'reply': r['id'], 'status': 'ok'}).encode() + b'\\n')\n"
                "os.close(4); time.sleep(1000)")
        self.kernel(argv=["python3", "-c", code])
        self.assertEqual(self.cell("1")[0]["status"], "ok")
        time.sleep(0.2)
        reply, _ = self.cell("2")
        self.assertEqual((reply["ename"], reply["evalue"]), ("KernelDied", "the evaluator does not read its requests any more"))
        self.assertEqual(self.cell("3")[0]["status"], "ok")

    def test_too_many_requests(self):
        self.kernel()
        first = self.send("while True: pass")
        self.agent.until(lambda: self.of(first, "execute_input"))
        waiting = [self.send("x = '" + "y" * 10_000_000 + "'") for _ in range(6)]
        refused = self.send("x = '" + "y" * 10_000_000 + "'")
        self.assertEqual(self.done(refused)["ename"], "QueueFull")
        self.agent.ask("kernel.interrupt")
        for msg_id in waiting:
            self.assertEqual(self.done(msg_id), {"status": "aborted"})
        self.assertEqual(self.cell("5")[1], [("execute_result", "5")])

    def test_a_gateway_that_takes_nothing_holds_the_evaluator(self):
        self.kernel()
        msg_id = self.send("for i in range(300): display('x' * 100000)")
        time.sleep(1.5)  # nothing is read meanwhile
        self.done(msg_id)
        self.assertEqual(len(self.of(msg_id, "display_data")), 300)
        self.assertEqual(self.agent.events, [])


if __name__ == "__main__":
    harness.main()
