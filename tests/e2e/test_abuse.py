"""Clients that ask for more than they should get: what it costs the server, and those that ask beside them."""
import pytest

from support import procs

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
