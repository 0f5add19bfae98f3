"""What must hold in the browser client whatever happens: floods freeze nothing; a reload, a server that is killed, a network
that goes dead lose nothing and double nothing. Times depend on what else the machine does: they are recorded as figures."""
import re
import signal
import time

import pytest
from playwright.sync_api import expect

from support import floods, procs
from support.ide import open_ide
from support.relay import Relay

pytestmark = pytest.mark.kgw


def test_two_floods_of_ten_seconds_freeze_nothing(ide, make_server, figure):
    """More than ten seconds' output is allowed here, so that it is Stop that ends both."""
    work = ide(make_server("--run-output-mb", "1024").server)
    seen = floods.two_at_once(work, 10)
    for path, ms in zip(floods.PATHS, seen["stop_ms"]):
        figure(f'Stop of {path} until the server says "stopped"', round(ms), "ms")
    figure("longest task in two floods of 10 s", seen["longest_ms"], "ms")
    figure("frames in two floods of 10 s", round(seen["frames"]), "a second")
    figure("the page's heap", round(seen["heap_mb"]), "MB")
    assert 0 < seen["rows"] <= 200
    assert seen["heap_mb"] < 150
    for path in floods.PATHS:
        lines = work.text(path).splitlines()
        numbers = [int(line) for line in lines if line.isdigit()]
        after_gap = [i for i in range(1, len(numbers)) if numbers[i] != numbers[i - 1] + 1]
        assert len(after_gap) <= sum("stood here and are not shown" in line for line in lines), "lines are missing that no gap tells of"
        assert len(numbers) > 1900
        expect(work.console(path).locator(".dropped")).to_contain_text("earlier lines are not shown")


def test_a_hundred_thousand_lines_arrive_whole(work, figure):
    processor, longest = floods.steady(work, 100_000, 50_000)
    figure("100,000 lines at 50,000 lines/s: the page's thread, of the processor", round(processor, 2), "s")
    figure("longest task in it", longest, "ms")
    expect(work.console("many.py").locator(".dropped")).to_contain_text("98,002 earlier lines are not shown")  # the typed line and the note are lines, too
    numbers = [int(n) for n in re.findall(r"^line (\d+) x", work.text("many.py"), re.M)]
    assert numbers == list(range(100_000 - len(numbers), 100_000)) and len(numbers) >= 1998


def counting(seconds, rate):
    return (f"import time\nbegun = time.monotonic()\nfor i in range(1, {seconds * rate + 1}):\n    print('number', i, flush=i % 10 == 0)\n"
            f"    time.sleep(max(0, begun + i / {rate} - time.monotonic()))\nprint('over')\n")


def counted(work, path="count.py"):
    return [int(n) for n in re.findall(r"^number (\d+)$", work.text(path), re.M)]


def test_a_reload_in_the_midst_loses_and_doubles_nothing(work):
    work.settings("Lines kept in a console", "100000")
    work.upload({"count.py": counting(8, 4000)})
    work.run("count.py")
    for _ in range(3):
        expect(work.log("count.py")).to_contain_text(re.compile(r"number \d+"))
        work.page.reload()
        expect(work.editor("count.py")).to_be_visible()  # the layout is back, too
    expect(work.badge("count.py")).to_have_text("exit 0", timeout=25_000)
    expect(work.log("count.py")).to_contain_text("over")
    assert counted(work) == list(range(1, 32_001))


def test_a_server_that_is_killed_and_started_again_loses_and_doubles_nothing(ide, make_server):
    made = make_server()
    work = ide(made.server)
    work.settings("Lines kept in a console", "100000")
    work.upload({"count.py": counting(8, 500)})
    work.run("count.py")
    expect(work.log("count.py")).to_contain_text(re.compile(r"number \d"))
    made.server.process.kill()
    banner = work.page.get_by_role("alert").filter(has_text="Connection lost")
    expect(banner).to_be_visible()
    expect(banner).to_contain_text(re.compile(r"Trying (again in \d+ s|now)"))
    port, token = made.server.port, made.server.token
    made.options = (*made.options, "--port", str(port), "--token", token)
    made.start_server()
    expect(banner).to_be_hidden(timeout=20_000)
    expect(work.badge("count.py")).to_have_text("exit 0", timeout=30_000)
    assert counted(work) == list(range(1, 4001))
    work.page.get_by_role("tab", name="count.py", exact=True).click()
    work.write("count.py", "print('new run')\n")
    work.page.keyboard.press("F5")
    expect(work.log("count.py")).to_contain_text("new run")


def test_a_server_that_is_left_for_a_new_version_says_so_and_loses_nothing(ide, make_server):
    made = make_server()
    work = ide(made.server)
    work.settings("Lines kept in a console", "100000")
    work.upload({"count.py": counting(8, 500)})
    work.run("count.py")
    expect(work.log("count.py")).to_contain_text(re.compile(r"number \d"))
    assert made.server.process.kill(signal.SIGUSR1) == 0
    banner = work.page.get_by_role("alert").filter(has_text="The server is going down for a moment. What runs goes on.")
    expect(banner).to_be_visible()
    expect(banner).to_contain_text(re.compile(r"Trying (again in \d+ s|now)"))
    work.open_file("main.py")
    work.write("main.py", "print('written meanwhile')\n")
    made.options = (*made.options, "--port", str(made.server.port), "--token", made.server.token)
    made.start_server()
    expect(banner).to_be_hidden(timeout=20_000)
    expect(work.badge("count.py")).to_have_text("exit 0", timeout=30_000)
    assert counted(work) == list(range(1, 4001))
    work.editor("main.py").click()
    work.page.keyboard.press("F5")
    expect(work.log("main.py")).to_contain_text("written meanwhile")


def test_a_program_whose_box_is_killed_is_lost_and_runs_again(ide, make_server):
    made = make_server()
    work = ide(made.server)
    work.upload({"loop.py": "import time\nprint('begun', flush=True)\nwhile True:\n    time.sleep(1)\n"})
    work.run("loop.py")
    expect(work.log("loop.py")).to_contain_text("begun")
    procs.kill(pid for pid in made.boxd.pids() if "agent" in procs.cmdline(pid).split(" ")[0])
    expect(work.badge("loop.py")).to_have_text("lost: its box is gone")
    assert "begun" in work.text("loop.py").splitlines(), "what it had said stays"
    work.log("loop.py").press("Control+l")
    work.editor("loop.py").click()
    work.page.keyboard.press("F5")
    expect(work.log("loop.py")).to_contain_text("begun")
    expect(work.badge("loop.py")).to_have_text("running")


class Behind:
    """A server as it is reached through a relay."""

    def __init__(self, server, relay):
        self.url, self.token = f"http://127.0.0.1:{relay.port}", server.token


def test_twenty_seconds_without_a_network_lose_and_double_nothing(browser, server):
    relay = Relay(server.port)
    work = open_ide(browser, Behind(server, relay))
    work.settings("Lines kept in a console", "100000")
    work.upload({"count.py": counting(24, 200)})
    work.run("count.py")
    expect(work.log("count.py")).to_contain_text(re.compile(r"number \d"))
    relay.freeze()
    begun = time.monotonic()
    banner = work.page.get_by_role("alert").filter(has_text="Connection lost")
    expect(banner).to_be_visible(timeout=20_000)  # by itself: nothing tells a page that its network is dead
    banner.get_by_role("button", name="Reconnect now").click()
    work.page.wait_for_timeout(max(0, 20 - (time.monotonic() - begun)) * 1000)
    relay.thaw()
    expect(banner).to_be_hidden(timeout=20_000)
    expect(work.badge("count.py")).to_have_text("exit 0", timeout=30_000)
    assert counted(work) == list(range(1, 4801))
    work.close()
    relay.close()


def test_a_network_that_says_that_it_is_gone(work):
    """The browser knows: what is unplugged is told at once, and so is what is plugged in."""
    work.upload({"count.py": counting(6, 50)})
    work.run("count.py")
    expect(work.log("count.py")).to_contain_text(re.compile(r"number \d"))
    work.page.context.set_offline(True)
    work.page.wait_for_timeout(2500)
    work.page.context.set_offline(False)
    expect(work.page.get_by_role("contentinfo")).to_contain_text("Connected")
    expect(work.badge("count.py")).to_have_text("exit 0", timeout=20_000)
    assert counted(work) == list(range(1, 301))


def test_the_page_is_of_use_soon(browser, server, figure):
    """The bytes that it takes are counted by e2e/test_client.py."""
    painted, ready, requests = floods.first_load(browser, server)
    figure("first paint from a cold cache", round(painted), "ms")
    figure("until a file can be edited", round(ready), "ms")
    figure("requests until then", requests, "")
    assert 0 < painted <= ready


def test_parts_of_the_page_that_do_not_come_take_nothing_with_them(work):
    """They are loaded when they are wanted, and just then the network may be gone, or the server a newer one that has others."""
    work.upload({"table.csv": "name,age\nAda,36\n", "loop.py": "import time\nwhile True:\n    time.sleep(1)\n"})
    work.run("loop.py")
    work.open_file("table.csv")
    context = work.page.context
    context.set_offline(True)
    work.page.get_by_role("button", name="Preview").click()
    expect(work.page.get_by_role("alert").filter(has_text="Connection lost")).to_be_visible()
    context.set_offline(False)
    expect(work.page.get_by_role("cell", name="Ada")).to_be_visible()  # by itself, once there is a network again
    context.route("**/assets/Examples-*", lambda route: route.fulfill(status=404))
    work.page.keyboard.press("F1")
    work.page.keyboard.type("examples")
    work.page.keyboard.press("Enter")
    broken = work.page.get_by_role("alert").filter(has_text="can't be shown")
    expect(broken).to_be_visible()
    expect(work.badge("loop.py")).to_have_text("running")
    context.unroute("**/assets/Examples-*")
    work.stop("loop.py")
    expect(work.badge("loop.py")).to_have_text("stopped")
    broken.get_by_role("button", name="Try again").click()
    expect(work.page.get_by_role("dialog", name="Examples")).to_be_visible()
