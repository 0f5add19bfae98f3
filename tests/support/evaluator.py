"""
Plays the agent for one evaluator (docs/EVALUATORS.md), without a server: starts it in its image as the user, sends
requests and collects what it says.

    with Evaluator.of("javascript") as e:
        result = e.execute("a = 1; console.log('x'); a + 1")
        result.stdout, result.data["text/plain"], result.reply["status"]

    python3 -m support.evaluator --image javascript 'console.log(1)' '1 + 1'     shows what cells give
"""
import argparse
import contextlib
import json
import os
import pathlib
import select
import shlex
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = pathlib.Path(os.environ.get("KERNELGW_IMAGES", "/var/lib/kernelgw/images"))

SERVICE_UID = 1001

# A box in small: the image read-only, the user's folders in memory, no network, its own processes.
ENTER = r"""
set -e
root=$1; shift
mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for d in null zero full random urandom tty; do
    touch "$root/dev/$d" && mount --bind "/dev/$d" "$root/dev/$d"
done
ln -s /proc/self/fd "$root/dev/fd"; ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"; ln -s /proc/self/fd/2 "$root/dev/stderr"
mkdir "$root/dev/shm" && chmod 1777 "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=0755,uid=1000,gid=1000 tmpfs "$root/work"
ip link set lo up 2> /dev/null || true
# The box's service, if there is one: as a user of its own, told to be ready by the first line on its descriptor 3.
if [ -n "${SERVICE:-}" ]; then
    { setpriv --no-new-privs -- /usr/sbin/chroot --userspec=1001:1001 --groups= "$root" \
        /usr/bin/env -i -C /tmp PATH=/usr/local/bin:/usr/bin:/bin sh -c "$SERVICE" 3>&1 4>&- >&2 < /dev/null & } | head -n 1 > /dev/null
    unset SERVICE
fi
# not exec: PID 1 is a process that signals can't reach
setpriv --no-new-privs -- /usr/sbin/chroot --userspec=1000:1000 --groups= "$root" /usr/bin/env -C /work "$@"
exit 0
"""


class Died(Exception):
    """The evaluator ended; `status` is its exit status, negative for a signal."""

    def __init__(self, status, result=None):
        super().__init__(f"the evaluator ended with status {status}; so far {result}")
        self.status, self.result = status if status <= 128 else 128 - status, result


class Result:
    def __init__(self):
        self.stdout, self.stderr, self.events, self.reply = "", "", [], None
        self.order = []  # ("stdout", text), ("stderr", text), ("display", event)..., as they came

    @property
    def data(self):
        """The mime bundle of the cell's value, or None."""
        for event in self.events:
            if event["event"] == "result":
                return event["data"]
        return None

    @property
    def displays(self):
        return [e for e in self.events if e["event"] == "display"]

    def __repr__(self):
        return f"<stdout={self.stdout!r} stderr={self.stderr!r} events={self.events} reply={self.reply}>"


class Evaluator:
    def __init__(self, argv, image=None, env=None, ready_s=60, service=None):
        """
        argv: the evaluator's; image: a root file system to enter, or None for this machine's; service: what runs beside it in
        the image, as a manifest says it.
        """
        self.next_id, self.lines, self.partial = 0, [], b""
        to_agent, self.in_fd, self.out_fd, from_agent = *reversed(os.pipe()), *reversed(os.pipe())
        out, err = os.pipe(), os.pipe()
        self.streams = {out[0]: "stdout", err[0]: "stderr"}
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/work", "LANG": "C.UTF-8", "USER": "user", **(env or {})}
        if service:
            words = [f"{name}={value}" for name, value in service.get("env", {}).items()]
            env["SERVICE"] = shlex.join(["exec", "env", *words, *service["argv"]])
        if image:
            argv = ["unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child", "--",
                    "sh", "-c", ENTER, "enter", str(image), *argv]
        self.image = image

        def arrange():
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # as the agent does: a shell's background job ignores it
            # descriptors above those that are aimed at, so that none is overwritten
            high = [os.dup2(fd, 100 + i, inheritable=True) for i, fd in enumerate((out[1], err[1], to_agent, from_agent))]
            for fd, at in zip(high, (1, 2, 3, 4)):
                os.dup2(fd, at, inheritable=True)
                os.close(fd)

        self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, env=env, preexec_fn=arrange, close_fds=False,
                                     start_new_session=True)
        for fd in (to_agent, from_agent, out[1], err[1]):
            os.close(fd)
        self.info = self._until(lambda line: line.get("event") == "ready", Result(), ready_s)

    @classmethod
    def of(cls, language, **more):
        """The evaluator of a runtime of this tree, in its image."""
        manifest = json.loads((ROOT / "runtimes" / language / "runtime.json").read_text())
        kernel = manifest["kernel"]
        return cls(kernel["argv"], IMAGES / manifest["image"] / "rootfs", kernel.get("env"),
                   service=manifest.get("service"), **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for fd in (self.in_fd, self.out_fd, *self.streams):
            os.close(fd)
        try:
            self.proc.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.proc.pid, signal.SIGKILL)
            self.proc.wait(5)

    def send(self, message):
        data = memoryview(json.dumps(message).encode() + b"\n")
        while data:
            data = data[os.write(self.out_fd, data):]

    def interrupt(self):
        """SIGINT to the evaluator, as the agent sends it."""
        if not self.image:
            os.killpg(self.proc.pid, signal.SIGINT)
            return
        for pid in descendants(self.proc.pid)[1:]:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                if os.stat(f"/proc/{pid}").st_uid != SERVICE_UID:
                    os.kill(pid, signal.SIGINT)

    def _drain(self, result):
        """Takes all that the pipes of stdout and stderr hold now."""
        for fd, name in self.streams.items():
            while select.select([fd], [], [], 0)[0]:
                data = os.read(fd, 65536)
                if not data:
                    break
                text = data.decode(errors="replace")
                setattr(result, name, getattr(result, name) + text)
                if result.order and result.order[-1][0] == name:
                    result.order[-1] = (name, result.order[-1][1] + text)
                else:
                    result.order.append((name, text))

    def _until(self, wanted, result, timeout, answer=None):
        end = time.monotonic() + timeout
        while True:
            while self.lines:
                line = json.loads(self.lines.pop(0))
                if wanted(line):
                    self._drain(result)
                    return line
                if answer:
                    answer(line)
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"nothing within {timeout} s; so far {result}")
            ready, _, _ = select.select([self.in_fd, *self.streams], [], [], left)
            if any(fd in self.streams for fd in ready):
                self._drain(result)
            if self.in_fd not in ready:
                if self.proc.poll() is not None:
                    raise Died(self.proc.returncode, result)
                continue
            data = os.read(self.in_fd, 1 << 20)
            if not data:
                self._drain(result)
                raise Died(self.proc.wait(10), result)
            *whole, self.partial = (self.partial + data).split(b"\n")
            self.lines += whole

    def request(self, op, timeout=60, stdin=None, interrupt_after=None, **fields):
        """Sends a request and returns its Result. stdin: lines for `input` events (None: there is no stdin)."""
        self.next_id += 1
        result, lines, number = Result(), list(stdin or []), self.next_id

        def answer(line):
            self._drain(result)
            result.events.append(line)
            result.order.append((line["event"], line))
            if line["event"] in ("display", "clear"):
                self.send({"op": "ack"})
            elif line["event"] == "input" and not (interrupt_after and not lines):
                self.send({"op": "input", "value": lines.pop(0) if lines else None})

        self.send({"op": op, "id": number, **fields})
        if interrupt_after is not None:
            time.sleep(interrupt_after)
            self.interrupt()
        result.reply = self._until(lambda line: line.get("reply") == number, result, timeout, answer)
        return result

    def execute(self, code, stdin=None, silent=False, user_expressions=None, **more):
        return self.request("execute", code=code, stdin=stdin, silent=silent, store_history=not silent,
                            allow_stdin=stdin is not None, execution_count=self.next_id + 1,
                            user_expressions=user_expressions or {}, **more)


def descendants(pid):
    """pid's children, theirs and so on, outermost first."""
    found = []
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *descendants(int(child))]
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--image", required=True, help="folder of runtimes/")
    p.add_argument("code", nargs="+")
    args = p.parse_args()
    began = time.monotonic()
    with Evaluator.of(args.image) as e:
        print(f"ready in {(time.monotonic() - began) * 1000:.0f} ms: {e.info}")
        for code in args.code:
            began = time.monotonic()
            print(f"{code!r}: {e.execute(code)} in {(time.monotonic() - began) * 1000:.1f} ms")


if __name__ == "__main__":
    sys.exit(main())
