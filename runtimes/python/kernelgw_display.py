"""Shows things in the console of a program: pictures, HTML, and whatever knows how notebooks show it.

    from kernelgw_display import display
    display(table, figure)

Without a console that shows anything (a program's child, say) an object's repr is printed instead.
"""

import base64
import json
import os
import sys
import threading

_METHODS = (
    ("text/html", "_repr_html_"),
    ("image/svg+xml", "_repr_svg_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("text/markdown", "_repr_markdown_"),
    ("text/latex", "_repr_latex_"),
    ("application/json", "_repr_json_"),
)
_lock = threading.Lock()


def _forget():
    sys.kernelgw_display = None  # two processes on one socket would read each other's answers


os.register_at_fork(after_in_child=_forget)


def available():
    """Is there a console that shows what is sent?"""
    return getattr(sys, "kernelgw_display", None) is not None


def send(data, metadata=None, display_id=None, update=False):
    """Shows data, media type -> text (bytes for pictures), and returns when it has its place in the output.

    What has the same display_id and update=True takes the place of what was shown before. False: there is no console.
    """
    if not available():
        return False
    data = {kind: base64.b64encode(value).decode() if isinstance(value, bytes) else value for kind, value in data.items()}
    record = {"data": data, "metadata": metadata or {}}
    if display_id is not None:
        record["display_id"] = display_id
        record["update"] = update
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    line = memoryview(json.dumps(record).encode() + b"\n")
    with _lock:
        try:
            while line:
                line = line[os.write(sys.kernelgw_display, line):]
            taken = os.read(sys.kernelgw_display, 1)
        except OSError:
            taken = b""
        if not taken:
            _forget()
    return bool(taken)


def _bundle(value):
    data = {"text/plain": repr(value)}
    for kind, name in _METHODS:
        method = getattr(type(value), name, None)
        shown = method(value) if callable(method) else None
        if isinstance(shown, tuple):  # with its metadata
            shown = shown[0]
        if shown is not None:
            data[kind] = shown
    return data


def display(*values, display_id=None, update=False):
    """Each value as richly as it can be."""
    for value in values:
        if not send(_bundle(value), display_id=display_id, update=update):
            print(repr(value))
