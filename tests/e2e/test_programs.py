"""Every program of tests/programs (support/programs.py says what one is), through POST /api/runs."""
import concurrent.futures

import pytest

from support import languages, programs

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(400)]

AT_ONCE = 3  # each has half a core
FEWER = {"bash": 8}  # the small one
ALL = programs.all_of(languages.offered())


class Batch:
    """The programs of one language, on a server that offers it alone. They are started together: each test takes its own."""

    def __init__(self, make, language, chosen):
        self.made = make("--languages", language, "--stock-kernels", "0", "--stock-boxes", str(AT_ONCE))
        self.workers = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        self.ran = {p.id: self.workers.submit(p.run, self.made.server) for p in chosen}

    def stop(self):
        self.workers.shutdown(cancel_futures=True)
        self.made.stop()


@pytest.fixture(scope="module")
def batches(request, made_of):
    """batch(language): tests come a language after the other, and so do servers."""
    current = {}

    def batch(language):
        if language not in current:
            for name in list(current):
                current.pop(name).stop()
            wanted = [item.callspec.params["program"] for item in request.session.items
                      if item.module is request.module and item.originalname == "test_program"]
            current[language] = Batch(made_of, language, [p for p in wanted if p.language == language])
        return current[language]

    yield batch
    for each in current.values():
        each.stop()


@pytest.mark.parametrize("program", ALL, ids=[p.id for p in ALL])
def test_program(program, batches):
    wrong = program.wrong(*batches(program.language).ran[program.id].result())
    assert not wrong, f"{program.id}: {wrong}"


@pytest.mark.parametrize("language", languages.offered())
def test_there_are_programs(language):
    """Twenty a language of varied nature are promised."""
    count = sum(p.language == language for p in ALL)
    assert count >= FEWER.get(language, 20), f"{language} has {count} programs in tests/programs"
