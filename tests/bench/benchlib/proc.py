"""What /proc says about a server: memory, CPU time, and the processes under it."""
import os
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
# What a server starts for its users; everything else under it is the server's own cost.
KERNELS = ("stub-kernel", "python", "python3")


def _read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def memory_kb(pid):
    """{"rss", "pss"} in kB; zeros when the process is gone."""
    out = {"rss": 0, "pss": 0}
    for line in _read(f"/proc/{pid}/smaps_rollup").decode().splitlines():
        name, _, rest = line.partition(":")
        if name in ("Rss", "Pss"):
            out[name.lower()] = int(rest.split()[0])
    return out


def cpu_s(pid):
    stat = _read(f"/proc/{pid}/stat").decode("utf-8", "replace")
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK if len(fields) > 12 else 0.0


def name(pid):
    return _read(f"/proc/{pid}/comm").decode("utf-8", "replace").strip()


def alive(pid):
    """False for a zombie, too: that is init's affair."""
    stat = _read(f"/proc/{pid}/stat").decode("utf-8", "replace")
    return stat.rpartition(")")[2].split()[:1] not in ([], ["Z"])


def descendants(pid):
    found = []
    todo = [pid]
    while todo:
        parent = todo.pop()
        for task in os.listdir(f"/proc/{parent}/task") if os.path.isdir(f"/proc/{parent}/task") else []:
            for child in _read(f"/proc/{parent}/task/{task}/children").split():
                found.append(int(child))
                todo.append(int(child))
    return found


def helpers(pid):
    """The server's own processes below it (agents), without kernels."""
    return [p for p in descendants(pid) if name(p) not in KERNELS]


class Watch:
    """While it is entered, looks at a server every `every` seconds: peak memory and CPU time used, helpers apart."""

    def __init__(self, pid, every=0.25):
        self.pid = pid
        self.every = every
        self.result = {}

    def __enter__(self):
        self._stop = threading.Event()
        self._helpers = {}
        self._first = {p: cpu_s(p) for p in helpers(self.pid)} if self.pid else {}
        self._cpu = cpu_s(self.pid) if self.pid else 0
        self._rss = self._peak = memory_kb(self.pid)["rss"] if self.pid else 0
        self._thread = threading.Thread(target=self._look, daemon=True)
        if self.pid:
            self._thread.start()
        return self

    def _look(self):
        while not self._stop.wait(self.every):
            self._peak = max(self._peak, memory_kb(self.pid)["rss"])
            for p in helpers(self.pid):
                self._helpers[p] = (cpu_s(p), max(memory_kb(p)["rss"], self._helpers.get(p, (0, 0))[1]))

    def __exit__(self, *_):
        if not self.pid:
            return
        self._stop.set()
        self._thread.join()
        used = sum(cpu - self._first.get(p, 0) for p, (cpu, _) in self._helpers.items())
        self.result = {
            "server_cpu_s": round(cpu_s(self.pid) - self._cpu, 3),
            "helpers_cpu_s": round(used, 3),
            "rss_before_kb": self._rss,
            "rss_peak_kb": max(self._peak, memory_kb(self.pid)["rss"]),
            "helper_rss_peak_kb": max((rss for _, rss in self._helpers.values()), default=0),
        }


def wait_gone(process, seconds):
    """Waits for a subprocess.Popen; False when it still runs after that many seconds."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    return process.poll() is not None
