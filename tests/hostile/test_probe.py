"""What user code sees and reaches from inside a box, tried from a program and from a notebook's cell."""
import json
import pathlib
import re
import socket

import pytest

from support.runs import Run

pytestmark = [pytest.mark.kgw, pytest.mark.oci]

PROBE = (pathlib.Path(__file__).parent / "probe.py").read_text()
REFUSED = {"EPERM", "ENOSYS", "EACCES"}


def host_addresses():
    """This machine's own, and those that every machine might reach."""
    found = {"8.8.8.8", "1.1.1.1", "169.254.169.254", "172.17.0.1", "10.0.0.1", "192.168.0.1", "2001:4860:4860::8888"}
    try:
        found |= {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)} - {"127.0.0.1", "::1"}
    except OSError:
        pass
    with open("/proc/net/fib_trie") as f:
        found |= {a for a in re.findall(r"\|-- (\d+\.\d+\.\d+\.\d+)", f.read())
                  if not a.startswith(("127.", "0.")) and not a.endswith((".0", ".255"))}
    return sorted(a.split("%")[0] for a in found)


@pytest.fixture(scope="module")
def reports(made):
    """The probe's report from each place."""
    server = made.server
    places = [[a, p] for a in host_addresses() for p in (server.port, 80)] + [["127.0.0.1", server.port], ["127.0.0.1", 22]]
    code = PROBE.replace("PLACES", repr(places))
    program = Run(server, code)
    kernel_id = server.start_kernel(name="python3")
    with server.channels(kernel_id) as c:
        cell = c.execute(code, timeout=90)
        assert cell.status == "ok", cell.error
        after = c.execute("'works on'")
        assert after.result == "'works on'"
    server.delete(f"/api/kernels/{kernel_id}")
    model = program.wait()
    assert model["exit_code"] == 0, (model, program.output()[-2000:])
    return {"program": json.loads(program.output("stdout").split("PROBE", 1)[1]),
            "cell": json.loads(cell.stdout.split("PROBE", 1)[1])}


@pytest.fixture(params=["program", "cell"])
def report(request, reports):
    return reports[request.param]


def test_identity(report):
    """An ordinary user of a user namespace of its own: no capability, no way to any."""
    assert report["ids"] == [1000] * 4 and set(report["groups"]) <= {1000}
    status = report["status"]
    for line in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[line], 16) == 0, (line, status[line])
    # What the agent has and can't take out of the bounding set; no_new_privs makes it worth nothing.
    assert int(status["CapBnd"], 16) & ~(1 << 5 | 1 << 6 | 1 << 7) == 0, status["CapBnd"]
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
    inside, outside, count = map(int, report["uid_map"][:3])
    assert inside == 0 and outside >= 65536 and count <= 65536, "a range of host ids that no account has"


def test_ids_differ_from_box_to_box(reports):
    assert reports["program"]["uid_map"][1] != reports["cell"]["uid_map"][1]


def test_only_its_own_processes(report):
    assert report["pids"][0] == 1 and len(report["pids"]) < 12


def test_environment_tells_nothing(report, server):
    text = json.dumps(report["environ"])
    assert server.token not in text and str(server.directory) not in text
    assert not [k for k in report["environ"] if "KERNELGW" in k or "TOKEN" in k or "SECRET" in k]
    assert report["environ"]["HOME"] == "/work"
    assert report["hostname"] != socket.gethostname()


def test_no_descriptor_is_inherited(reports):
    """A program gets its three, the socket that it shows pictures by, and what its own interpreter opened to list them."""
    extra = {fd: what for fd, what in reports["program"]["fds"].items() if int(fd) > 2 and "/proc/" not in what}
    assert extra.pop("3").startswith("socket:")
    assert not extra, extra


def test_system_calls(report):
    allowed = {name: result for name, result in report["syscalls"].items() if result not in REFUSED}
    assert not allowed, allowed


def test_what_is_counted_for_all_boxes_together_is_not_to_be_had_by_one(report):
    """Timers and queued signals, AIO contexts, inotify instances: the machine's, or root's who makes the boxes."""
    assert 0 < report["timers"] <= 256
    assert {report["syscalls"][name] for name in ("io_setup", "inotify_init", "inotify_init1")} == {"ENOSYS"}


def test_threads_can_start_without_clone3(report):
    assert report["syscalls"]["clone3"] == "ENOSYS"
    assert report["threads"] == "refused" and 10 < report["thread_count"] < 130


def test_socket_families(report):
    sockets = dict(report["sockets"])
    assert (sockets.pop("inet"), sockets.pop("unix")) == ("ok", "ok")
    assert not {n: r for n, r in sockets.items() if r not in REFUSED | {"EAFNOSUPPORT"}}


def test_network(report, server):
    """Its own loopback; not the server, not the host, not the outside."""
    assert report["interfaces"] == ["lo"] and not report["routes"]
    for place, result in report["network"].items():
        assert result in (("ECONNREFUSED",) if place.startswith("127.") else
                          ("ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT")), (place, result)
    assert not [line for line in report["abstract"] if "@" in line and "dbus" in line]


def test_nothing_outside_its_own_folders_can_be_written(report):
    assert set(report["own_writes"].values()) == {"ok"}
    written = {p: r for p, r in report["writes"].items() if r == "ok"}
    assert not written, written


def test_kernel_memory_and_the_agents_are_closed(report):
    for path, got in report["reads"].items():
        if path in ("/proc/self/mem", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/kcore"):
            assert got.startswith("!") or not got.strip("\0"), (path, got)
        else:
            assert got.startswith("!"), (path, got)
    assert report["kallsyms"]


def test_mounts(report):
    for point, options, kind, _ in report["mounts"]:
        flags = options.split(",")
        if point == "/run/kgw/memory":  # one file, the box's own account of kills
            assert {"ro", "nosuid", "nodev", "noexec"} <= set(flags), (point, options)
            continue
        assert kind not in ("sysfs", "cgroup", "cgroup2", "securityfs", "debugfs", "bpf"), (point, kind)
        if point in ("/", "/kgw/agent", "/run/kgw"):
            assert "ro" in flags, (point, options)
        if kind == "tmpfs" and "ro" not in flags and not point.startswith("/dev"):
            assert {"nosuid", "nodev"} <= set(flags), (point, options)
    assert not report["sys"]


def test_devices(report):
    assert set(report["dev"]) <= {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "fd",
                                  "stdin", "stdout", "stderr", "console", "core"}, report["dev"]
    assert set(report["mknod"].values()) <= REFUSED, report["mknod"]


def test_the_link_is_the_agents_alone(report):
    assert report["link"] in REFUSED and report["run_kgw"] in REFUSED


def test_the_agent_cannot_be_signalled(report):
    assert set(report["kill_agent"].values()) <= REFUSED, report["kill_agent"]


def test_no_more_priority(report):
    assert report["nice"] in REFUSED and report["realtime"] in REFUSED
    assert report["raise_nofile"] != "ok" and report["oom_score_adj"] in REFUSED


def test_limits_of_everything(report):
    assert report["descriptors"] == "EMFILE" and 200 < report["descriptor_count"] <= 20_000
    assert report["argv"] == "E2BIG"
    for where, (error, files) in report["full"].items():
        assert error == "ENOSPC" and files <= 64, (where, error, files)
    for where, (error, files) in report["inodes"].items():
        assert error in ("ENOSPC", "EDQUOT") and 10 < files < 50_000, (where, error, files)
    assert report["rlimits"]["RLIMIT_CORE"] == 0
