"""
A kernel that floods (tests/bench/stub) behind the agent: nothing is lost to a gateway that keeps up, and memory stays
bounded, with the gap told, for one that does not.

STUB    the stub kernel's program
"""
import os
import time
import unittest

import harness
from harness import SHELL


class Floods(harness.Case):
    """What must be whole is more than the agent keeps (16 MiB), and so little that a gateway in Python has it all before the
    agent lets the kernel go on without it, on a busy machine too."""

    def kernel(self, *args):
        return self.agent.ask("kernel.start", argv=[os.environ["STUB"], "-f", "{connection_file}", *args], transport="ipc",
                              language="stub")

    def execute(self, code):
        return self.agent.message(SHELL, "execute_request", {
            "code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
            "stop_on_error": True})

    def done(self, msg_id, seconds=60):
        def ended():  # the reply comes by another socket than the output, and may overtake it
            new = self.agent.of[msg_id]
            return (new and new[-1].type in ("status", "execute_reply") and any(m.type == "execute_reply" for m in new)
                    and any(m.content.get("execution_state") == "idle" for m in new))
        self.agent.until(ended, seconds)
        return self.agent.of[msg_id]

    def numbers(self, messages):
        return [int(m.content["data"]["text/plain"][1:11]) for m in messages if m.type == "display_data"]

    def rss_kb(self):
        with open(f"/proc/{self.agent.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def test_a_flood_of_small_messages_is_complete_and_in_order(self):
        for args in ((), ("--raw",)):
            with self.subTest(args=args):
                self.kernel(*args)
                messages = self.done(self.execute("flood 20000 100"))
                self.assertEqual(self.numbers(messages), list(range(20000)))
                self.agent.ask("kernel.stop", grace_ms=2000)
        self.assertEqual(self.agent.events, [])

    def test_a_flood_of_big_messages_is_complete_and_in_order(self):
        self.kernel("--raw")
        messages = self.done(self.execute("flood 1500 20000"))
        self.assertEqual(self.numbers(messages), list(range(1500)))
        self.assertEqual(self.agent.events, [])

    def test_a_gateway_that_pauses_loses_nothing(self):
        self.kernel("--raw")
        msg_id = self.execute("flood 3000 10000")
        for _ in range(10):
            time.sleep(0.2)  # less than the agent holds a kernel back for
            self.agent.until(lambda n=len(self.agent.messages): len(self.agent.messages) > n + 200)
        self.assertEqual(self.numbers(self.done(msg_id)), list(range(3000)))
        self.assertEqual(self.agent.events, [])

    def test_a_gateway_that_stops_reading_is_told_of_the_gap(self):
        self.kernel("--raw")
        msg_id = self.execute("flood 12000 10000")  # 120 MB
        time.sleep(6)
        if os.environ.get("AGENT_SANITIZED", "0") == "0":
            self.assertLess(self.rss_kb(), 40_000)
        messages = self.done(msg_id)
        gaps = [e for e in self.agent.events if e["event"] == "gap"]
        self.assertGreater(len(gaps), 0)
        seen = self.numbers(messages)
        self.assertEqual(seen, sorted(set(seen)))
        self.assertEqual(len(seen) + sum(g["messages"] for g in gaps), 12000)
        self.assertGreater(sum(g["bytes"] for g in gaps), 10000 * sum(g["messages"] for g in gaps))
        # the rest of the conversation is whole
        self.assertEqual(sorted(m.type for m in messages if m.type != "display_data"),
                         ["execute_input", "execute_reply", "status", "status"])

    def test_a_gateway_that_is_away_gets_the_end_of_it(self):
        self.kernel("--raw")
        msg_id = self.execute("flood 10000 10000")  # 100 MB
        self.agent.until(lambda: len(self.agent.messages) > 10)
        self.agent.drop()
        time.sleep(4)
        self.agent.connect()
        messages = self.done(msg_id)
        gaps = [e for e in self.agent.events if e["event"] == "gap"]
        self.assertEqual(len(self.numbers(messages)) + sum(g["messages"] for g in gaps), 10000)


if __name__ == "__main__":
    harness.main()
