"""
Tells each test's fate in one line, `pass NAME`, `fail NAME` or `skip NAME`, appended to the file that $KERNELGW_RESULTS
names, so that setup.sh can add up suites of different runners. Also prints the figures that tests record: what was
measured is worth reading, but no reason to fail on a busy machine.
"""
import os

import pytest

_fates = {}
_figures = []
_tells = True


def _name(nodeid):
    """e2e/test_api.py::test_x, whatever folder pytest was started in."""
    path, _, test = nodeid.partition("::")
    return "/".join(path.split("/")[-2:]) + "::" + test


def pytest_configure(config):
    """Where tests run in several processes (pytest -n), what each tells comes to the first as well, which passes it on."""
    global _tells
    _tells = not hasattr(config, "workerinput")


def pytest_runtest_logreport(report):
    name = _name(report.nodeid)
    if report.failed:
        _fates[name] = "fail"
    elif report.skipped:
        _fates.setdefault(name, "skip")
    elif report.when == "call":
        _fates.setdefault(name, "pass")
    if report.when == "teardown":
        _write(name, _fates.pop(name, "skip"))
        _figures.extend((name.partition("::")[2], what, value) for what, value in report.user_properties)


def pytest_collectreport(report):
    if report.failed:
        _write(_name(report.nodeid or "collection::"), "fail")


def _write(name, fate):
    path = os.environ.get("KERNELGW_RESULTS")
    if path and _tells:
        with open(path, "a") as results:
            results.write(f"{fate} {name.replace(' ', '_')}\n")


@pytest.fixture
def figure(request):
    """figure(what, value, unit): kept in the JUnit file and printed at the end."""

    def record(what, value, unit):
        request.node.user_properties.append((what, f"{value:.2f} {unit}"))

    return record


def pytest_terminal_summary(terminalreporter):
    if _figures:
        terminalreporter.section("figures")
        for test, what, value in _figures:
            terminalreporter.line(f"{test:50s} {what:40s} {value:>14s}")
