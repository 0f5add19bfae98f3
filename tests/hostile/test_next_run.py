"""What a program leaves in its box for the next one of its session: nothing that is seen, stands in the way or is told of the wrong run."""
import re

import pytest

from support import languages, runs

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def sql(made_of):
    if "sql" not in languages.offered():
        pytest.skip("sql was not set up")
    made = made_of("--languages", "sql", "--stock-kernels", "0", "--stock-boxes", "1")
    yield made.server
    made.stop()


def run_sql(server, text, session, memory_mb=128):
    return runs.run(server, text, entry="main.sql", language="sql", session=session, options={"quiet": "1"},
                    limits={"wall_s": 20, "memory_mb": memory_mb})


@pytest.mark.parametrize("name", ["sys", "MYSQL", "Performance_Schema", "mýsql", "performance_schema"])
def test_no_name_keeps_a_database(sql, name):
    """Names that the server's own databases have elsewhere, or nearly have here."""
    model, _, err = run_sql(sql, f"CREATE DATABASE `{name}`", "names")
    assert model["exit_code"] == 0, err
    model, out, err = run_sql(sql, "SHOW DATABASES", "names")
    assert (model["exit_code"], err) == (0, "") and name not in out, out


@pytest.mark.parametrize("xid", ["'g'", "X'60273B5C00FF', X'27', 7", "'it''s', 'b`c'"])
def test_a_prepared_transaction_holds_nobody_up(sql, xid):
    """It outlives its connection, with its locks on tables."""
    model, _, err = run_sql(sql, f"CREATE TABLE t (a INT PRIMARY KEY); XA START {xid}; INSERT INTO t VALUES (1); XA END {xid};"
                                 f"XA PREPARE {xid}", "xa")
    assert model["exit_code"] == 0, err
    model, out, err = run_sql(sql, "XA RECOVER; SHOW TABLES; PRINT 'free'", "xa")
    assert (model["exit_code"], out.strip(), err) == (0, "free", "")


def test_nobody_is_locked_out_by_a_password(sql):
    for text in ("SET PASSWORD = PASSWORD('mine')", "SET PASSWORD FOR student@localhost = PASSWORD('mine')",
                 "ALTER USER CURRENT_USER() IDENTIFIED BY 'mine'", "ALTER USER student@localhost ACCOUNT LOCK"):
        model, _, err = run_sql(sql, text, "password")
        assert model["exit_code"] == 1 and "ERROR" in err, text
        assert run_sql(sql, "PRINT CURRENT_USER()", "password")[1] == "student@localhost\n"


def test_want_of_memory_is_told_of_the_run_that_had_it(server):
    """A child is killed for want of memory, its parent ends well: the next run's own end is no such thing."""
    child = "import os\nif os.fork() == 0: bytearray(1 << 30)\nprint(os.wait()[1])"
    model, out, _ = runs.run(server, child, session="memory", limits={"memory_mb": 64})
    assert (model["exit_code"], model["reason"], out) == (0, "exit", "9\n")
    model, _, _ = runs.run(server, "import os; os.kill(os.getpid(), 9)", session="memory", limits={"memory_mb": 64})
    assert (model["signal"], model["reason"]) == (9, "signal")


FILLS = "CREATE TABLE t (a INT PRIMARY KEY, b TEXT); INSERT INTO t SELECT seq, REPEAT('x', 1000) FROM seq_1_to_20000"
TAKES = "SET @a = REPEAT('x', 8000000), @b = REPEAT('y', 8000000), @c = REPEAT('z', 8000000), @d = REPEAT('z', 8000000)"


def test_a_server_without_room_holds_nobody_up(sql):
    """With so little room it ends by the DROP that would make some: the next run has another."""
    for _ in range(2):
        model, _, err = run_sql(sql, FILLS, "full", memory_mb=64)
        assert model["exit_code"] == 1 and re.search("is full|Lost connection", err), err
        model, out, err = run_sql(sql, "CREATE TABLE t (a INT); PRINT 'room'", "full", memory_mb=64)
        assert (model["exit_code"], out, err) == (0, "room\n", "")


def test_want_of_memory_of_the_server_is_the_runs(sql):
    model, _, err = run_sql(sql, TAKES, "starved", memory_mb=64)
    assert (model["exit_code"], model["reason"]) == (137, "oom") and "ran out of memory (the limit is 64 MB)" in err, (model, err)
