"""
A table of languages: kernelgw's boxes, and other people's kernels for the same language without any box. Rounds are
interleaved, so that what the machine does meanwhile touches both alike.

Their processes have the whole machine, ours the limits of their boxes: half a core (two while a kernel starts), 128 MB.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from support import languages, procs, programs, runs, servers
from support.runs import Run

from . import lang_peers

HELLO = {
    "python": ("main.py", "print('hello')\n"), "javascript": ("main.js", "console.log('hello')\n"),
    "java": ("Main.java", "public class Main { public static void main(String[] a) { System.out.println(\"hello\"); } }\n"),
    "cpp": ("main.cpp", "#include <iostream>\nint main() { std::cout << \"hello\\n\"; }\n"),
    "sql": ("main.sql", "SELECT 'hello';\n"), "bash": ("main.sh", "echo hello\n"),
}
COLUMNS = ("image MB (own)", "idle MB", "start ms (CPU)", "first cell ms", "next cell ms", "hello ms", "several files ms",
           "jupyter_kernel_test")


def milliseconds(began):
    return (time.monotonic() - began) * 1000


def box_figures(boxd):
    """Of the box with the most processes, the one that has a kernel: memory that is its own in MB, CPU in ms."""
    boxes = {}
    for folder in boxd.cgroups():
        for below in [folder, *folder.rglob("*")]:
            if (below / "cgroup.procs").exists() and (below / "cgroup.procs").read_text():
                boxes.setdefault(below.name, []).append(below)
    folders = max(boxes.values(), key=lambda b: max(len((f / "cgroup.procs").read_text().split()) for f in b))
    memory = cpu = 0
    for folder in folders:
        if (folder / "memory.stat").exists():
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            memory = int(stat.get("rss", stat.get("anon", 0))) + int(stat["shmem"])
        if (folder / "cpuacct.usage").exists():
            cpu = int((folder / "cpuacct.usage").read_text()) / 1e6
        elif (folder / "cpu.stat").exists():
            stat = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
            cpu = int(stat.get("usage_usec", cpu * 1000)) / 1000
    return memory / 1e6, cpu


class Ours:
    """A server with the one language, as its manifest has it."""

    def __init__(self, language):
        self.language, self.manifest = language, languages.manifests()[language]
        self.samples = languages.samples(language)
        self.cell = self.samples.PRINT.replace("TEXT", self.samples.QUOTE("hello"))

    def serve(self, *options):
        directory = servers.new_directory()
        boxd = servers.Boxd(directory, servers.images_dir())
        server = servers.start_kernelgw(directory, "oci", boxd, ("--languages", self.language, *options))
        return directory, boxd, server

    def end(self, directory, boxd, server):
        server.stop()
        boxd.stop()
        for path in sorted(boxd.cgroups(), reverse=True):
            path.rmdir()
        servers.remove(directory)

    def wait_stock(self, server):
        """Until every stock is full."""
        def full():
            stocks = server.get("/api/status").json()["kernelgw"]["pool"]["stock"]
            return all(s["idle"] >= s["target"] for s in stocks)

        assert procs.wait_until(full, 120), server.get("/api/status").text
        time.sleep(1)

    def cold(self, found):
        """From the request to the kernel's first answer, with nothing in stock."""
        parts = self.serve("--stock-kernels", "0", "--stock-boxes", "0")
        _, boxd, server = parts
        try:
            began = time.monotonic()
            kernel = server.start_kernel(name=self.manifest["name"])
            with server.channels(kernel, timeout=90) as c:
                c.request("kernel_info_request", timeout=90)
                found["start"].append(milliseconds(began))
                memory, cpu = box_figures(boxd)
                found["start_cpu"].append(cpu)
                found["idle"].append(memory)
            server.delete(f"/api/kernels/{kernel}")
        finally:
            self.end(*parts)

    def warm(self, found, rounds):
        # two: the last one's successor is started at once, and takes the processor from the first cell
        parts = self.serve("--stock-kernels", "2", "--stock-boxes", "2")
        server = parts[2]
        try:
            for _ in range(rounds):
                self.wait_stock(server)
                began = time.monotonic()
                kernel = server.start_kernel(name=self.manifest["name"])
                with server.channels(kernel, timeout=90) as c:
                    assert c.execute(self.cell).status == "ok"
                    found["first"].append(milliseconds(began))
                    began = time.monotonic()
                    assert c.execute(self.cell).status == "ok"
                    found["next"].append(milliseconds(began))
                server.delete(f"/api/kernels/{kernel}")
                entry, text = HELLO[self.language]
                self.wait_stock(server)
                self.program(server, found["hello"], files={entry: text}, entry=entry)
                self.wait_stock(server)
                several = self.several()
                if several:
                    self.program(server, found["several"], files=several.files(), entry=several.spec["entry"],
                                 stdin=several.spec.get("stdin") or "", args=several.spec.get("args", []))
            found["kernel_test"] = [lang_peers.kernel_test(server, self.language)]
        finally:
            self.end(*parts)

    def program(self, server, figures, **more):
        """From the request to the exit, as a client sees it that looks every 2 ms."""
        began = time.monotonic()
        run = Run(server, language=self.language, **more)
        while run.model()["state"] not in runs.ENDED:
            time.sleep(0.002)
        figures.append(milliseconds(began))
        assert run.model()["exit_code"] == 0, run.output()

    def several(self):
        """The kept program with the most files that ends well."""
        mine = [p for p in programs.all_of([self.language]) if p.wanted().get("exit_code") == 0 and "send" not in p.spec]
        return max(mine, key=lambda p: len(p.files()), default=None)


def median(figures):
    return statistics.median(figures) if figures else None


def shown(value, digits=0):
    return "" if value is None else f"{value:.{digits}f}"


def row(name, found, image=""):
    start = shown(median(found["start"])) + (f" ({shown(median(found['start_cpu']))})" if found["start_cpu"] else "")
    cells = [name, image, shown(median(found["idle"]), 1), start, shown(median(found["first"]), 1),
             shown(median(found["next"]), 1), shown(median(found["hello"])), shown(median(found["several"])),
             (found["kernel_test"] or [""])[0]]
    return "| " + " | ".join(cells) + " |"


def empty():
    return {key: [] for key in ("start", "start_cpu", "idle", "first", "next", "hello", "several", "kernel_test")}


def image_of(language):
    """"150 (60)": all of it, and what no other image has; from the sizes that ./setup.sh keeps."""
    line = (servers.images_dir() / languages.manifests()[language]["image"] / "sizes").read_text().splitlines()[0]
    _, everything, _, _, own, *_ = line.replace(",", "").split()
    return f"{everything} ({own})"


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    p.add_argument("--languages", help="names with commas between (default: all that are set up)")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--no-peers", action="store_true")
    p.add_argument("--out", default="bench-results", help="directory for languages.json and languages.md")
    args = p.parse_args()
    chosen = args.languages.split(",") if args.languages else languages.offered()
    lines = [f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the run, "
             f"medians of {args.rounds} rounds.", "", "| | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    kept, notes = {}, []
    subprocess.run([languages.ROOT / "runtimes" / "image-files", "sizes", servers.images_dir()], check=True,
                   stdout=subprocess.DEVNULL)
    for language in chosen:
        peers = [] if args.no_peers else lang_peers.of(language, notes)
        ours, found = Ours(language), {"kernelgw": empty(), **{peer.name: empty() for peer in peers}}
        with tempfile.TemporaryDirectory() as scratch:
            for number in range(args.rounds):
                ours.cold(found["kernelgw"])
                for peer in peers:
                    try:
                        peer.measure(found[peer.name], pathlib.Path(scratch), last=number == args.rounds - 1)
                    except (RuntimeError, AssertionError, OSError) as e:
                        notes.append(f"{peer.name}: {str(e)[:300]}")
            ours.warm(found["kernelgw"], args.rounds)
        lines.append(row(f"**{language}**, kernelgw", found["kernelgw"], image_of(language)))
        lines += [row(f"{language}, {peer.name}", found[peer.name], peer.size()) for peer in peers]
        kept[language] = found
        print("\n".join(lines[-1 - len(peers):]), flush=True)
    text = "\n".join([*lines, "", *(f"* {note}" for note in dict.fromkeys(notes))]) + "\n"
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "languages.md").write_text(text)
    (out / "languages.json").write_text(json.dumps(kept, indent=1))
    print("\n" + text)


if __name__ == "__main__":
    main()
