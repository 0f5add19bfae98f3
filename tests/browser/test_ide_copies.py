"""Copies of workspaces on a server that keeps files: there a moment after the browser has them, and for other browsers."""
import json
import os

import pytest
from playwright.sync_api import expect

from support import procs, servers
from support.ide import open_ide

pytestmark = pytest.mark.kgw


@pytest.fixture
def folder():
    path = servers.new_directory()
    user = servers.gateway_user()
    os.chown(path, user.pw_uid, user.pw_gid)
    yield path
    servers.remove(path)


def copied(folder, path, content):
    found = list(folder.glob(f"ide/*/{path}"))
    return len(found) == 1 and found[0].read_bytes() == content


def test_what_is_written_here_is_on_the_server_and_in_the_next_browser(browser, make_server, folder):
    server = make_server("--contents-dir", str(folder)).server
    work = open_ide(browser, server)
    status = work.page.get_by_role("contentinfo")
    work.upload({"kept.py": "print('first')\n", "data.bin": b"\x00\xff\x07", ".env": "SECRET=1\n"})
    expect(status).to_contain_text("on the server")
    assert procs.wait_until(lambda: copied(folder, "kept.py", b"print('first')\n") and copied(folder, "data.bin", b"\x00\xff\x07"))
    assert not list(folder.glob("ide/*/.env")), "the contents API has no such names"
    work.open_file("kept.py")
    work.write("kept.py", "print('second')\n")
    assert procs.wait_until(lambda: copied(folder, "kept.py", b"print('second')\n"))
    work.entry("data.bin").focus()
    work.page.keyboard.press("Delete")
    work.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    assert procs.wait_until(lambda: not list(folder.glob("ide/*/data.bin")))
    (described,) = folder.glob("ide/*.json")
    assert json.loads(described.read_text()) == {"name": "Workspace 1"}

    other = open_ide(browser, server)  # a profile of its own: another browser
    other.page.keyboard.press("F1")
    other.page.get_by_role("combobox").fill("workspaces")
    other.page.keyboard.press("Enter")
    other.page.get_by_role("button", name="Bring Workspace 1 here").click()
    other.run("kept.py")
    expect(other.log("kept.py")).to_contain_text("second")
    # it is another workspace: who writes here does not write there
    other.write("kept.py", "print('other')\n")
    assert procs.wait_until(lambda: sorted(p.read_text() for p in folder.glob("ide/*/kept.py")) == ["print('other')\n", "print('second')\n"])
    other.close()
    work.close()
