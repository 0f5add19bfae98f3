"""Variables given to one kernel's start never reach another. (Kernel Gateway and Enterprise Gateway leak them.)"""
import concurrent.futures

import pytest

SHOW = "import os; print(sorted((k, v) for k, v in os.environ.items() if k.startswith('KERNEL_TAG')))"


@pytest.mark.kgw
def test_twenty_concurrent_starts(server):
    def start(i):
        env = {"KERNEL_TAG": f"secret-{i}", f"KERNEL_TAG_{i}": "x"} if i % 2 else {}
        return i, server.start_kernel(name="python3", **({"env": env} if env else {}))

    ids = []
    try:
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            ids = list(pool.map(start, range(20)))
        assert len({kernel_id for _, kernel_id in ids}) == 20
        for i, kernel_id in ids:
            with server.channels(kernel_id, timeout=90) as c:
                wanted = [("KERNEL_TAG", f"secret-{i}"), (f"KERNEL_TAG_{i}", "x")] if i % 2 else []
                assert c.execute(SHOW).stdout.strip() == str(wanted)
    finally:
        for _, kernel_id in ids:
            server.delete(f"/api/kernels/{kernel_id}")


@pytest.mark.kgw
def test_later_kernel_sees_nothing(server):
    ids = [server.start_kernel(name="python3", env={"KERNEL_TAG": f"secret-{i}"}) for i in range(3)]
    ids.append(server.start_kernel(name="python3"))
    try:
        with server.channels(ids[-1], timeout=60) as c:
            assert c.execute(SHOW).stdout.strip() == "[]"
    finally:
        for kernel_id in ids:
            server.delete(f"/api/kernels/{kernel_id}")


@pytest.mark.kgw
def test_server_secrets_are_not_in_kernels(server, channels):
    out = channels.execute("import os; print(dict(os.environ)); print(open('/proc/self/environ').read())")
    assert server.token not in out.stdout
    # The process engine knows its children by this one.
    assert "KERNELGW" not in out.stdout.replace("KERNELGW_BOX", "")


@pytest.mark.kgw
def test_start_variables_are_in_place_before_the_first_cell(server):
    """Those that matter before the interpreter starts, too."""
    kernel_id = server.start_kernel(name="python3", env={"PYTHONHASHSEED": "0", "MY_VALUE": "ü = \"x\" $HOME\n2"})
    try:
        with server.channels(kernel_id, timeout=60) as c:
            assert c.execute("hash('a') == int(__import__('subprocess').run("
                             "['python3', '-c', 'print(hash(\"a\"))'], capture_output=True).stdout)").result == "True"
            assert c.execute("import os; os.environ['MY_VALUE']").result == repr('ü = "x" $HOME\n2')
            # Nothing of how they got there shows.
            assert c.execute("In[1]").result is not None
            history = c.request("history_request", {
                "hist_access_type": "range", "session": 0, "start": 1, "stop": 10, "output": False, "raw": True})
            assert all("MY_VALUE" not in h[2] or "os.environ['MY_VALUE']" in h[2] for h in history["history"])
            assert c.execute("'MY_VALUE' in dir()").result == "False"
    finally:
        server.delete(f"/api/kernels/{kernel_id}")


@pytest.mark.kgw
def test_first_cell_is_number_one(server, kernel):
    """What warmed the kernel left no trace: no name, no history, no count."""
    with server.channels(kernel) as c:
        out = c.execute("print(sorted(n for n in dir() if not n.startswith('_'))); print(In)")
        assert out.reply["content"]["execution_count"] == 1
        assert out.stdout.splitlines()[0] == "['In', 'Out', 'exit', 'get_ipython', 'open', 'quit']"
