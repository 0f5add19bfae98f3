"""What Java's compiler, a service of the box, does when it is asked too much: it says so, and serves the next program."""
import time

import pytest

from support import languages, runs

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(240),
              pytest.mark.skipif("java" not in languages.offered(), reason="java is not set up")]

MAIN = "public class Main { public static void main(String[] args) { %s } }\n"
# seconds of work at least, and much memory
LARGE = "".join(f"class C{i} {{ java.util.List<Integer> l = java.util.stream.Stream.of({i}).map(x -> x + 1).toList(); }}\n"
                for i in range(8000))


@pytest.fixture(scope="module")
def server(made_of):
    made = made_of("--languages", "java", "--stock-kernels", "0", "--stock-boxes", "1")
    yield made.server
    made.stop()


def run(server, code, **more):
    return runs.Run(server, files={"Main.java": code}, entry="Main.java", language="java", stdin="", session="one", **more)


def works(server):
    made = run(server, MAIN % 'System.out.println("works");')
    model = made.wait(timeout=90)
    assert (model["exit_code"], made.output("stdout")) == (0, "works\n"), (model, made.output("stderr"))


def test_too_deep_for_the_compiler(server):
    made = run(server, MAIN % f"String s = {'+'.join(['args[0] + 1'] * 20_000)};")
    model = made.wait(timeout=90)
    assert (model["exit_code"], model["phase"]) == (3, "compile")
    assert made.output("stderr") == "error: the code is nested too deeply for the compiler\n"
    works(server)


def test_a_compiler_that_is_stopped_is_started_anew(server):
    made = run(server, LARGE + MAIN % "")
    made.wait_running()
    time.sleep(1)
    assert made.signal("KILL").status_code < 300
    model = made.wait(timeout=60)
    assert (model["reason"], model["phase"]) == ("stopped", "compile"), model
    works(server)
