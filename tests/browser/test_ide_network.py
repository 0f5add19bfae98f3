"""The session's network in the browser client: programs that talk, who listens, and that each run has what was chosen for it."""
import os
import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

SERVER = """
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        print('asked for', self.path, flush=True)
        body = f'<title>mine</title>hello {self.headers.get("User-Agent", "").split("/")[0]}'.encode()
        self.send_response(200)
        self.send_header('Content-Type', 'text/html')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = HTTPServer(('', 5000), Handler)
print('serving', flush=True)
server.serve_forever()
"""

CLIENT = """
from urllib.request import urlopen
for host in ('localhost', 'server', 'server.py'):
    print(host, 'says', urlopen(f'http://{host}:5000/by/{host}', timeout=5).read().decode().split('>')[-1])
"""

ALONE = """
import socket
try:
    socket.create_connection(('localhost', 5000), 3)
    print('reached it')
except OSError as error:
    print('did not reach it:', error)
"""


def switch(work):
    return work.page.get_by_role("button", name="Network of this session", exact=True)


def ports(work):
    return work.page.get_by_role("button", name=re.compile(r"^(no ports|\d+ ports?)$"))


def test_two_programs_talk_by_localhost_and_by_name(work):
    page = work.page
    work.upload({"server.py": SERVER, "client.py": CLIENT, "alone.py": ALONE})
    expect(switch(work)).to_have_attribute("aria-pressed", "false")
    expect(ports(work)).to_have_count(0)
    switch(work).click()
    expect(switch(work)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("contentinfo")).to_contain_text(re.compile(r"net: kernelgw-session-\S+"))
    work.run("server.py")
    expect(work.log("server.py")).to_contain_text("serving")
    expect(work.console("server.py").get_by_role("img", name="in the session's network")).to_be_visible()
    work.run("client.py")
    for host in ("localhost", "server", "server.py"):
        expect(work.log("client.py")).to_contain_text(f"{host} says hello Python-urllib")
    expect(work.badge("client.py")).to_have_text("exit 0")
    expect(ports(work)).to_have_text("1 port")
    ports(work).click()
    listed = page.get_by_role("dialog", name="Network of this session")
    expect(listed).to_contain_text(re.compile(r"5000\s+server\.py"))
    assert work.axe() == []
    with page.context.expect_page() as opened:
        listed.get_by_role("link", name="Open port 5000").click()
    expect(opened.value).to_have_title("mine")
    expect(opened.value.locator("body")).to_contain_text("hello Mozilla")
    assert re.search(r"/api/workspaces/ide-[^/]+/ports/5000/$", opened.value.url)
    opened.value.close()
    page.keyboard.press("Escape")

    # what is switched applies to the next run, and to that alone
    page.keyboard.press("Alt+r")
    expect(switch(work)).to_have_attribute("aria-pressed", "false")
    work.run("alone.py")
    expect(work.log("alone.py")).to_contain_text("did not reach it")
    expect(work.console("alone.py").get_by_role("img", name="in the session's network")).to_have_count(0)
    work.show_console("server.py")
    expect(work.badge("server.py")).to_have_text("running")
    expect(ports(work)).to_have_text("1 port")
    work.stop("server.py")
    expect(work.badge("server.py")).to_have_text("stopped")
    expect(ports(work)).to_have_count(0)


def test_the_choice_is_the_workspaces_and_survives_a_reload(work):
    for on in ["true", "false"] * 5:  # at once: what a person did last is not lost, either
        switch(work).click()
        work.page.reload()
        expect(switch(work)).to_have_attribute("aria-pressed", on)


def test_the_example_talks_as_it_is(work):
    page = work.page
    page.keyboard.press("F1")
    page.get_by_role("combobox").fill("examples")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add Two programs that talk").click()
    expect(switch(work)).to_have_attribute("aria-pressed", "true")
    expect(work.editor("talk/server.py")).to_be_focused()
    page.keyboard.press("F5")
    expect(work.log("talk/server.py")).to_contain_text("listening on port 5000")
    work.run("talk/client.py")
    expect(work.log("talk/client.py")).to_contain_text("Hello, client by server, this is the server.")
    expect(work.badge("talk/client.py")).to_have_text("exit 0")
    work.show_console("talk/server.py")
    expect(work.log("talk/server.py")).to_contain_text("client by localhost is here")
    # for the README, where KERNELGW_SCREENSHOT_NETWORK says: both consoles side by side, and the list
    work.show_console("talk/client.py")
    page.get_by_role("tab", name=re.compile(r"^talk\/client.py exit")).drag_to(work.log("talk/client.py"), target_position={"x": 1000, "y": 120})
    expect(work.console("talk/server.py")).to_be_visible()
    ports(work).click()
    expect(page.get_by_role("dialog", name="Network of this session")).to_contain_text(re.compile(r"5000\s+talk/server\.py"))
    if "KERNELGW_SCREENSHOT_NETWORK" in os.environ:
        expect(page.locator(".toast")).to_have_count(0)
        page.screenshot(path=os.environ["KERNELGW_SCREENSHOT_NETWORK"])
