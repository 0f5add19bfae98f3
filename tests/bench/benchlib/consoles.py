"""
A flood of printed lines as a person sees it: in the browser client's console, and in a cell of JupyterLab, on its own server and
on ours. The same Chromium and the same program; pages one after the other, each in a fresh profile.
"""
import argparse
import contextlib
import json
import os
import pathlib
import tempfile
import time
import types

from playwright.sync_api import TimeoutError as Late
from playwright.sync_api import expect, sync_playwright

from conftest import Made
from support.browser import CHROMIUM, FLAGS
from support.ide import open_ide
from support.jupyterlab import Lab, jupyterlab

PROGRAM = """import time
begun = time.monotonic()
for i in range({lines}):
    print(f'\\x1b[32mline {{i:07}} {{"x" * 40}}\\x1b[0m' if i % 10 == 0 else f'line {{i:07}} {{"x" * 48}}', flush=i % 500 == 499)
    if i % 500 == 499:
        time.sleep(max(0, begun + i / {rate} - time.monotonic()))
"""

WATCH = """() => {
    window.tasks = [];
    new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(e => e.duration))).observe({type: 'longtask'});
}"""


class Page:
    """What the page's thread has done since start()."""

    def __init__(self, page):
        self.page = page
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("Performance.enable", {"timeDomain": "threadTicks"})

    def metrics(self):
        return {m["name"]: m["value"] for m in self.cdp.send("Performance.getMetrics")["metrics"]}

    def start(self):
        self.page.evaluate(WATCH)
        self.before, self.begun = self.metrics()["TaskDuration"], time.monotonic()

    def result(self, shown, done):
        """shown: a script that counts the lines which can be had on the page; done: whether it had come to the end by then."""
        seconds = time.monotonic() - self.begun
        after = self.metrics()
        tasks = self.page.evaluate("window.tasks")
        return {"seconds": seconds if done else None, "cpu_s": after["TaskDuration"] - self.before,
                "long_tasks": len(tasks), "longest_ms": max(tasks, default=0), "blocked_s": sum(tasks) / 1000,
                "nodes": self.page.evaluate("document.querySelectorAll('*').length"),
                "heap_mb": after["JSHeapUsedSize"] / 1e6, "shown": self.page.evaluate(shown)}


def of_the_client(browser, lines, rate, wait, kept=None):
    """kept: lines that the console keeps; None: as the client has it."""
    made = Made(())
    work = None
    try:
        work = open_ide(browser, made.server)
        if kept:
            work.settings("Lines kept in a console", str(kept))
        work.upload({"flood.py": "input()\n" + PROGRAM.format(lines=lines, rate=rate)})
        work.run("flood.py")
        page = Page(work.page)
        page.start()
        work.type("flood.py", "")
        expect(work.badge("flood.py")).to_have_text("exit 0", timeout=wait * 1000)
        expect(work.log("flood.py")).to_contain_text(f"line {lines - 1:07}")
        usage = "parseInt(document.querySelector('.usage').textContent.replaceAll(',', ''))"
        return page.result(usage, True)
    finally:
        if work:
            work.page.context.close()
        made.stop()


def of_jupyterlab(browser, lines, rate, wait, made=None):
    server = made.server if made else types.SimpleNamespace(kind="jupyter_server")
    with tempfile.TemporaryDirectory() as home, jupyterlab(server, pathlib.Path(home), {"flood": [PROGRAM.format(lines=lines, rate=rate)]}) as url:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        try:
            tab = context.new_page()
            tab.goto(url("flood"))
            lab = Lab(tab)
            lab.wait_ready(1)
            page = Page(tab)
            page.start()
            lab.run(0, done=False)
            prompt = lab.cell(0).locator(".jp-InputPrompt")
            done = True
            try:
                tab.set_default_timeout(wait * 1000)
                expect(prompt).to_have_text("[1]:", timeout=wait * 1000)
            except (AssertionError, Late):
                done = False
            shown = "(document.querySelector('.jp-OutputArea')?.textContent.match(/line \\d{7}/g) ?? []).length"
            return page.result(shown, done)
        finally:
            context.close()


@contextlib.contextmanager
def ours():
    made = Made(())
    try:
        yield made
    finally:
        made.stop()


def of_the_client_all_kept(browser, lines, *args):
    return of_the_client(browser, lines, *args, kept=min(100_000, lines))


def of_jupyterlab_here(*args):
    with ours() as made:
        return of_jupyterlab(*args, made)


TARGETS = {"kernelgw's console, as it is": of_the_client, "kernelgw's console, all lines kept": of_the_client_all_kept,
           "JupyterLab, its own server": of_jupyterlab, "JupyterLab on kernelgw": of_jupyterlab_here}


def markdown(results, lines):
    rows = [f"| {lines:,} lines | until all is shown, s | processor of the page's thread, s | long tasks; longest, ms | blocked, s | elements | heap, MB | lines to be had |",
            "|---|---|---|---|---|---|---|---|"]
    for name, r in results.items():
        until = f"{r['seconds']:.1f}" if r["seconds"] is not None else "not reached"
        rows.append(f"| {name} | {until} | {r['cpu_s']:.2f} | {r['long_tasks']}; {r['longest_ms']:,.0f} | {r['blocked_s']:.1f} | {r['nodes']:,} | {r['heap_mb']:.0f} | {r['shown']:,} |")
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=50_000, help="lines a second")
    parser.add_argument("--wait", type=int, default=300, help="seconds that a page is given")
    parser.add_argument("--only", default="", help="first words of what is measured, with commas")
    parser.add_argument("--out", help="a file for the figures, as JSON")
    args = parser.parse_args()
    wanted = [name for name in TARGETS if not args.only or any(name.startswith(word) for word in args.only.split(","))]
    if not wanted:
        parser.error(f"--only knows {', '.join(TARGETS)}")
    results = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS, chromium_sandbox=False)
        for name in wanted:
            print(f"{name}...", flush=True)
            results[name] = TARGETS[name](browser, args.lines, args.rate, args.wait)
        browser.close()
    print(f"\nload {os.getloadavg()[0]:.1f}\n\n{markdown(results, args.lines)}")
    if args.out:
        pathlib.Path(args.out).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
