"""Cells that mean harm to what runs them."""
import pytest

from support import languages, runs

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def javascript(made_of):
    if "javascript" not in languages.offered():
        pytest.skip("javascript was not set up")
    made = made_of("--languages", "javascript", "--stock-kernels", "1", "--stock-boxes", "0")
    yield made.server
    made.stop()


def test_what_keeps_the_next_cell_from_beginning_is_interrupted(javascript):
    """A loop of promises that its cell has left behind: nothing that comes is read, an interrupt gets through."""
    kernel_id = javascript.start_kernel(name="javascript")
    with javascript.channels(kernel_id, timeout=30) as c:
        assert c.execute("kept = 'kept'; (function f() { Promise.resolve().then(f) })(); 1").status == "ok"
        msg_id = c.send_execute("2")
        c.wait_status("busy")
        assert javascript.post(f"/api/kernels/{kernel_id}/interrupt", {}).status_code == 204
        assert c.outcome(msg_id).reply["content"]["ename"] == "KeyboardInterrupt"
        assert c.execute("kept").result == "'kept'"
    javascript.delete(f"/api/kernels/{kernel_id}")


def test_a_death_is_not_explained_by_an_earlier_childs(javascript):
    kernel_id = javascript.start_kernel(name="javascript")
    with javascript.channels(kernel_id, timeout=30) as c:
        hungry = "require('child_process').spawnSync('sh', ['-c', 'head -c 1000m /dev/zero | tail']).status"
        assert c.execute(hungry).result == "137"
        assert c.execute("process.kill(process.pid, 9)").reply["content"]["evalue"] == "the kernel's evaluator was killed (signal 9)"
        assert "ran out of memory" in c.execute("'x'.repeat(2 ** 28).split('')").reply["content"]["evalue"]
    javascript.delete(f"/api/kernels/{kernel_id}")


@pytest.mark.skipif("cpp" not in languages.offered(), reason="cpp was not set up")
def test_a_line_of_many_strings_is_scanned_in_time(made_of):
    """What an entry includes is looked for without going back to the beginning of the line at each string."""
    made = made_of("--languages", "cpp", "--stock-kernels", "0", "--stock-boxes", "1")
    try:
        code = "#if 0\n" + '"a" ' * 700_000 + "\n#endif\nint main() { }\n"
        model, _, err = runs.run(made.server, code, entry="main.cpp", language="cpp")
        assert (model["exit_code"], err) == (0, ""), model
    finally:
        made.stop()


def test_what_json_has_no_word_for_is_kept_all_the_same(server, kernel):
    """NUL, NaN, halves of pairs: a cell over HTTP ends, and what it gave is there."""
    def outputs(code):
        r = server.post(f"/api/kernels/{kernel}/execute", {"code": code, "timeout_s": 10})
        assert r.status_code == 200
        return r.json()

    assert outputs("print('a\\0b')")["outputs"][0]["text"] == "a\0b\n"
    raised = outputs("raise ValueError('a\\0b')")
    assert (raised["status"], raised["evalue"], raised["outputs"][0]["evalue"]) == ("error", "a\0b", "a\0b")
    shown = outputs("ip = get_ipython()\n"
                    "ip.kernel.session.pack = lambda o: __import__('json').dumps(o, default=str).encode()\n"
                    "from IPython.display import display\n"
                    "display({'application/json': {'x': float('nan')}, 'text/plain': '\\ud800'}, raw=True)")
    assert shown["outputs"][0]["data"] == {"application/json": {"x": None}, "text/plain": "\ufffd"}, shown


@pytest.mark.skipif("bash" not in languages.offered(), reason="bash was not set up")
def test_a_shell_without_aliases_goes_on(made_of):
    """`unalias -a` is what scripts begin with."""
    made = made_of("--languages", "bash", "--stock-kernels", "1", "--stock-boxes", "0")
    try:
        kernel_id = made.server.start_kernel(name="bash")
        with made.server.channels(kernel_id, timeout=30) as c:
            assert c.execute("unalias -a; alias hello='echo hello'").status == "ok"
            assert c.execute("hello").stdout == "hello\n"
    finally:
        made.stop()
