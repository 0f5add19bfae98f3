"""
Tells each test's fate in one line, `pass NAME`, `fail NAME` or `skip NAME`, appended to the file that $KERNELGW_RESULTS
names, so that setup.sh can add up suites of different runners. Also prints the figures that tests record: what was
measured is worth reading, but no reason to fail on a busy machine.
"""
import os

import pytest

_fates = {}
_figures = []


def _name(nodeid):
    """e2e/test_api.py::test_x, whatever folder pytest was started in."""
    path, _, test = nodeid.partition("::")
    return "/".join(path.split("/")[-2:]) + "::" + test


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


def pytest_collectreport(report):
    if report.failed:
        _write(_name(report.nodeid or "collection::"), "fail")


def _write(name, fate):
    path = os.environ.get("KERNELGW_RESULTS")
    if path:
        with open(path, "a") as results:
            results.write(f"{fate} {name.replace(' ', '_')}\n")


@pytest.fixture
def figure(request):
    """figure(what, value, unit): kept in the JUnit file and printed at the end."""

    def record(what, value, unit):
        _figures.append((request.node.name, what, value, unit))
        request.node.user_properties.append((what, f"{value:.2f} {unit}"))

    return record


def pytest_terminal_summary(terminalreporter):
    if _figures:
        terminalreporter.section("figures")
        for test, what, value, unit in _figures:
            terminalreporter.line(f"{test:50s} {what:40s} {value:10.2f} {unit}")
