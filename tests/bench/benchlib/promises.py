"""
What languages are to hold to, measured in one run on boxes with half a core: a row a figure, with the bound beside it. Nothing
fails here: on a machine that others use, too, a figure above its bound says little. What a program's processes took of the
processor says more there: half a core gives twice that time.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import tempfile
import time

from support import languages, runs
from support.runs import Run

from .languages import HELLO, Ours, milliseconds

BITS = ("main.cpp", "#include <bits/stdc++.h>\nint main() { std::vector<std::string> v{\"hello\"}; std::cout << v[0] << '\\n'; }\n")
FIRST_CELL = {"python": 30, "javascript": 30, "sql": 30, "cpp": 50, "java": 200}
INTERRUPT = 1000
PROGRAMS = {  # what it is called, (entry, text), whether the bare program's own time is taken off, bound
    "python": [("a program's overhead", HELLO["python"], True, 20)],
    "javascript": [("a program's overhead", HELLO["javascript"], True, 20)],
    "java": [("hello from source", HELLO["java"], False, 350)],
    "cpp": [("hello from source, <iostream>", HELLO["cpp"], False, 400), ("the same, <bits/stdc++.h>", BITS, False, 1000)],
    "sql": [],
}


class Without(Ours):
    """C++ whose compiler is lent nothing."""

    def __init__(self, folder):
        super().__init__("cpp")
        shutil.copytree(languages.folder() / "cpp" / "kernelspec", folder / "cpp" / "kernelspec")
        manifest = dict(self.manifest)
        for phase in manifest["program"]["phases"]:
            phase.pop("lend", None)
        (folder / "cpp" / "runtime.json").write_text(json.dumps(manifest))
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        self.folder = folder

    def serve(self, *options):
        return super().serve("--runtimes", str(self.folder), *options)


def program(server, language, entry, text, bare):
    """From the request to the exit, less what the program itself took, if that is asked for; and its processor time."""
    began = time.monotonic()
    run = Run(server, files={entry: text}, entry=entry, language=language)
    while (model := run.model())["state"] not in runs.ENDED:
        time.sleep(0.002)
    took = milliseconds(began)
    assert model["exit_code"] == 0, run.output()
    return took - (model["wall_ms"] if bare else 0), model["cpu_ms"]


def interrupt(server, kernel, c, samples):
    msg_id = c.send_execute(samples.LOOP)
    c.recv_until(lambda m: m["header"]["msg_type"] == "stream", timeout=60)
    time.sleep(0.2)
    began = time.monotonic()
    server.post(f"/api/kernels/{kernel}/interrupt")
    assert c.outcome(msg_id, timeout=60).status == "error"
    return milliseconds(began)


def first_cell(ours, server):
    began = time.monotonic()
    kernel = server.start_kernel(name=ours.manifest["name"])
    c = server.channels(kernel, timeout=90)
    assert c.execute(ours.cell).status == "ok"
    return milliseconds(began), kernel, c


def measure(language, rounds, note):
    ours = Ours(language)
    parts = ours.serve("--stock-kernels", "2", "--stock-boxes", "2")
    server = parts[2]
    try:
        for _ in range(rounds):
            ours.wait_stock(server)
            took, kernel, c = first_cell(ours, server)
            note(language, "first cell out of stock", FIRST_CELL[language], took)
            if language == "sql":
                began = time.monotonic()
                assert c.execute("SELECT 1 + 1").status == "ok"
                note(language, "a statement", 10, milliseconds(began))
            note(language, "an endless loop is interrupted", INTERRUPT, interrupt(server, kernel, c, ours.samples))
            c.close()
            server.delete(f"/api/kernels/{kernel}")
            for what, (entry, text), bare, bound in PROGRAMS[language]:
                ours.wait_stock(server)
                note(language, what, bound, *program(server, language, entry, text, bare))
    finally:
        ours.end(*parts)


def measure_without(rounds, note):
    with tempfile.TemporaryDirectory(prefix="kgw-runtimes-") as folder:
        ours = Without(pathlib.Path(folder))
        parts = ours.serve("--stock-kernels", "0", "--stock-boxes", "2")
        try:
            for _ in range(rounds):
                ours.wait_stock(parts[2])
                note("cpp", "<bits/stdc++.h>, no processor lent", 1500, *program(parts[2], "cpp", *BITS, False))
        finally:
            ours.end(*parts)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    p.add_argument("--languages", help="names with commas between (default: all that are set up and have bounds)")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--out", help="a file for the table")
    args = p.parse_args()
    chosen = args.languages.split(",") if args.languages else [name for name in languages.offered() if name in PROGRAMS]
    figures = {}

    def note(language, what, bound, figure, cpu=None):
        figures.setdefault((language, what, bound), []).append((figure, cpu))

    before = os.getloadavg()[0]
    for language in chosen:
        measure(language, args.rounds, note)
        if language == "cpp":
            measure_without(args.rounds, note)
    lines = [f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {os.cpu_count()} cores, load {before:.1f} before and "
             f"{os.getloadavg()[0]:.1f} after the run, {args.rounds} rounds.", "", "| | | bound, ms | median, ms | best, ms | processor, ms |",
             "|---|---|---|---|---|---|"]
    for (language, what, bound), all_of in figures.items():
        took, cpu = ([row[i] for row in all_of] for i in (0, 1))
        lines.append(f"| {language} | {what} | {bound} | {statistics.median(took):.0f} | {min(took):.0f} | "
                     f"{'' if cpu[0] is None else round(statistics.median(cpu))} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if args.out:
        pathlib.Path(args.out).write_text(text)


if __name__ == "__main__":
    main()
