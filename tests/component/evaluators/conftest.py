"""
An evaluator in its image: `shared` is one process for all tests of a file, `fresh` one for a test alone. The file says which
language it is about by its name.
"""
import json

import pytest

from support import evaluator

def missing(language):
    manifest = evaluator.ROOT / "runtimes" / language / "runtime.json"
    image = json.loads(manifest.read_text())["image"]
    return None if (evaluator.IMAGES / image / "rootfs").is_dir() else f"there is no image {image}"


@pytest.fixture(scope="module")
def language(request):
    """The language that a file is about, by its name: test_javascript.py."""
    name = request.module.__name__.rpartition("test_")[2]
    if why := missing(name):
        pytest.skip(why)
    return name


@pytest.fixture(scope="module")
def shared(language):
    with evaluator.Evaluator.of(language) as e:
        yield e


@pytest.fixture
def fresh(language):
    with evaluator.Evaluator.of(language) as e:
        yield e
