"""Programs of a session on a server whose operator lets them out, to a fake internet (support/world.py)."""
import functools

import pytest

from support import servers, world
from support.runs import Run

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

ASK = """
import socket, sys
for host in sys.argv[1:]:
    try:
        with socket.create_connection((host, 80), 10) as s:
            print(host, s.recv(10).decode())
    except OSError as e:
        print(host, type(e).__name__)
"""


@pytest.fixture
def out(make_server, tmp_path):
    its_world = world.World()
    resolv = tmp_path / "resolv.conf"
    resolv.write_text(world.RESOLV)
    yield make_server(boxd_of=functools.partial(servers.Boxd, enter=its_world.machine(resolv),
                                                options=("--outside", "on"))).server
    its_world.close()


def said(server, hosts, **more):
    run = Run(server, ASK, args=hosts, **more)
    assert run.wait()["exit_code"] == 0, run.output()
    return dict(line.split(" ", 1) for line in run.output().splitlines())


def test_programs_of_a_session_reach_the_outside_by_name_and_nothing_that_is_inside(out):
    blocked = ["inside.test", "meta.test", "machine.test", *world.BLOCKED, world.HOST, world.HOST_PRIVATE]
    blocked.remove("47.0.0.9")  # which is another boxd's operator's list
    first = said(out, ["public.test", world.PUBLIC, *blocked], session="one", network="session")
    assert (first.pop("public.test"), first.pop(world.PUBLIC)) == ("hello", "hello")
    assert first == dict.fromkeys(blocked, "ConnectionRefusedError")
    # A box that joins, where the first one brought its own network; and one that is in none.
    holder = Run(out, "print('up', flush=True); input()", session="one", network="session")
    holder.wait_output("up")
    assert said(out, ["public.test"], session="one", network="session") == {"public.test": "hello"}
    assert said(out, ["public.test", world.PUBLIC, "inside.test"], session="one") == {
        "public.test": "gaierror", world.PUBLIC: "OSError", "inside.test": "gaierror"}
    assert out.get("/api/workspaces/one").json()["outside"] is True
    holder.stdin(eof=True)
    holder.wait()


def test_usual_servers_let_nobody_out(server):
    assert said(server, [world.PUBLIC, "public.test"], session="in", network="session") == {
        world.PUBLIC: "OSError", "public.test": "gaierror"}
    assert server.get("/api/workspaces/in").json()["outside"] is False
