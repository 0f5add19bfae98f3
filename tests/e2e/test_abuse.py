"""Clients that ask for more than they should get: what it costs the server, and those that ask beside them."""
import contextlib
import socket
import time

import pytest

from support import procs
from support.runs import Run

pytestmark = [pytest.mark.kgw, pytest.mark.timeout(180)]

MB = 1 << 20


def test_bodies_of_very_many_values_are_refused(server):
    server.get("/api")
    before = server.rss_kb()
    for unit, path in (("{}", "/api/runs"), ("[]", "/api/kernels"), ('{"":{}}', "/api/sessions")):
        body = '{"x":[' + ",".join([unit] * (8 * MB // (len(unit) + 1))) + "]}"
        r = server.rest("POST", path, data=body)
        assert r.status_code == 413 and "too many values" in r.json()["message"], r.text[:200]
    assert server.rss_kb() - before < 64 * 1024


def test_what_a_large_body_took_is_given_back(server):
    server.get("/api")
    before = server.rss_kb()
    body = '{"x":[' + ",".join(["{}"] * 100_000) + "]}"
    assert server.rest("POST", "/api/runs", data=body).status_code == 400
    assert procs.wait_until(lambda: server.rss_kb() - before < 8 * 1024, 30), (before, server.rss_kb())


def test_those_who_ask_for_output_and_do_not_read_it_cost_little(server):
    run = Run(server, "import os\nfor i in range(320): os.write(1, b'%07d ' % i + b'y' * 65527 + b'\\n')")
    assert run.wait()["reason"] == "exit"
    before = server.rss_kb()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            s = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            s.sendall(f"GET /api/runs/{run.id}/output HTTP/1.1\r\nHost: x\r\nAuthorization: token {server.token}\r\n\r\n".encode())
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert server.rss_kb() - before < 64 * 1024
            time.sleep(0.1)
        assert run.output() == "".join("%07d " % i + "y" * 65527 + "\n" for i in range(320)), "those who read have it whole"
