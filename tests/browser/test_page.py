"""The plain page at /: a person signs in, gives a program of several files, talks to it, and stops another."""
import pytest
from playwright.sync_api import expect

from support.browser import chromium

pytestmark = pytest.mark.kgw

MAIN = """
import sys, time
from helper import greet
name = input("who? ")
print(greet(name), flush=True)
print("to stderr", file=sys.stderr, flush=True)
print("rest:", len(sys.stdin.read()), sys.argv[1:])
sys.exit(3)
"""
HELPER = "def greet(name):\n    return f'hello {name} \\u2728'\n"


@pytest.fixture
def page(server):
    with chromium() as page:
        yield page


def sign_in(page, server):
    page.goto(f"{server.url}/")
    expect(page.locator("#status")).to_have_text("Not signed in")
    page.get_by_label("Token").fill(server.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#status")).to_have_text("Ready")


def test_a_program_of_two_files_runs_with_input_and_its_end(server, page, tmp_path):
    sign_in(page, server)
    assert server.token not in page.url
    (tmp_path / "main.py").write_text(MAIN)
    (tmp_path / "helper.py").write_text(HELPER)
    page.locator("#pick").set_input_files([tmp_path / "main.py", tmp_path / "helper.py"])
    expect(page.locator("#entry")).to_have_value("main.py")
    page.get_by_label("Arguments").fill("one two")
    page.get_by_role("button", name="Run").click()
    console = page.locator("#console")
    expect(console).to_contain_text("who?")
    page.get_by_label("Input").fill("Ada")
    page.get_by_label("Input").press("Enter")
    expect(console).to_contain_text("hello Ada \u2728")
    expect(console.locator(".stderr")).to_contain_text("to stderr")
    page.get_by_label("Input").fill("12345")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name="End of input").click()
    expect(console).to_contain_text("rest: 6 ['one', 'two']")
    expect(page.locator("#status")).to_contain_text("Exit code 3")
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    assert not [line for line in page.said if line.startswith("error") and "403" not in line], page.said


def test_an_endless_program_is_stopped(server, page):
    page.goto(f"{server.url}/t/{server.token}/")
    expect(page.locator("#status")).to_have_text("Ready")
    page.locator("#text").fill("n = 0\nwhile True:\n    n += 1\n    print(n)\n")
    page.locator("#text").press("Control+Enter")
    expect(page.locator("#console")).to_contain_text("1000\n")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#status")).to_contain_text("Stopped")
    # The next run is not troubled by what is left of the first.
    page.get_by_role("button", name="Clear").click()
    page.locator("#text").fill("print('again')")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#status")).to_contain_text("Exit code 0")
    expect(page.locator("#console")).to_contain_text("again")


def test_a_page_of_another_origin_gets_nowhere_with_the_cookie(server, page):
    sign_in(page, server)
    other = server.url.replace("127.0.0.1", "localhost")
    page.goto(f"{other}/")
    status = page.evaluate("""async (url) => {
        try {
            return (await fetch(url + '/api/runs', {method: 'POST', credentials: 'include', mode: 'no-cors', body: '{}'})).type;
        } catch (error) {
            return String(error);
        }
    }""", server.url)
    assert "Refused" in status or "TypeError" in status, status  # its own policy stops it before ours has to
    assert server.get("/api/runs").json() == [] or all(r["state"] == "exited" for r in server.get("/api/runs").json())
