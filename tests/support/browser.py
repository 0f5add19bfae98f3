"""A headless Chromium, the one of the system: nothing is downloaded."""
import contextlib
import os
import tempfile

from playwright.sync_api import sync_playwright

CHROMIUM = os.environ.get("KERNELGW_CHROMIUM", "/usr/bin/chromium")

# No network but this machine's: without these Chromium looks up its maker's hosts at each start.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--force-color-profile=srgb"]


@contextlib.contextmanager
def chromium(width=1280, height=1000):
    """A page in a browser with a fresh profile. What its console says is in page.said."""
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, headless=True, args=FLAGS,
            viewport={"width": width, "height": height}, chromium_sandbox=False)
        try:
            page = context.pages[0] if context.pages else context.new_page()
            page.said = []
            page.on("console", lambda m: page.said.append(f"{m.type}: {m.text}"))
            page.set_default_timeout(30_000)
            yield page
        finally:
            context.close()
