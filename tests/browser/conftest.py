"""One browser for all tests of a file: a start costs seconds, a fresh profile in it does not."""
import pytest
from playwright.sync_api import sync_playwright

from support.browser import CHROMIUM, FLAGS
from support.ide import open_ide


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        it = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS, chromium_sandbox=False)
        yield it
        it.close()


@pytest.fixture
def ide(browser):
    """ide(server, width, height): the client's page, closed after the test, which fails if a script of the page did."""
    opened = []

    def make(*args):
        opened.append(open_ide(browser, *args))
        return opened[-1]

    yield make
    for it in opened:
        it.close()


@pytest.fixture
def work(ide, server):
    return ide(server)
