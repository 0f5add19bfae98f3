"""Programs with a terminal: shells, editors and interpreters that ask for one (docs/PROTOCOL.md)."""
import signal
import time

import pytest

from support.runs import Run, run

from e2e.test_mux import Mux

pytestmark = pytest.mark.kgw

TTY = {"rows": 30, "cols": 100}
CURSES = """
import curses, locale
locale.setlocale(locale.LC_ALL, '')
def main(screen):
    while True:
        rows, cols = screen.getmaxyx()
        screen.erase()
        screen.addstr(1, 2, f'{rows}x{cols}', curses.A_BOLD)
        screen.refresh()
        key = screen.getch()
        if key == ord('q'):
            return
curses.wrapper(main)
print('bye')
"""


def test_a_program_has_a_terminal(server):
    model, out, err = run(server, "import os, sys\nprint(os.isatty(0), os.isatty(1), os.isatty(2), os.get_terminal_size())\n"
                                  "print(os.environ['TERM'], os.environ['COLORTERM'], file=sys.stderr)\nopen('/dev/tty', 'w').write('tty')",
                          tty=TTY)
    assert model["exit_code"] == 0 and model["tty"] is True
    assert out == "True True True os.terminal_size(columns=100, lines=30)\r\nxterm-256color truecolor\r\ntty" and err == ""


def test_without_it_there_is_none(server):
    model, out, _ = run(server, "import os\nprint(os.isatty(0), os.environ.get('TERM'))\n"
                                "try: open('/dev/tty')\nexcept OSError as e: print(e.strerror)")
    assert out.startswith("False None\nNo such device") and model["tty"] is False


def test_variables_of_the_request_win(server):
    _, out, _ = run(server, "import os; print(os.environ['TERM'])", tty={}, env={"TERM": "dumb"})
    assert out == "dumb\r\n"


def test_an_interpreter_is_talked_to(server):
    """As `python -i`: prompts, editing by readline, ^C at the prompt, ^D as its end."""
    r = Run(server, "answer = 7", env={"PYTHONINSPECT": "1"}, tty=TTY, limits={"wall_s": 60})
    r.wait_output(">>> ")
    assert r.stdin(b"6 *\x7f* answer\r").ok
    r.wait_output("\r\n42\r\n")
    assert r.stdin(b"import time; time.sleep(60)\r").ok
    time.sleep(0.3)
    assert r.stdin(b"\x03").ok
    r.wait_output("KeyboardInterrupt")
    assert r.stdin(b"'still ' + 'here'\r").ok
    r.wait_output("'still here'")
    assert r.stdin(eof=True).ok
    assert r.wait()["exit_code"] == 0


def test_curses_and_resizing(server):
    r = Run(server, CURSES, tty=TTY)
    r.wait_output("30x100")
    assert server.post(f"/api/runs/{r.id}/resize", {"rows": 40, "cols": 132}).status_code == 204
    r.wait_output("40x132")
    assert r.stdin(b"q").ok
    assert r.wait()["exit_code"] == 0 and r.output().endswith("bye\r\n")


def test_a_size_that_comes_before_the_program_runs(server):
    r = Run(server, "import os, time\ntime.sleep(1)\nprint(os.get_terminal_size())", tty={})
    assert server.post(f"/api/runs/{r.id}/resize", {"cols": 33}).status_code == 204
    r.wait()
    assert "columns=33, lines=24" in r.output()


def test_input_given_with_the_run_is_typed(server):
    _, out, _ = run(server, "import sys; print(repr(sys.stdin.read()))", tty={}, stdin="one\ntwo")
    assert out.endswith("'one\\ntwo'\r\n")


def test_interrupt_reaches_the_job_in_front_alone(server):
    r = Run(server, "import os; os.execvp('bash', ['bash', '--norc', '-i'])", tty=TTY, limits={"wall_s": 60})
    r.wait_output("$ ")
    assert r.stdin(b"PS1='p> '; sleep 60; echo it was $?\r").ok
    time.sleep(0.5)
    assert r.signal("INT").status_code == 204
    r.wait_output("p> ")
    assert r.stdin(b"echo $((6 * 7)); exit 3\r").ok
    assert r.wait()["exit_code"] == 3 and r.output().endswith("42\r\nexit\r\n")


def test_limits_hold(server):
    model, _, _ = run(server, "input()", tty={}, limits={"wall_s": 1})
    assert model["reason"] == "timeout"
    r = Run(server, "input()", tty={})
    r.wait_running()
    assert r.signal("KILL").status_code == 204
    assert r.wait()["reason"] == "stopped"


@pytest.mark.parametrize("tty", [True, "yes", [], {"rows": 0}, {"rows": 1001}, {"cols": -1}, {"cols": 1.5}, {"cols": "80"}, {"lines": 3}],
                         ids=str)
def test_bad_sizes(server, tty):
    r = server.post("/api/runs", {"language": "python", "entry": "a.py", "files": [{"path": "a.py", "content": ""}], "tty": tty})
    assert r.status_code == 400 and "tty" in r.json()["message"], r.text


def test_resizing_what_has_no_terminal_or_has_ended(server):
    plain = Run(server, "input()")
    assert server.post(f"/api/runs/{plain.id}/resize", {"rows": 3, "cols": 3}).status_code == 400
    plain.stdin(eof=True)
    r = Run(server, "pass", tty={})
    r.wait()
    assert server.post(f"/api/runs/{r.id}/resize", {"rows": 3, "cols": 3}).status_code == 410
    assert server.post(f"/api/runs/{r.id}/resize", {"rows": "x"}).status_code == 400
    assert server.post("/api/runs/no-such/resize", {"rows": 3, "cols": 3}).status_code == 404


def test_over_the_pages_socket(server):
    r = Run(server, CURSES, tty=TTY)
    with Mux(server) as m:
        m.say(t="open", ch=1, run=r.id)
        text = ""

        def until(what):
            nonlocal text
            while what not in text:
                got = m.take()
                text += got[2] if isinstance(got, tuple) else ""
        until("30x100")
        m.say(t="resize", ch=1, tty={"rows": 25, "cols": 61})
        until("25x61")
        m.say(t="resize", ch=1, tty={"rows": 0})
        assert "tty.rows" in m.wait("error", 1)["message"]
        m.say(t="stdin", ch=1, text="q")
        until("bye\r\n")
        assert m.wait("run", 1)["run"]["exit_code"] == 0


@pytest.mark.oci
def test_it_outlives_the_server(make_server):
    it = make_server()
    server = it.server
    r = Run(server, CURSES, tty=TTY, limits={"wall_s": 120})
    r.wait_output("30x100")
    server.process.kill(signal.SIGKILL)
    r.server = server = it.start_server()
    assert server.post(f"/api/runs/{r.id}/resize", {"cols": 77}).status_code == 204
    r.wait_output("30x77")
    assert r.stdin(b"q").ok and r.wait()["exit_code"] == 0
