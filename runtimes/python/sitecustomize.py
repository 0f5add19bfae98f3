"""Runs at every start of Python in a box: keep it to a few system calls.

Matplotlib wants a folder that it can write, and takes seconds to find fonts when the folder has no
list of them. Boxes begin with an empty /tmp, so the list made with the image is linked into it.
"""

import os


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


_link_font_list()
del _link_font_list
