"""Kernels from warm stock: how soon they answer, in figures; and that it was the stock which gave them."""
import time

import pytest

pytestmark = pytest.mark.kgw


def measure(server):
    begun = time.monotonic()
    kernel_id = server.start_kernel(name="python3")
    with server.channels(kernel_id) as c:
        assert c.execute("1").result == "1"
        took = (time.monotonic() - begun) * 1000
    server.delete(f"/api/kernels/{kernel_id}")
    return took


def test_post_to_first_reply(server, figure):
    times = []
    for _ in range(5):
        time.sleep(3)  # the stock is filled up again meanwhile
        times.append(measure(server))
    figure("POST to first execute reply from stock, median", sorted(times)[2], "ms")
    figure("POST to first execute reply from stock, best", min(times), "ms")
    figure("server start to its URL", server.start_ms, "ms")
    figure("server memory", server.rss_kb() / 1024, "MB")


def test_round_trips(server, kernel, figure):
    with server.channels(kernel) as c:
        c.execute("1")
        for name, call in (("control kernel_info", lambda: c.request("kernel_info_request", channel="control")),
                           ("execute", lambda: c.execute("1"))):
            times = []
            for _ in range(50):
                begun = time.monotonic()
                call()
                times.append((time.monotonic() - begun) * 1000)
            figure(f"{name} round trip, median", sorted(times)[25], "ms")


def test_stock_is_filled_again(server):
    ids = [server.start_kernel(name="python3") for _ in range(6)]
    for kernel_id in ids:
        with server.channels(kernel_id, timeout=60) as c:
            assert c.execute("1").result == "1"
        server.delete(f"/api/kernels/{kernel_id}")
