"""Two servers on one machine, at one boxd: neither takes the other's boxes and networks for its own leavings."""
import signal

import pytest

from support import procs, servers
from support.runs import Run

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

OPTIONS = ("--languages", "python", "--stock-kernels", "1", "--stock-boxes", "1")
SERVE = "import socket\ns = socket.create_server(('127.0.0.1', 5000))\nprint('up', flush=True)\nwhile True: s.accept()[0].close()"
ASK = "import socket\nsocket.create_connection(('127.0.0.1', 5000), 5)\nprint('there')"


@pytest.fixture
def second(tmp_path_factory):
    """second(boxd): another server at that boxd."""
    mine = []

    def start(boxd):
        mine.append((servers.start_kernelgw(servers.new_directory(), boxd=boxd, options=OPTIONS)))
        return mine[-1]

    yield start
    for server in mine:
        if server.process.alive():
            server.stop()
        servers.remove(server.directory)


def alive(server, kernel, run):
    with server.channels(kernel) as c:
        assert c.execute("print(x)").stdout == "1\n"
    assert run.model()["state"] == "running"
    asked = Run(server, ASK, session="s", network="session")
    assert asked.wait()["exit_code"] == 0, asked.output()


def begin(server):
    kernel = server.start_kernel(name="python3")
    with server.channels(kernel) as c:
        c.execute("x = 1")
    run = Run(server, SERVE, session="s", network="session", limits={"wall_s": 300})
    run.wait_output("up")
    return kernel, run


def swept(server):
    return server.get("/api/status").json()["kernelgw"]["pool"]["sweeps"] > 0


def test_a_server_that_starts_leaves_anothers_boxes_alone(make_server, second):
    made = make_server(*OPTIONS)
    first = begin(made.server)
    other = second(made.boxd)
    assert procs.wait_until(lambda: swept(other))
    theirs = begin(other)
    alive(made.server, *first)
    alive(other, *theirs)
    # One that is killed and comes back gets its own, and still nothing of the other's.
    made.server.process.kill()
    again = made.start_server()
    assert procs.wait_until(lambda: again.get(f"/api/kernels/{first[0]}").status_code == 200 and swept(again))
    first[1].server = again
    alive(again, *first)
    alive(other, *theirs)
    # Through a restart of boxd both stay as they are.
    made.boxd.process.kill()
    made.boxd.start()
    for server in (again, other):
        assert procs.wait_until(lambda s=server: s.get("/api/status").json()["kernelgw"]["pool"]["engine_up"])
    alive(again, *first)
    alive(other, *theirs)
    for server in (again, other):
        server.delete("/api/workspaces/s")
    other.stop()
    assert again.get("/api/health").status_code == 200


def test_what_a_server_left_that_is_gone_is_cleaned_up_by_the_next(make_server, second):
    made = make_server(*OPTIONS)
    other = second(made.boxd)
    begin(other)
    other.process.kill(signal.SIGKILL)
    boxes = len(made.boxd.pids())
    third = second(made.boxd)  # another state folder: it knows nothing of them
    assert procs.wait_until(lambda: swept(third) and third.get("/api/status").json()["kernelgw"]["pool"]["swept"] >= 2)
    assert boxes > 0 and made.server.get("/api/health").status_code == 200
