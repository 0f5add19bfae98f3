"""Stands where pip would: tells who wants to install something that it can't be done in a box, and what is there instead."""

import sys
from importlib import metadata


def main(arguments):
    installed = sorted({d.metadata["Name"].lower(): d.version for d in metadata.distributions()}.items())
    if arguments[:1] in (["list"], ["freeze"]):
        print("\n".join(f"{name}=={version}" for name, version in installed))
        return
    sys.exit("Packages can't be installed here: the system is read-only, and the Internet is not to be had. There are "
             + ", ".join(name for name, _ in installed)
             + ". A package that is Python alone can be brought along: put its folder beside your files.")


if __name__ == "__main__":
    main(sys.argv[1:])
