"""
Plays the agent for an evaluator that is to be trained: sends the cells of a file (parts between lines %%), answers what
it asks, ends it. Its descriptors 3 and 4 are pipes, as docs/EVALUATORS.md has it.

usage: train.py CELLS COMMAND...
"""
import json
import os
import pathlib
import subprocess
import sys


def main():
    cells = pathlib.Path(sys.argv[1]).read_text().split("\n%%\n")
    requests = [{"op": "execute", "code": c, "allow_stdin": True, "execution_count": i} for i, c in enumerate(cells, 1)]
    requests += [{"op": "complete", "code": "text.su", "cursor_pos": 7}, {"op": "complete", "code": "Sys", "cursor_pos": 3},
                 {"op": "inspect", "code": "text.length()", "cursor_pos": 8}, {"op": "is_complete", "code": "if (true) {"},
                 {"op": "configure", "env": {"A": "b"}, "cwd": "/tmp"}]
    from_it, its_out = os.pipe()
    its_in, to_it = os.pipe()

    def arrange():
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate((its_out, its_in))]
        for fd, at in zip(high, (3, 4)):
            os.dup2(fd, at, inheritable=True)
            os.close(fd)

    process = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=arrange,
                               close_fds=False)
    os.close(its_out)
    os.close(its_in)

    def send(message):
        os.write(to_it, json.dumps(message).encode() + b"\n")

    failed = 0
    with os.fdopen(from_it, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line.get("event") in ("display", "clear"):
                send({"op": "ack"})
            elif line.get("event") == "input":
                send({"op": "input", "value": "7"})
            elif "reply" in line or line.get("event") == "ready":
                if line.get("status") == "error":
                    failed += 1
                    print(line["ename"], line["evalue"], file=sys.stderr)
                if not requests:
                    break
                send({"id": len(requests), **requests.pop(0)})
    os.close(to_it)
    process.wait(60)
    if requests:
        sys.exit(f"train.py: the evaluator ended (status {process.returncode}) with {len(requests)} requests to go")
    if failed != 2:
        sys.exit(f"train.py: {failed} cells failed, where 2 are meant to")


if __name__ == "__main__":
    main()
