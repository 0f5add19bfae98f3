"""Programs that mean harm: to the machine, to their neighbours, to the server. None of it may matter to anybody else."""
import secrets
import time
import uuid

import pytest

from support import procs
from support.runs import Run, run

pytestmark = [pytest.mark.kgw, pytest.mark.oci]


@pytest.fixture(autouse=True)
def nobody_else_notices(server):
    """After each: the server is there and small, a kernel and a program work at once."""
    yield
    kernel_id = server.start_kernel(name="python3")
    with server.channels(kernel_id, timeout=60) as c:
        assert c.execute("6*7").result == "42"
    server.delete(f"/api/kernels/{kernel_id}")
    assert server.rss_kb() < 400 * 1024


def test_kill_everything_it_can_see(server):
    """kill(-1, 9) and signals to PID 1: the agent survives and tells the end."""
    code = ("import os, signal\nfor s in (9, 15, 19, 1, 2, 11):\n    try: os.kill(1, s)\n"
            "    except PermissionError: pass\nprint('agent lives', flush=True)\nos.kill(-1, 9)")
    model, out, _ = run(server, code)
    assert out == "agent lives\n"
    assert model["state"] == "exited" and model["signal"] in (9, None)


def test_stops_itself(server):
    """SIGSTOP doesn't hold a run past its time."""
    model, _, _ = run(server, "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", limits={"wall_s": 1})
    assert model["reason"] == "timeout"


def test_ignores_all_signals(server):
    r = Run(server, "import signal, time\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n"
                    "    except (OSError, ValueError): pass\nprint('deaf', flush=True)\nwhile True: time.sleep(1)")
    r.wait_output("deaf")
    r.signal("TERM")
    r.signal("INT")
    time.sleep(0.2)
    r.signal("KILL")
    assert r.wait(10)["reason"] in ("stopped", "signal")


def test_processor_share(server, boxd):
    """Four busy processes together stay near half a core."""
    mark = f"mark-{uuid.uuid4()}"
    r = Run(server, "import os\nfor _ in range(3):\n    if os.fork() == 0: break\nprint('busy', flush=True)\nwhile True: pass",
            args=[mark], limits={"wall_s": 10})
    r.wait_output("busy")
    time.sleep(0.5)  # what it is lent for its start is over

    def used():
        return sum(sum(map(int, open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[11:13]))
                   for p in procs.with_marker(mark)) / 100

    before, begun = used(), time.monotonic()
    time.sleep(3)
    share = (used() - before) / (time.monotonic() - begun)
    r.signal("KILL")
    r.wait(10)
    assert share < 0.8, f"{share:.2f} cores"


def test_memory_outside_the_heap(server):
    """Shared memory, tmpfs and pipes count as well."""
    for code in ("import mmap\nm = mmap.mmap(-1, 1 << 30)\nfor i in range(0, 1 << 30, 4096): m[i] = 1",
                 "import os\nfor i in range(2000):\n    r, w = os.pipe()\n    os.set_blocking(w, False)\n"
                 "    try: os.write(w, b'x' * 65536)\n    except OSError: pass\nprint('end')"):
        model, out, _ = run(server, code, limits={"wall_s": 15})
        assert model["reason"] in ("oom", "exit", "timeout") and (model["exit_code"] != 0 or "end" in out), model


def test_garbage_in_the_output(server):
    """Escapes, NULs, invalid UTF-8, what looks like a link record: only text to everybody else."""
    code = ("import os\nos.write(1, bytes(range(256)) * 200)\nos.write(1, b'\\x03\\0\\0\\0' * 5000)\n"
            "os.write(1, b'\\xf4\\x90\\x80\\x80\\xed\\xa0\\x80' * 1000)\nos.write(2, b'{\"id\":1,\"ok\":true}\\n')")
    r = Run(server, code)
    events = list(r.events())
    assert events[-1]["exit"]["exit_code"] == 0
    assert "\ufffd" in r.output()


def test_one_endless_line(server):
    model, _, _ = run(server, "import os\nb = b'a' * 65536\nwhile True: os.write(1, b)", limits={"wall_s": 5})
    assert model["reason"] in ("output_limit", "timeout")


def test_link_of_its_own_in_the_work_folder(server):
    """A link left in /work leads no one out of the box."""
    model, out, _ = run(server, "import os\nos.symlink('/etc/passwd', 'link'); os.symlink('/', 'root')\n"
                                "print(open('link').read().count('/work'))")
    assert model["exit_code"] == 0, out


def test_ports_of_two_programs_do_not_meet(server):
    """Both bind the same port; neither reaches the other."""
    secret = secrets.token_hex(8)
    serve = ("import socket\ns = socket.create_server(('0.0.0.0', 5000)); print('bound', flush=True)\n"
             f"s.settimeout(4)\ntry:\n    c, _ = s.accept(); c.send(b'{secret}'); print('VISITED')\nexcept OSError: pass")
    first, second = Run(server, serve), Run(server, serve)
    first.wait_output("bound")
    second.wait_output("bound")
    _, out, _ = run(server, "import socket\ntry: print(socket.create_connection(('127.0.0.1', 5000), 1).recv(99))\n"
                            "except OSError as e: print('refused', e.errno)")
    assert "refused" in out
    for r in (first, second):
        r.wait(15)
        assert "VISITED" not in r.output()


def test_abstract_sockets_of_two_boxes_do_not_meet(server):
    code = "import socket, time\ns = socket.socket(socket.AF_UNIX); s.bind('\\0meet'); s.listen(); print('bound', flush=True); time.sleep(2)"
    first, second = Run(server, code), Run(server, code)
    assert "bound" in first.wait_output("bound") and "bound" in second.wait_output("bound")
    first.wait()
    second.wait()


def test_kernel_sabotages_its_own_sockets(server, kernel):
    """Sockets replaced by links to other places, connection file rewritten: a restart brings a kernel that works."""
    with server.channels(kernel) as c:
        out = c.execute(
            "import os, glob\nfor p in glob.glob('/run/kernel/*'):\n    try:\n        os.rename(p, p + '.old')\n"
            "        os.symlink('/run/kgw/link', p)\n    except OSError as e: print(e)\nprint('done')")
        assert "done" in out.stdout
        assert server.post(f"/api/kernels/{kernel}/restart", {}).status_code in (200, 500, 503, 504)
        if server.kernel(kernel)["execution_state"] != "dead":
            assert c.execute("1", timeout=60).result == "1"


def test_kernel_floods_all_its_channels(server, kernel):
    """Forged messages by the kernel's own sockets reach only its own readers; the server stands."""
    code = """
import json, glob, zmq, os
from ipykernel.kernelapp import IPKernelApp
session = get_ipython().kernel.session
socket = get_ipython().kernel.iopub_socket
for i in range(2000):
    session.send(socket, 'stream', {'name': 'stdout', 'text': 'forged'}, parent={'msg_id': 'x' * 1000}, ident=b'\\xff' * 300)
print('end')
"""
    with server.channels(kernel) as c:
        out = c.execute(code, timeout=60)
        assert out.reply is not None
        c.others.clear()
        assert c.execute("1", timeout=60).result == "1"


def test_huge_message_from_the_kernel(server, kernel):
    """80 MB in one message: delivered, or refused in words; the server goes on."""
    with server.channels(kernel, timeout=60) as c:
        c.send_execute("from IPython.display import publish_display_data\n"
                       "publish_display_data({'text/plain': 'x' * 60_000_000})")
        time.sleep(4)
        assert server.get("/api/status").status_code == 200


def test_pins_its_box_with_detached_children(server):
    """Double forks, sessions of their own, children stopped: all gone with the run."""
    mark = f"mark-{uuid.uuid4()}"
    code = ("import os, signal, time\nfor i in range(20):\n    if os.fork() == 0:\n        os.setsid()\n"
            "        if os.fork() == 0:\n            if i % 2: os.kill(os.getpid(), signal.SIGSTOP)\n"
            "            while True: time.sleep(1)\n        os._exit(0)\nprint('ready', flush=True); time.sleep(0.3)")
    r = Run(server, code, args=[mark])
    r.wait_output("ready")
    assert r.wait(15)["exit_code"] == 0
    assert procs.wait_until(lambda: not procs.with_marker(mark)), procs.with_marker(mark)
