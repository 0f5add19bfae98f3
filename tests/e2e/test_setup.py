"""./setup.sh and what it is told: a word that it does not know is an error before anything is done."""
import os
import shutil
import subprocess

import pytest

from support import servers

pytestmark = pytest.mark.kgw


@pytest.fixture
def setup():
    """setup(*arguments) of a copy of the tree's, with empty folders of its own; `setup.made()` is what it made there."""
    directory = servers.new_directory()
    tree = directory / "tree"
    (tree / "tests").mkdir(parents=True)
    for path in ("setup.sh", "tests/run"):
        shutil.copy(servers.ROOT / path, tree / path)
    for language in ("python", "sql"):
        (tree / "runtimes" / language).mkdir(parents=True)
        (tree / "runtimes" / language / "runtime.json").write_text("{}")

    def call(*arguments, user=()):
        env = {**servers.clean_env(), "KERNELGW_CACHE": f"{directory}/cache", "KERNELGW_DATA": f"{directory}/data",
               "KERNELGW_RUN_DIR": f"{directory}/run"}
        return subprocess.run([*user, tree / "setup.sh", *arguments], env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30)

    call.made = lambda: sorted({p.name for p in directory.iterdir()} - {"tree"})
    yield call
    servers.remove(directory)


def test_help_is_no_error(setup):
    for word in ("--help", "-h", "help"):
        told = setup(word)
        assert (told.returncode, told.stderr, setup.made()) == (0, "", [])
        assert "./setup.sh run" in told.stdout and "./setup.sh test" in told.stdout and "KERNELGW_CACHE" in told.stdout


@pytest.mark.parametrize("arguments,words", [
    ([], "usage:"), (["frobnicate"], "usage:"),
    (["run", "--languages"], "needs a list"), (["run", "--languages", "klingon"], "there are: python sql"),
    (["build", "--languages", ""], "names none"),
    (["test", "--languages=python,klingon"], '"klingon"'),
    (["build", "everything"], '"everything"'), (["test", "nosuch"], 'no suite "nosuch"'), (["test", "--lang"], 'no suite "--lang"'),
])
def test_a_word_that_it_does_not_know(setup, arguments, words):
    told = setup(*arguments)
    assert told.returncode == 2 and words in told.stderr, told
    assert setup.made() == [], "nothing was begun"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_who_is_not_root_is_told(setup):
    told = setup("build", user=["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"])
    assert told.returncode == 1 and "must be root" in told.stderr and setup.made() == []
