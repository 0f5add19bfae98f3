"""Looks at processes and cgroups from the host, as root: what a run started, and what it left."""
import os
import pathlib
import re
import signal
import time

CGROUP = pathlib.Path("/sys/fs/cgroup")


def _read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def cmdline(pid):
    return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def state(pid):
    """The letter of /proc/PID/stat ("R", "Z"...), or None when there is no such process."""
    stat = _read(f"/proc/{pid}/stat")
    return stat.rsplit(b")", 1)[1].split()[0].decode() if stat else None


def parent(pid):
    return int(_read(f"/proc/{pid}/stat").rsplit(b")", 1)[1].split()[1])


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def with_marker(marker):
    """Living processes whose command line or environment holds marker, as {pid: command line}. Our own
    family is left out: pytest has the marker in a string, never there, but a shell around it might."""
    needle, mine, found = marker.encode(), {os.getpid(), os.getppid()}, {}
    for pid in pids():
        if pid in mine or state(pid) in (None, "Z"):
            continue
        if needle in _read(f"/proc/{pid}/cmdline") or needle in _read(f"/proc/{pid}/environ"):
            found[pid] = cmdline(pid)
    return found


def kill(pids):
    """Ends each of them that is there still: one may have died of another's death just now."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def rss_kb(pid):
    m = re.search(rb"VmRSS:\s+(\d+)", _read(f"/proc/{pid}/status"))
    return int(m.group(1)) if m else 0


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cgroup_dirs(pid):
    """The cgroup directories of a process, one a hierarchy that is not the root."""
    out = []
    for line in _read(f"/proc/{pid}/cgroup").decode().splitlines():
        _, controllers, path = line.split(":", 2)
        if path == "/":
            continue
        if controllers.startswith("name="):
            controllers = controllers[5:]
        for base in ([CGROUP / controllers] if controllers else [CGROUP / "unified", CGROUP]):
            if (base / path.lstrip("/")).is_dir():
                out.append(base / path.lstrip("/"))
                break
    return out


def cgroup_pids(directories):
    """Every process in these cgroups and below them; directories that are gone hold none."""
    found = set()
    for top in directories:
        for base, _, files in os.walk(top):
            if "cgroup.procs" in files:
                found.update(int(word) for word in _read(f"{base}/cgroup.procs").split())
    return found


def cgroups_named(parent):
    """Every cgroup directory, in all hierarchies, called or below one called parent (a path such as "kgw-x")."""
    found = []
    for mount in [CGROUP, *(p for p in CGROUP.iterdir() if p.is_dir() and not p.is_symlink())]:
        top = mount / parent.strip("/")
        if top.is_dir():
            found.extend(pathlib.Path(base) for base, _, _ in os.walk(top))
    return found


def mounts_below(path):
    """Mount points below path, in our mount namespace."""
    prefix = str(path).rstrip("/") + "/"
    points = (line.split()[4] for line in _read("/proc/self/mountinfo").decode().splitlines())
    return sorted(p for p in points if p.startswith(prefix))


def wait_until(true_when, timeout=30.0, every=0.05):
    """Calls true_when until it returns something true, and returns that; the last answer when time is up."""
    end = time.monotonic() + timeout
    while True:
        answer = true_when()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(every)
