"""Clients that ask for more than they should get: what it costs the server, and those that ask beside them."""
import contextlib
import json
import socket
import struct
import time
import uuid

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
    with open(f"/proc/{server.process.pid}/maps", encoding="utf-8") as maps:
        if "libasan" in maps.read():
            pytest.skip("a sanitized server has an allocator that keeps what is freed")
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


def ask_and_break_off(server, path, body):
    """A request whose connection is reset before its answer. Limits of its own keep a kernel from coming out of the stock."""
    body = json.dumps({**body, "kernelgw": {"limits": {"memory_mb": 150}, **body.get("kernelgw", {})}})
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: token {server.token}\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        time.sleep(0.1)


@pytest.mark.oci
def test_a_kernel_that_nobody_hears_of_is_deleted(server):
    def kernels():
        return {k["id"] for k in server.get("/api/kernels").json()}

    before = kernels()
    for _ in range(3):
        ask_and_break_off(server, "/api/kernels", {})
    assert procs.wait_until(lambda: kernels() == before)
    # who chose its id, or a workspace, finds it there
    own = str(uuid.uuid4())
    ask_and_break_off(server, "/api/kernels", {"kernel_id": own})
    ask_and_break_off(server, "/api/kernels", {"kernelgw": {"session": "kept"}})
    assert procs.wait_until(lambda: len(kernels() - before) == 2)
    made = kernels() - before
    assert own in made
    for kernel_id in made:
        assert server.delete(f"/api/kernels/{kernel_id}").status_code == 204
    server.delete("/api/workspaces/kept")
