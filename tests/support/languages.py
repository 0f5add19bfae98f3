"""
The languages under test: those whose manifests the server is given, which are those that ./setup.sh was told to set up.
What tests need to know of a language stands in tests/samples/LANGUAGE.py.
"""
import importlib
import json
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def folder():
    return pathlib.Path(os.environ.get("KERNELGW_E2E_RUNTIMES", ROOT / "runtimes"))


def manifests():
    """{folder's name: manifest} of what is offered."""
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(folder().glob("*/runtime.json"))}


def offered():
    return list(manifests())


def left_out():
    """Those that this tree has and that were not set up."""
    return sorted({path.parent.name for path in ROOT.glob("runtimes/*/runtime.json")} - set(offered()))


def samples(language):
    return importlib.import_module(f"samples.{language}")
