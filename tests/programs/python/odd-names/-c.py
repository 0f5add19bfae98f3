"""A name that a shell would take for an option is a file."""
import pathlib
import runpy

print(sorted(p.name for p in pathlib.Path(".").iterdir()))
runpy.run_path("with space.py")
