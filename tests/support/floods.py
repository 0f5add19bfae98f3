"""Floods of output in the browser client, and what they do to the page's thread: for tests, and for tests/bench/page."""
import re

from playwright.sync_api import expect

# It waits for a line first: what starting costs stays out of the figures.
ENDLESS = "input()\ni = 0\nwhile True:\n    print(i)\n    i += 1\n"

# Lines of 63 characters at a rate, a tenth of them coloured.
STEADY = """import time
input()
begun = time.monotonic()
for i in range({lines}):
    print(f'\\x1b[32mline {{i:07}} {{"x" * 40}}\\x1b[0m' if i % 10 == 0 else f'line {{i:07}} {{"x" * 48}}', flush=i % 500 == 499)
    if i % 500 == 499:
        time.sleep(max(0, begun + i / {rate} - time.monotonic()))
"""

WATCH = """() => {
    window.tasks = [];
    new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(e => Math.round(e.duration)))).observe({type: 'longtask'});
    window.rows = window.frames = 0;
    const look = () => {
        window.frames++;
        window.rows = Math.max(window.rows, document.querySelectorAll('.row').length);
        requestAnimationFrame(look);
    };
    look();
}"""

# When the words of a badge change, in the page's own time: what Playwright sees it sees later.
BADGE = """path => {
    const badge = document.querySelector(`[data-console="${path}"] .console-tools .badge`);
    const since = window.since = {};
    document.addEventListener('click', () => since.clicked ??= performance.now(), {capture: true, once: true});
    new MutationObserver(() => since[badge.textContent.trim()] ??= performance.now()).observe(badge, {subtree: true, childList: true, characterData: true});
}"""

PATHS = ("one.py", "two.py")


def side_by_side(work, left, right):
    """Both consoles in sight: the second goes beside the first."""
    work.show_console(right)
    tab = work.page.get_by_role("tab", name=re.compile(f"^{re.escape(right)} "))
    tab.drag_to(work.log(right), target_position={"x": 1000, "y": 120})
    expect(work.console(left)).to_be_visible()
    expect(work.console(right)).to_be_visible()


def stop(work, path):
    """Milliseconds from the click until the badge says "stopped": the server's word, where "stopping…" is the page's own."""
    work.page.evaluate(BADGE, path)
    work.stop(path)
    expect(work.badge(path)).to_have_text("stopped", timeout=20_000)
    since = work.page.evaluate("window.since")
    return since["stopped"] - since["clicked"]


def two_at_once(work, seconds):
    """
    Two endless floods in two consoles in sight, for so long; then both are stopped. The server has to allow that much output
    (--run-output-mb). Returns longest_ms (0: no task took 50), frames a second, rows and heap_mb at most, stop_ms of both.
    """
    work.upload(dict.fromkeys(PATHS, ENDLESS))
    for path in PATHS:
        work.run(path)
    side_by_side(work, *PATHS)
    for path in PATHS:
        work.console(path).get_by_label(f"Input for {path}").press("Enter")
    work.page.evaluate(WATCH)
    heap = 0
    for _ in range(seconds):
        work.page.wait_for_timeout(1000)
        heap = max(heap, work.page.evaluate("performance.memory.usedJSHeapSize"))
    frames = work.page.evaluate("window.frames")
    for path in PATHS:
        expect(work.badge(path)).to_have_text("running")
    stopped = [stop(work, path) for path in PATHS]
    return {"longest_ms": max(work.page.evaluate("window.tasks"), default=0), "frames": frames / seconds,
            "rows": work.page.evaluate("window.rows"), "heap_mb": heap / 1e6, "stop_ms": stopped}


def thread_time(page):
    """Returns busy(): seconds that the page's thread has had of the processor, which is not what others left of it."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    return lambda: next(m["value"] for m in cdp.send("Performance.getMetrics")["metrics"] if m["name"] == "TaskDuration")


def steady(work, lines, rate):
    """Returns the page's thread's seconds of the processor, and its longest task in milliseconds."""
    work.upload({"many.py": STEADY.format(lines=lines, rate=rate)})
    work.run("many.py")
    busy = thread_time(work.page)
    before = busy()
    work.page.evaluate(WATCH)
    work.type("many.py", "")
    expect(work.badge("many.py")).to_have_text("exit 0", timeout=30_000)
    return busy() - before, max(work.page.evaluate("window.tasks"), default=0)


def first_load(browser, server):
    """From a cold cache: milliseconds to the first paint and until a file can be edited, and the requests until then."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/?token={server.token}")
    page.get_by_role("textbox", name="Editor of main.py").wait_for()
    ready = page.evaluate("performance.now()")
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    requests = page.evaluate("performance.getEntriesByType('resource').length + 1")
    context.close()
    return painted, ready, requests
