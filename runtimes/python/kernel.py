"""
Starts ipykernel as boxes run it: the stock kernel, with what it takes ipykernel_launcher for, but for four things.

debugpy comes with the first request that needs it. It is a quarter of what an idle kernel holds and of the time that one
takes to start, and few notebooks are debugged. ipykernel imports it for the variable explorer of its debugger alone; the
debugger itself is loaded, and answers what front ends ask of every kernel (debugInfo).

Output is bounded by what its reader takes, and a box has 128 MB: what is printed or shown faster than it is read waits (ZeroMQ
would drop it, and ipykernel gathers it for a fifth of a second), and what has been sent is not kept (IPython keeps all that was
ever printed for its magic %notebook, whose file here has no printed text). What children and C code write is published once: ipykernel
writes it to the kernel's own stdout besides, which is published here, so that the last words of a crash are.

The history of a session, asked for by its number, bears that number. IPython calls the session at hand 0 there.

Tracebacks of cells are what IPython's prompt shows: a recursion without end is some twenty lines, and the part of a line that failed is
marked. IPython looks how long a frame's file is; ipykernel's cells have names of files that are none, and what can't be read is
shown in a plain way, each of a thousand frames.
"""

import codecs
import contextlib
import importlib.util
import linecache
import os
import pathlib
import sys
import threading
import types

# Modules come from where they are installed, not from beside this script.
if sys.path[0] == str(pathlib.Path(__file__).parent):
    del sys.path[0]
sys.argv[0] = str(pathlib.Path(importlib.util.find_spec("ipykernel_launcher").origin))

# Modules of debugpy that ipykernel.debugger imports, and what it takes from them.
PARTS = {
    "debugpy.server": ["api"],
    "_pydevd_bundle": ["pydevd_frame_utils"],
    "_pydevd_bundle.pydevd_suspended_frames": ["SuspendedFramesManager", "_FramesTracker"],
}


def import_debugger():
    """ipykernel.debugger without debugpy, until its variable explorer is used."""
    for name, members in PARTS.items():
        module = types.ModuleType(name)
        module.__dict__.update(dict.fromkeys(members))
        sys.modules[name] = module
    try:
        from ipykernel import debugger
    finally:
        for name in PARTS:
            del sys.modules[name]
    explorer = debugger.VariableExplorer

    def load():
        for name, members in PARTS.items():  # debugpy first: it puts the folder of the others on the path
            module = importlib.import_module(name)
            for member in members:
                setattr(debugger, member, getattr(module, member, None) or importlib.import_module(f"{name}.{member}"))
        return explorer()

    class ExplorerLater:
        real = None

        def __getattr__(self, name):
            self.real = self.real or load()
            return getattr(self.real, name)

    debugger.VariableExplorer = ExplorerLater


if importlib.util.find_spec("debugpy"):
    import_debugger()

import zmq  # noqa: E402
from IPython.core import ultratb  # noqa: E402
from ipykernel.iostream import IOPubThread, OutStream  # noqa: E402
from ipykernel.ipkernel import IPythonKernel  # noqa: E402
from ipykernel.kernelapp import IPKernelApp  # noqa: E402
from ipykernel.zmqshell import ZMQInteractiveShell  # noqa: E402

UNSENT_BYTES = 1 << 20
UNSENT_MESSAGES = 16
PIPE_BYTES = 64 << 10
PATIENCE_S = 10  # as ipykernel's own flush has it: a box whose agent is stopped must not hang for ever


def bound_output():
    write, send = OutStream.write, IOPubThread.send_multipart

    def write_and_wait(self, text):
        n = write(self, text)
        self.unsent = getattr(self, "unsent", 0) + n
        if self.unsent > UNSENT_BYTES:
            self.unsent = 0
            self.flush()
        return n

    def send_and_wait(self, parts, *args, **more):
        send(self, parts, *args, **more)
        if threading.current_thread() is self.thread:
            return
        self.unsent = getattr(self, "unsent", 0) + sum(map(len, parts))
        if self.unsent > UNSENT_BYTES:
            self.unsent = 0
            sent = threading.Event()
            self.schedule(sent.set)
            sent.wait(PATIENCE_S)

    def watch(self):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a character may come in two pieces
        try:
            while self._should_watch and (data := os.read(self._fid, PIPE_BYTES)):
                self.write(decoder.decode(data))
        except Exception:
            self._exc = sys.exc_info()  # close() tells it

    @contextlib.contextmanager
    def keep_nothing(self, channel):
        yield

    OutStream.write, IOPubThread.send_multipart = write_and_wait, send_and_wait
    OutStream._watch_pipe_fd = watch
    ZMQInteractiveShell._tee = keep_nothing


bound_output()


def know_cells():
    lines_of_file = ultratb.get_line_number_of_frame

    def lines_of(frame):
        known = linecache.cache.get(frame.f_code.co_filename)
        # (size, time, lines, name); a cell has no time
        return len(known[2]) if known and len(known) == 4 and known[1] is None else lines_of_file(frame)

    ultratb.get_line_number_of_frame = lines_of


know_cells()


class Kernel(IPythonKernel):
    def do_history(self, hist_access_type, output, raw, session=0, **more):
        reply = super().do_history(hist_access_type, output, raw, session, **more)
        if hist_access_type == "range" and session > 0:
            reply["history"] = [(number or session, *rest) for number, *rest in reply["history"]]
        return reply


class App(IPKernelApp):
    def _bind_socket(self, socket, port):
        if socket is self.iopub_socket:
            socket.setsockopt(zmq.XPUB_NODROP, 1)
            socket.setsockopt(zmq.SNDHWM, UNSENT_MESSAGES)
        return super()._bind_socket(socket, port)


App.launch_instance(kernel_class=Kernel)
