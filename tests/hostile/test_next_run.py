"""What a program leaves in its box for the next one of its session: nothing that is seen, stands in the way or is told of the wrong run."""
import pytest

from support import runs

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(180)]


def test_want_of_memory_is_told_of_the_run_that_had_it(server):
    """A child is killed for want of memory, its parent ends well: the next run's own end is no such thing."""
    child = "import os\nif os.fork() == 0: bytearray(1 << 30)\nprint(os.wait()[1])"
    model, out, _ = runs.run(server, child, session="memory", limits={"memory_mb": 64})
    assert (model["exit_code"], model["reason"], out) == (0, "exit", "9\n")
    model, _, _ = runs.run(server, "import os; os.kill(os.getpid(), 9)", session="memory", limits={"memory_mb": 64})
    assert (model["signal"], model["reason"]) == (9, "signal")
