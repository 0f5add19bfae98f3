"""getpass of a program whose console is no terminal: the console is told, and shows nothing of what is typed meanwhile.

Put in the place of getpass.getpass by sitecustomize.py. Python's own would warn and let it be seen.
"""

import sys

import kernelgw_display

_KIND = "application/vnd.kernelgw.input+json"


def install(module):
    """Gives the module getpass another getpass(); with a terminal, or without a console, it is the old one."""
    own = module.getpass

    def getpass(prompt="Password: ", stream=None):
        if sys.stdin is None or sys.stdin.isatty() or not kernelgw_display.send({_KIND: {"secret": True}}):
            return own(prompt, stream)
        try:
            return module._raw_input(prompt, stream)
        finally:
            kernelgw_display.send({_KIND: {"secret": False}})

    getpass.__doc__ = own.__doc__
    module.getpass = getpass
