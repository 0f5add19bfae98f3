"""
Fixtures of the end-to-end suites (tests/e2e, tests/hostile, tests/browser). One server with its boxd serves a whole
run; tests that kill theirs make their own by `make_server`. When all is over, nothing of any of them may be left.

KERNELGW_BUILD          where the programs were built (default: build/)
KERNELGW_BUILD_AGENT    where the agent was, if elsewhere
KERNELGW_IMAGES         unpacked images of the boxes (default: /var/lib/kernelgw/images)
KERNELGW_E2E_RUNTIMES   manifests (default: runtimes/ of this tree, if the gateway's user can read it)
KERNELGW_CLIENT         the built browser client (default: what client/build.sh makes)
KERNELGW_E2E_ENGINE     oci (default) or process: no boxes, tests of isolation are skipped
KERNELGW_E2E_SERVER     kernelgw (default); jupyter_server or kernel_gateway to test the tests
"""
import os

import pytest

from support import languages, procs, servers

SERVER = os.environ.get("KERNELGW_E2E_SERVER", "kernelgw")
ENGINE = os.environ.get("KERNELGW_E2E_ENGINE", "oci")

_everything = []  # (directory, boxd or None) of all that were started, for the look at the end
_looked = []  # what that look found, in words, of each process that ran tests (one, but for pytest -n)


def pytest_configure(config):
    config.addinivalue_line("markers", "kgw: of what only kernelgw has")
    config.addinivalue_line("markers", "oci: needs real boxes")


def pytest_report_header():
    out = languages.left_out()
    return f"languages: {', '.join(languages.offered())}" + (f"; not set up, left out: {', '.join(out)}" if out else "")


def of_another_server(item):
    """A test of what only kernelgw has, where a file's tests are run against Jupyter Server beside it."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    return params.get("service") == "jupyter_server" and item.get_closest_marker("kgw")


def pytest_collection_modifyitems(config, items):
    others = [item for item in items if of_another_server(item)]
    if others:
        items[:] = [item for item in items if item not in others]
        config.hook.pytest_deselected(items=others)
    for item in items:
        if item.get_closest_marker("kgw") and SERVER != "kernelgw":
            item.add_marker(pytest.mark.skip(reason=f"{SERVER} has nothing of the kind"))
        if item.get_closest_marker("oci") and (SERVER, ENGINE) != ("kernelgw", "oci"):
            item.add_marker(pytest.mark.skip(reason="no boxes in this run"))


class Made:
    """A directory with what runs in it: a boxd where the engine needs one, and a server. The server offers Python alone
    where the options don't say more: a warm stock of every language would keep the machine busy in every test."""

    def __init__(self, options=(), env=None, boxd_of=servers.Boxd):
        self.directory, self.boxd, self.server = servers.new_directory(), None, None
        self.options, self.env = ("--languages", "python", *options), env
        try:
            if SERVER == "kernelgw" and ENGINE == "oci":
                self.boxd = boxd_of(self.directory, servers.images_dir())
            self.start_server()
        except BaseException:
            self.stop()
            raise
        finally:
            _everything.append((self.directory, self.boxd))

    def start_server(self):
        if SERVER == "kernelgw":
            self.server = servers.start_kernelgw(self.directory, ENGINE, self.boxd, self.options, self.env)
        else:
            self.server = servers.start_reference(SERVER, self.directory)
        return self.server

    def logs(self):
        paths = sorted(self.directory.glob("*.log"))
        return "\n".join(f"--- {p.name}\n" + "\n".join(p.read_text(errors="replace").splitlines()[-40:]) for p in paths)

    def stop(self):
        try:
            if self.server:
                self.server.stop()
        finally:
            if self.boxd:
                self.boxd.stop()


@pytest.fixture(scope="session")
def made():
    it = Made()
    yield it
    it.stop()


@pytest.fixture
def server(made):
    assert made.server.process.alive(), f"the server died in an earlier test:\n{made.logs()}"
    return made.server


@pytest.fixture
def boxd(made):
    return made.boxd


@pytest.fixture
def make_server():
    """make_server(*options): another server with a boxd of its own, ended with the test."""
    mine = []

    def make(*options, **more):
        mine.append(Made(options, **more))
        return mine[-1]

    yield make
    for it in mine:
        it.stop()


@pytest.fixture(scope="session")
def made_of():
    """made_of(*options): the same for longer; whoever makes one stops it."""
    return lambda *options: Made(options)


@pytest.fixture
def kernel(server):
    """A kernel's id; deleted after the test."""
    kernel_id = server.start_kernel(name="python3")
    yield kernel_id
    server.delete(f"/api/kernels/{kernel_id}")


@pytest.fixture(scope="module")
def shared_kernel(made):
    """One for all tests of a file, where they do nothing to it: kernels cost half a second of processor each."""
    kernel_id = made.server.start_kernel(name="python3")
    yield kernel_id
    made.server.delete(f"/api/kernels/{kernel_id}")


@pytest.fixture(params=("v1", "json"))
def framing(request):
    return request.param


@pytest.fixture
def channels(server, kernel):
    with server.channels(kernel) as c:
        yield c


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure brings the last lines of the servers' logs."""
    report = (yield).get_result()
    if report.failed and report.when == "call":
        for directory, _ in _everything[-1:] if "make_server" in item.fixturenames else _everything[:1]:
            for path in sorted(directory.glob("*.log")):
                tail = path.read_text(errors="replace").splitlines()[-40:]
                report.sections.append((path.name, "\n".join(tail)))


def leaks():
    """What any server or boxd of this run left behind, in words."""
    found = []
    for directory, boxd in _everything:
        marker = str(directory)
        found += [f"process {pid}: {line}" for pid, line in procs.with_marker(marker).items()]
        found += [f"mount {point}" for point in procs.mounts_below(directory)]
        if boxd:
            found += [f"process {pid} in a box: {procs.cmdline(pid)}" for pid in boxd.pids()]
            found += [f"cgroup {path}" for path in boxd.cgroups() if path.name != boxd.cgroup_parent]
            found += [f"left in boxd's run directory: {p}" for p in boxd.run_dir.rglob("*") if p.is_dir() and any(
                c.isdigit() for c in p.name)]
    return found


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """A process that ran tests for this one has ended (pytest -n)."""
    _looked.append(getattr(node, "workeroutput", {}).get("left", [f"whatever {node.gateway.id} had: it did not come to its end"]))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    # Fixtures of the session are gone by now: what still lives has no owner.
    if _everything:
        left = [] if procs.wait_until(lambda: not leaks()) else leaks()
        _looked.append(left)
        if not left:
            clear_away()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left"] = sum(_looked, [])
    elif _looked:
        tell_of_leaks(session, sum(_looked, []))


def clear_away():
    for directory, boxd in _everything:
        if boxd:
            for path in sorted(boxd.cgroups(), reverse=True):
                path.rmdir()
        servers.remove(directory)


def tell_of_leaks(session, left):
    path = os.environ.get("KERNELGW_RESULTS")
    if path:
        suite = os.path.basename(str(session.config.args[0]).rstrip("/")) if session.config.args else "e2e"
        with open(path, "a") as results:
            results.write(f"{'fail' if left else 'pass'} {suite}::nothing_is_left_behind\n")
    if left:
        print("\nLEFT BEHIND:\n  " + "\n  ".join(left))
        session.exitstatus = max(session.exitstatus, 1)
