"""Runs at every start of Python in a box: keep it to a few system calls.

A program's socket for what it shows (kernelgw_display.py) is its own: its children get neither the number nor the socket. Where
there is one, the module getpass asks by it (kernelgw_getpass.py) as soon as the program imports it, and not before.

Matplotlib wants a folder that it can write, and takes seconds to find fonts when the folder has no
list of them. Boxes begin with an empty /tmp, so the list made with the image is linked into it.
"""

import os
import sys


def _link_font_list(source="/usr/local/share/kernelgw/matplotlib"):
    folder = os.environ.get("MPLCONFIGDIR")
    if not folder:
        return
    try:
        os.mkdir(folder)
        for name in os.listdir(source):
            os.symlink(os.path.join(source, name), os.path.join(folder, name))
    except OSError:
        pass  # there already, or nowhere to write: Matplotlib copes, slowly


def _keep_display():
    fd = os.environ.pop("KERNELGW_DISPLAY", "")
    try:
        os.set_inheritable(int(fd), False)
        sys.kernelgw_display = int(fd)
        sys.meta_path.insert(0, _Getpass)
    except (OSError, ValueError):
        pass


class _Getpass:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "getpass":
            return None
        sys.meta_path.remove(_Getpass)
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            import kernelgw_getpass

            kernelgw_getpass.install(module)

        spec.loader.exec_module = exec_module
        return spec


_keep_display()
_link_font_list()
del _keep_display, _link_font_list
