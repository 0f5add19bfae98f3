"""
Starts ipykernel as boxes run it: the stock kernel, with what it takes ipykernel_launcher for, but for two things.

debugpy comes with the first request that needs it. It is a quarter of what an idle kernel holds and of the time that one
takes to start, and few notebooks are debugged. ipykernel imports it for the variable explorer of its debugger alone; the
debugger itself is loaded, and answers what front ends ask of every kernel (debugInfo).

The history of a session, asked for by its number, bears that number. IPython calls the session at hand 0 there.
"""

import importlib.util
import pathlib
import sys
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

from ipykernel.ipkernel import IPythonKernel  # noqa: E402
from ipykernel.kernelapp import IPKernelApp  # noqa: E402


class Kernel(IPythonKernel):
    def do_history(self, hist_access_type, output, raw, session=0, **more):
        reply = super().do_history(hist_access_type, output, raw, session, **more)
        if hist_access_type == "range" and session > 0:
            reply["history"] = [(number or session, *rest) for number, *rest in reply["history"]]
        return reply


IPKernelApp.launch_instance(kernel_class=Kernel)
