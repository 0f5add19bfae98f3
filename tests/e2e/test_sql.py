"""SQL in real boxes: what one run leaves to the next, and what happens when the server itself ends."""
import re

import pytest

from support import languages, runs

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(240),
              pytest.mark.skipif("sql" not in languages.offered(), reason="sql was not set up")]


@pytest.fixture(scope="module")
def server(made_of):
    made = made_of("--languages", "sql", "--stock-kernels", "1", "--stock-boxes", "1")
    yield made.server
    made.stop()


def run(server, text, session=None, **more):
    r = runs.Run(server, files={"main.sql": text}, entry="main.sql", language="sql", session=session, **more)
    model = r.wait(timeout=90)
    return model, r.output("stdout"), r.output("stderr")


SEEN = "SHOW DATABASES; SHOW TABLES; SELECT @left, DATABASE()"


def test_a_run_begins_with_nothing(server):
    run(server, "CREATE TABLE mine (a INT); CREATE DATABASE `o``dd`; CREATE TABLE `o``dd`.t (a INT); SET @left = 'seen';"
                "CREATE PROCEDURE p() SELECT 1; CREATE TEMPORARY TABLE tt (a INT)", session="one")
    model, out, err = run(server, SEEN, session="one")
    assert (model["exit_code"], err) == (0, "")
    assert "mine" not in out and "o`dd" not in out and "seen" not in out and "program" in out


def test_a_run_keeps_what_the_session_made_if_it_is_told_to(server):
    kept, look = {"keep": "1", "quiet": "1"}, "PRINT (SELECT SUM(a) FROM mine); INSERT INTO mine VALUES (1)"
    model, _, err = run(server, "CREATE TABLE mine (a INT); INSERT INTO mine VALUES (41)", session="keeps", options=kept)
    assert (model["exit_code"], err) == (0, "")
    for total in ("41\n", "42\n"):
        assert run(server, look, session="keeps", options=kept)[1] == total
    model, out, err = run(server, look, session="another", options=kept)
    assert (model["exit_code"], out) == (1, "") and "ERROR 1146" in err
    model, out, err = run(server, look, session="keeps")  # not told so: it begins with nothing, and leaves nothing else
    assert (model["exit_code"], out) == (1, "") and "ERROR 1146" in err


def test_a_killed_run_holds_nothing(server):
    """Its query goes on in the server, with locks, until the next run ends it."""
    r = runs.Run(server, language="sql", entry="main.sql", session="four", files={
        "main.sql": "CREATE TABLE held (a INT); INSERT INTO held VALUES (1); LOCK TABLES held WRITE; PRINT 'held'; SELECT SLEEP(600)"})
    r.wait_output("held", timeout=60)
    r.signal("KILL")
    assert r.wait(timeout=60)["exit_code"] is None
    model, out, err = run(server, "SELECT COUNT(*) AS n FROM information_schema.processlist", session="four")
    assert model["exit_code"] == 0 and "|  1 |" in out.replace("| 1 |", "|  1 |"), (out, err)


def test_a_server_that_ended_is_there_again(server):
    """A large value that fills the disk is more than InnoDB survives."""
    kernel_id = server.start_kernel(name="sql")
    with server.channels(kernel_id, timeout=90) as c:
        out = c.execute("CREATE TABLE big (a LONGTEXT); BEGIN NOT ATOMIC WHILE TRUE DO INSERT INTO big VALUES (REPEAT('x', 1000000));"
                        " END WHILE; END", timeout=120)
        assert out.status == "error" and re.search("connection is lost|is full", "\n".join(out.reply["content"]["traceback"]))
        for _ in range(2):
            out = c.execute("CREATE OR REPLACE TABLE small (a INT); INSERT INTO small VALUES (1); PRINT 'works'", timeout=90)
            assert out.status == "ok" and "works" in out.stdout, out.reply["content"]
    server.delete(f"/api/kernels/{kernel_id}")
