"""
What a client gets that was away: by the number of the last message that it saw, exactly once and in order, whoever it is
now; by its session_id, nothing missing. The existing servers lose what ran while nobody looked (every second
line after a page's reload), so none of this is asked of them.
"""
import os
import random
import time

import pytest

from support.channels import Timeout, gaps

pytestmark = pytest.mark.kgw

LONG = bool(os.environ.get("KERNELGW_LONG"))
TIMES = 200 if LONG else 20  # as often is the connection lost
MESSAGES = 10_000 if LONG else 2_000
PATIENCE = 900 if LONG else 60  # seconds for the rest of the stream: half a core makes it, on a machine with other work


def number(msg):
    return msg["metadata"]["kgw"]["seq"]


def lines_of(messages):
    text = "".join(m["content"]["text"] for m in messages if m["header"]["msg_type"] == "stream")
    return [int(n) for n in text.split()]


def printing(lines, pause=0.0):
    return f"import time\nfor i in range({lines}):\n print(i, flush=True)\n if {pause}: time.sleep({pause})"


def counted(messages):
    return [int(m["content"]["data"]["text/plain"]) for m in messages if m["header"]["msg_type"] == "display_data"]


def counting(messages, pause):
    """A cell of so many messages; streams would be merged."""
    return ("import time; publish = get_ipython().display_pub.publish\n"
            f"for i in range({messages}):\n publish({{'text/plain': str(i)}})\n time.sleep({pause})")


def is_end(msg):
    """One of the two that a cell ends with, in whatever order a stock kernel sends them."""
    idle = msg["content"].get("execution_state") == "idle" and msg["parent_header"].get("msg_type") == "execute_request"
    return msg["header"]["msg_type"] == "execute_reply" or idle


def read_for_a_while(c, seconds, messages):
    """Reads on, into messages, until time is over or the one cell of the test is; true when it is."""
    end = time.monotonic() + seconds
    ends = {m["header"]["msg_type"] for m in messages if is_end(m)}
    while len(ends) < 2:
        left = end - time.monotonic()
        if left <= 0:
            return False
        try:
            messages.append(c.recv(left))
        except Timeout:
            return False
        if is_end(messages[-1]):
            ends.add(messages[-1]["header"]["msg_type"])
    return True


def test_numbers_rise_and_anybody_goes_on_behind_one(server, kernel, framing):
    with server.channels(kernel, since=0, framing=framing) as c:
        c.execute("print('one')")
        out = c.execute("print('two')")
        seen = [number(m) for m in (*c.others, *out.published)]
        assert seen == sorted(set(seen)) and seen[0] > 0
        last = max(*seen, number(out.reply))
    with server.channels(kernel) as other:
        other.execute("print('three')")  # nobody who counts is there
    with server.channels(kernel, since=last, framing=framing) as c:
        messages = []
        assert read_for_a_while(c, 10, messages)
        numbers = [number(m) for m in messages]
        assert numbers == sorted(set(numbers)) and numbers[0] > last
        assert "".join(m["content"]["text"] for m in messages if m["header"]["msg_type"] == "stream") == "three\n"
    with server.channels(kernel, since=numbers[-1]) as c, pytest.raises(Timeout):
        c.recv(0.3)


@pytest.mark.timeout(2 * PATIENCE)
def test_reload_at_any_moment(server, kernel):
    """A page that is reloaded again and again (a new session each time) has every message once, in order."""
    seed = random.randrange(1 << 30)
    rnd, seen, messages = random.Random(seed), 0, []
    with server.channels(kernel, since=0) as c:
        c.request("kernel_info_request")
        while c.others:
            seen = max(seen, number(c.others.popleft()))
        c.send_execute(counting(MESSAGES, 0.0005))
    for _ in range(TIMES):
        with server.channels(kernel, since=seen) as c:
            read_for_a_while(c, rnd.uniform(0.001, 0.15), messages)
            if rnd.random() < 0.5:
                c.drop()
        seen = max([seen, *(number(m) for m in messages)])
    with server.channels(kernel, since=seen) as c:
        assert read_for_a_while(c, PATIENCE, messages), f"seed {seed}: the cell does not end"
    numbers = [number(m) for m in messages]
    assert numbers == sorted(set(numbers)), f"seed {seed}"
    assert counted(messages) == list(range(MESSAGES)), f"seed {seed}"
    replies = [m for m in messages if m["header"]["msg_type"] == "execute_reply"]
    assert [m["content"]["status"] for m in replies] == ["ok"], "the reply went to who took over"


@pytest.mark.timeout(2 * PATIENCE)
def test_reconnect_with_the_same_session(server, kernel):
    """A stock client that reconnects has every message; one may come again, with its msg_id unchanged."""
    seed = random.randrange(1 << 30)
    rnd, messages = random.Random(seed), []
    session = f"same-{seed}"
    with server.channels(kernel, session=session) as c:
        c.request("kernel_info_request")
        c.send_execute(counting(MESSAGES, 0.0005))
    for _ in range(TIMES):
        with server.channels(kernel, session=session) as c:
            read_for_a_while(c, rnd.uniform(0.001, 0.15), messages)
            c.drop()
    with server.channels(kernel, session=session) as c:
        assert read_for_a_while(c, PATIENCE, messages), f"seed {seed}: the cell does not end"
    once = list({m["header"]["msg_id"]: m for m in messages}.values())
    assert counted(once) == list(range(MESSAGES)), f"seed {seed}"


def test_what_ran_while_nobody_was_there(server, kernel, figure):
    """50 MB for nobody: the server stays small, and who comes later has all of it."""
    with server.channels(kernel) as c:
        c.request("kernel_info_request")
        before = server.rss_kb()
        c.send_execute("import time\nfor i in range(500): print(str(i) + ' ' * 100_000, flush=True); time.sleep(0.004)\nprint(500)")
        c.wait_status("busy")
    deadline = time.monotonic() + 60
    while server.kernel(kernel)["execution_state"] != "idle" and time.monotonic() < deadline:
        time.sleep(0.05)
    grown = (server.rss_kb() - before) / 1024
    figure("growth of the server, 50 MB that nobody reads", grown, "MB")
    assert grown < 64, "memory is bounded"
    messages = []
    with server.channels(kernel, since=0) as c:
        assert read_for_a_while(c, 60, messages)
    assert not gaps(messages)
    assert lines_of(messages) == list(range(501))


def test_question_is_shown_again_to_a_new_page(server, kernel):
    with server.channels(kernel) as c:
        msg_id = c.send_execute("print('hello', input('name? '))", allow_stdin=True)
        c.recv_until(lambda m: m["header"]["msg_type"] == "input_request")
    with server.channels(kernel) as c:
        asked = c.recv_until(lambda m: m["header"]["msg_type"] == "input_request")
        assert asked["content"]["prompt"] == "name? " and asked["parent_header"]["msg_id"] == msg_id
        c.send("stdin", "input_reply", {"value": "Ann", "status": "ok"}, parent=asked["header"])
        out = c.outcome(msg_id)
        assert out.stdout == "hello Ann\n" and out.status == "ok"
    with server.channels(kernel) as c, pytest.raises(Timeout):
        c.recv_until(lambda m: m["header"]["msg_type"] == "input_request", 0.3)


@pytest.mark.parametrize("since", ["-1", "x", "1.5", "", "99999999999999999999"])
def test_no_number(server, kernel, since):
    r = server.get(f"/api/kernels/{kernel}/channels?since={since}", headers={
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="})
    assert r.status_code == 400 and "since must be a number" in r.json()["message"]


def test_number_from_another_life(server, kernel):
    """One that was never given here: the client is told nothing wrong, and gets what comes."""
    with server.channels(kernel, since=1 << 50) as c:
        assert c.execute("1 + 1").result == "2"
        assert not gaps(c.others)
