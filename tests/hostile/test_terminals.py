"""Programs that mean harm with the terminal that they were given, or with those that they make."""
import pytest

from support.runs import Run, run

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

ASK = """
import errno, fcntl, os, struct, termios
def ask(name, number, arg=0, fd=0):
    try:
        fcntl.ioctl(fd, number, arg)
        print(name, 'ok')
    except OSError as e:
        print(name, errno.errorcode[e.errno])
"""


def test_no_typing_for_others_and_no_other_line_disciplines(server):
    code = ASK + """
ask('TIOCSTI', termios.TIOCSTI, b'x')
ask('TIOCSTI64', termios.TIOCSTI | 1 << 32, b'x')
ask('TIOCLINUX', 0x541c, b'\\2')
ask('TIOCCONS', 0x541d)
for line in range(30):
    ask('TIOCSETD', 0x5423, struct.pack('i', line))
ask('TIOCVHANGUP', 0x5437)
master, slave = os.openpty()
ask('TIOCSTI', termios.TIOCSTI, b'x', slave)
ask('TIOCSETD', 0x5423, struct.pack('i', 13), slave)
"""
    for tty in ({}, None):
        model, out, _ = run(server, code, tty=tty)
        answers = [line.split() for line in out.splitlines()]
        assert model["exit_code"] == 0 and len(answers) == 37
        assert {code for _, code in answers} <= {"EPERM"} if tty is not None else "ok" not in out


def test_a_box_cannot_have_all_terminals_of_the_machine(server):
    """The kernel counts them over all boxes."""
    holder = Run(server, "import os\nheld = []\n"
                         "try:\n    while True: held.append(os.openpty())\nexcept OSError as e: print(len(held), e.strerror, flush=True)\ninput()",
                 tty={})
    count, why = holder.wait_output("\n").strip().split(" ", 1)
    assert 4 <= int(count) <= 16 and why == "No space left on device"
    _, out, _ = run(server, "import os; print(os.isatty(0))", tty={})
    assert out == "True\r\n", "others have theirs"
    holder.signal("KILL")
    assert holder.wait()["reason"] == "stopped"


def test_what_is_typed_and_never_read_is_bounded(server):
    r = Run(server, "import termios, time, tty\ntty.setraw(0)\nprint('deaf', flush=True)\ntime.sleep(60)", tty={}, limits={"wall_s": 60})
    r.wait_output("deaf")
    before = server.rss_kb()
    codes = {r.stdin(b"x" * (1 << 18)).status_code for _ in range(40)}
    assert codes == {204, 429}
    assert server.rss_kb() < before + 16 * 1024
    assert r.signal("KILL").status_code == 204 and r.wait()["reason"] == "stopped"


def test_output_that_was_stopped_does_not_hold_its_end(server):
    """^S and its kin: who waits for a terminal that takes nothing is ended all the same."""
    r = Run(server, "import os, termios\ntermios.tcflow(1, termios.TCOOFF)\nos.write(1, b'x' * 100000)", tty={}, limits={"wall_s": 2})
    assert r.wait()["reason"] in ("timeout", "exit")


def test_hanging_on_to_the_terminal(server):
    """Children in sessions of their own that hold it, write to it and ignore its end."""
    code = ("import os, signal, time\nfor i in range(10):\n    if os.fork() == 0:\n        os.setsid()\n"
            "        for s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\n        while True:\n            os.write(1, b'.')\n"
            "            time.sleep(0.01)\ntime.sleep(0.2)\nos._exit(4)")
    model, out, _ = run(server, code, tty={})
    assert model["exit_code"] == 4 and "." in out


def test_a_flood_ends_at_its_limit(server):
    model, _, _ = run(server, "import os\nwhile True: os.write(1, b'\\x1b[31m' + b'y' * 60000)", tty={}, limits={"wall_s": 60})
    assert model["reason"] in ("output_limit", "timeout") and model["stdout_bytes"] > 0
