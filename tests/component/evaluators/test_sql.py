"""The SQL evaluator in its image, beside its server (runtimes/sql), played the agent for by tests/support/evaluator.py."""
import json
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from support import evaluator  # noqa: E402
from support.evaluator import Evaluator  # noqa: E402


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not (evaluator.IMAGES / "sql" / "rootfs").is_dir():
            raise unittest.SkipTest(f"no image sql in {evaluator.IMAGES}")
        cls.e = Evaluator.of("sql")

    @classmethod
    def tearDownClass(cls):
        cls.e.close()

    def ok(self, code, **more):
        result = self.e.execute(code, **more)
        self.assertEqual(result.reply["status"], "ok", result)
        return result

    def fails(self, code, **more):
        result = self.e.execute(code, **more)
        self.assertEqual(result.reply["status"], "error", result)
        return result

    def value(self, code):
        """The only value of the cell's last result."""
        return self.ok(code).data["text/plain"].split("\n")[3].strip("| ")

    def complete(self, code, cursor=None):
        reply = self.e.request("complete", code=code, cursor_pos=len(code) if cursor is None else cursor).reply
        self.assertEqual(reply["status"], "ok")
        return reply

    def inspect(self, code, cursor, detail_level=0):
        return self.e.request("inspect", code=code, cursor_pos=cursor, detail_level=detail_level).reply


class Cells(Case):
    def test_result_sets_are_tables(self):
        result = self.ok("SELECT 1 AS n, 'Zoë' AS name, NULL AS nothing, x'00ff' AS bytes")
        self.assertEqual(result.data["text/plain"], "+---+------+---------+--------+\n"
                                                    "| n | name | nothing | bytes  |\n"
                                                    "+---+------+---------+--------+\n"
                                                    "| 1 | Zoë  | NULL    | 0x00FF |\n"
                                                    "+---+------+---------+--------+")
        self.assertIn("<td style=\"text-align: left\">Zoë</td>", result.data["text/html"])
        self.assertEqual(result.stdout + result.stderr, "")

    def test_every_result_set_is_shown_in_order(self):
        result = self.ok("SELECT 1; DO 0; SELECT 2; SELECT 3")
        kinds = [kind for kind, _ in result.order]
        self.assertEqual(kinds, ["display", "stdout", "display", "result"])
        self.assertIn("| 3 |", result.data["text/plain"])

    def test_no_value_when_the_last_statement_has_none(self):
        result = self.ok("SELECT 1; DO 0")
        self.assertIsNone(result.data)
        self.assertEqual(len(result.displays), 1)

    def test_counts_of_rows(self):
        self.ok("CREATE OR REPLACE TABLE counts (a INT)")
        self.assertEqual(self.ok("INSERT INTO counts VALUES (1), (2), (3)").stdout,
                         "Query OK, 3 rows affected\nRecords: 3  Duplicates: 0  Warnings: 0\n")
        self.assertEqual(self.ok("UPDATE counts SET a = 9 WHERE a < 2").stdout,
                         "Query OK, 1 row affected\nRows matched: 1  Changed: 1  Warnings: 0\n")
        self.assertEqual(self.ok("DELETE FROM counts").stdout, "Query OK, 3 rows affected\n")

    def test_print_writes_text(self):
        result = self.ok("PRINT 'hello, ', 1 + 1;\nPRINT CONCAT('a', '\\n', 'b')")
        self.assertEqual(result.stdout, "hello,  2\na\nb\n")
        self.assertIsNone(result.data)
        self.assertEqual(self.ok("PRINT REPEAT('x', 1000000)").stdout, "x" * 1000000 + "\n")

    def test_silent_shows_nothing(self):
        result = self.ok("SELECT 1; DO 0; PRINT 'x'; SELECT 1/0", silent=True)
        self.assertEqual((result.events, result.stdout, result.stderr), ([], "", ""))

    def test_empty_cells(self):
        for code in ("", " \n", "-- nothing", ";;"):
            self.assertEqual(self.ok(code).events, [])

    def test_warnings_and_notes(self):
        result = self.ok("SELECT 1/0 AS a")
        self.assertEqual(result.stderr, "Warning (Code 1365): Division by 0\n")
        self.assertIn("NULL", result.data["text/plain"])
        result = self.ok("DROP TABLE IF EXISTS nobody_made_it")
        self.assertIn("Note (Code 1051): Unknown table", result.stdout)
        self.assertEqual(result.stderr, "")
        result = self.ok("SHOW WARNINGS")
        self.assertEqual(result.stdout + result.stderr, "")

    def test_many_rows_are_counted_not_shown(self):
        result = self.ok("SELECT seq FROM seq_1_to_12345")
        text = result.data["text/plain"]
        self.assertTrue(text.endswith("showing 1,000 of 12,345 rows"), text[-100:])
        self.assertEqual(text.count("\n"), 1004)
        self.assertIn("<p>showing 1,000 of 12,345 rows</p>", result.data["text/html"])

    def test_no_rows(self):
        self.assertTrue(self.ok("SELECT 1 AS a WHERE 0").data["text/plain"].endswith("| a |\n+---+\nno rows"))

    def test_procedures_without_delimiter(self):
        result = self.ok("CREATE OR REPLACE PROCEDURE two() BEGIN SELECT 1; SELECT 2; END; CALL two()")
        self.assertEqual((len(result.displays), result.stdout), (1, "Query OK, 0 rows affected\n"))
        self.assertIn("| 2 |", result.data["text/plain"])
        self.ok("DELIMITER //\nCREATE OR REPLACE FUNCTION twice(a INT) RETURNS INT BEGIN RETURN 2 * a; END//\nDELIMITER ;")
        self.assertEqual(self.value("SELECT twice(21)"), "42")

    def test_what_was_made_stays(self):
        self.ok("SET @kept = 5; CREATE TEMPORARY TABLE kept (a INT); INSERT INTO kept VALUES (7)")
        self.assertEqual(self.value("SELECT @kept + a FROM kept"), "12")
        self.ok("CREATE DATABASE other; USE other")
        self.assertEqual(self.value("SELECT DATABASE()"), "other")
        self.ok("DROP DATABASE other; USE notebook")

    def test_user_expressions(self):
        result = self.ok("SET @a = 6", user_expressions={"good": "@a * 7", "null": "NULL", "bad": "nix("})
        answers = result.reply["user_expressions"]
        self.assertEqual(answers["good"], {"status": "ok", "data": {"text/plain": "42"}, "metadata": {}})
        self.assertEqual(answers["null"]["data"]["text/plain"], "NULL")
        self.assertEqual((answers["bad"]["status"], answers["bad"]["ename"]), ("error", "ERROR 1064 (42000)"))

    def test_a_large_value(self):
        data = self.ok("SELECT REPEAT('x', 1000000) AS a").data
        self.assertEqual(data["text/plain"].count("x"), 1000000)
        data = self.ok("SELECT REPEAT('x', 5000000) AS a").data
        self.assertIn("... (cut; 5,000,000 bytes in all)", data["text/plain"])

    def test_html_of_users_is_text(self):
        html = self.ok("SELECT '<img src=x onerror=alert(1)>' AS `<b>`").data["text/html"]
        self.assertNotIn("<img", html)
        self.assertNotIn("<b>", html)

    def test_accept_asks(self):
        result = self.ok("ACCEPT @who PROMPT CONCAT('your ', 'name? ') -- who\n HIDE;\nSELECT 1; ACCEPT @`the age`; PRINT @who, @`the age`",
                         stdin=["O'Zoë \\\"", "7"])
        self.assertEqual(result.stdout, "O'Zoë \\\" 7\n")
        self.assertEqual([(e["prompt"], e["password"]) for e in result.events if e["event"] == "input"],
                         [("your name? ", True), ("`the age`: ", False)])
        self.assertEqual([kind for kind, _ in result.order], ["input", "display", "input", "stdout"])
        self.assertIn("there is no input for ACCEPT @who", self.fails("ACCEPT @who").reply["evalue"])
        self.assertEqual(self.value("SELECT @who IS NULL"), "0")
        for wrong in ("ACCEPT", "ACCEPT who", "ACCEPT @@port", "ACCEPT @who PROMPT HIDE", "ACCEPT @who 'name? '", "ACCEPT @who HIDE 1"):
            self.assertEqual(self.fails(wrong, stdin=["x"]).reply["ename"], "ERROR", wrong)
        self.assertIn("1054", self.fails("ACCEPT @who PROMPT nobody", stdin=["x"]).reply["ename"])

    def test_clear_screen(self):
        result = self.ok("SELECT 1; Clear Screen; PRINT 'x'")
        self.assertEqual([kind for kind, _ in result.order], ["display", "clear", "stdout"])
        self.assertIn("1064", self.fails("CLEAR SCREEN now").reply["ename"])


class Errors(Case):
    def test_code_state_and_line(self):
        reply = self.fails("SELECT 1;\n\nSELECT *\nFROM nobody_made_it;\nSELECT 2").reply
        self.assertEqual(reply["ename"], "ERROR 1146 (42S02)")
        self.assertEqual(reply["evalue"], "Table 'notebook.nobody_made_it' doesn't exist")
        text = "\n".join(reply["traceback"])
        self.assertIn("in line 3", text)
        self.assertIn("----> 3 \x1b[0mSELECT *", text)
        self.assertIn("\x1b[1;31m", text)

    def test_syntax_errors_name_the_line_of_the_cell(self):
        reply = self.fails("SELECT 1;\nSELECT 2,\n  3,\n  FROM").reply
        self.assertEqual(reply["ename"], "ERROR 1064 (42000)")
        self.assertTrue(reply["evalue"].endswith("at line 4"), reply["evalue"])
        self.assertIn("----> 4 ", "\n".join(reply["traceback"]))

    def test_later_statements_are_not_run(self):
        self.fails("SET @later = 1; SELECT nix; SET @later = 2")
        self.assertEqual(self.value("SELECT @later"), "1")

    def test_what_came_before_is_shown(self):
        result = self.fails("SELECT 1; SELECT nix")
        self.assertEqual(len(result.displays), 1)

    def test_errors_of_users(self):
        reply = self.fails("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no ünicorns'").reply
        self.assertEqual((reply["ename"], reply["evalue"]), ("ERROR 1644 (45000)", "no ünicorns"))

    def test_client_commands(self):
        self.assertIn("followed by the new delimiter", self.fails("DELIMITER").reply["evalue"])
        self.assertIn("can't be read", self.fails("SOURCE nobody-made-it.sql").reply["evalue"])
        self.assertIn("not in the working folder", self.fails("SOURCE /etc/passwd").reply["evalue"])

    def test_code_that_is_no_text(self):
        self.fails("\0SELECT 1")
        self.fails("SELECT '\ud83c'")
        self.assertEqual(self.ok("SELECT 'a\0b' AS x").data["text/plain"].split("\n")[3], "| a\\x00b |")

    def test_unknown_operations(self):
        self.assertEqual(self.e.request("dance").reply["status"], "error")
        self.ok("SELECT 1")

    def test_lost_connection_is_told_and_made_anew(self):
        self.ok("SET @gone = 1; CREATE OR REPLACE TABLE stays (a INT)")
        reply = self.fails("KILL CONNECTION_ID()").reply
        self.assertIn("The connection is lost", "\n".join(reply["traceback"]))
        self.assertEqual(self.value("SELECT @gone"), "NULL")
        self.assertEqual(self.value("SELECT COUNT(*) FROM stays"), "0")


class Interrupts(Case):
    def interrupted(self, code):
        began = time.monotonic()
        result = self.e.execute(code, interrupt_after=0.3)
        self.assertEqual(result.reply["status"], "error", result)
        self.assertEqual(result.reply["ename"], "KeyboardInterrupt")
        self.assertLess(time.monotonic() - began, 20)

    def test_whatever_runs(self):
        self.ok("SET @kept = 1")
        for code in ("SELECT SLEEP(100)", "BEGIN NOT ATOMIC WHILE 1 DO SET @a = 1; END WHILE; END",
                     "SELECT COUNT(*) FROM seq_1_to_100000 a, seq_1_to_100000 b",
                     "SELECT * FROM seq_1_to_100000 a, seq_1_to_100000 b", "DO SLEEP(100); SELECT 1",
                     "SELECT BENCHMARK(1000000000000, SHA2('a', 512))"):
            with self.subTest(code):
                self.interrupted(code)
                self.assertEqual(self.value("SELECT @kept"), "1")

    def test_text_is_seen_before_what_takes_long(self):
        result = self.e.execute("PRINT 'looping'; DO SLEEP(100)", interrupt_after=0.3)
        self.assertEqual((result.stdout, result.reply["ename"]), ("looping\n", "KeyboardInterrupt"))

    def test_a_question_is_given_up(self):
        self.interrupted("ACCEPT @answer PROMPT 'never answered? '")
        self.e.send({"op": "input", "value": "too late"})
        self.assertEqual(self.ok("ACCEPT @answer; PRINT @answer", stdin=["in time"]).stdout, "in time\n")

    def test_between_cells_nothing_happens(self):
        self.ok("SELECT 1")
        self.e.interrupt()
        time.sleep(0.1)
        self.ok("SELECT 1")


class Looking(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.e.execute("CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(40) COMMENT 'in full', `odd name` INT);"
                      "CREATE TABLE pets (id INT, owner INT);"
                      "CREATE FUNCTION shout(a TEXT) RETURNS TEXT RETURN UPPER(a);"
                      "CREATE DATABASE zoo; CREATE TABLE zoo.cages (size INT)")

    def matches(self, code, cursor=None):
        return self.complete(code, cursor)["matches"]

    def test_keywords_in_the_case_of_the_typist(self):
        self.assertIn("SELECT", self.matches("SEL"))
        self.assertIn("select", self.matches("sel"))
        self.assertIn("concat(", self.matches("select conc"))

    def test_tables_and_databases(self):
        self.assertEqual(self.matches("SELECT * FROM p")[:2], ["people", "pets"])
        self.assertEqual(self.matches("USE zo"), ["zoo"])
        self.assertEqual(self.matches("SELECT * FROM zoo."), ["cages"])

    def test_columns(self):
        self.assertEqual(self.matches("SELECT people.na"), ["name"])
        self.assertEqual(self.matches("SELECT  FROM people p, pets", 7)[:5], ["id", "name", "`odd name`", "p", "owner"])
        self.assertEqual(self.matches("SELECT p. FROM people p", 9), ["id", "name", "`odd name`"])
        self.assertEqual(self.matches("SELECT x. FROM zoo.cages AS x", 9), ["size"])
        self.assertEqual(self.matches("SELECT zoo.cages.s"), ["size"])

    def test_system_variables(self):
        self.assertIn("@@version_comment", self.matches("SELECT @@version_c"))

    def test_nothing_in_strings(self):
        self.assertEqual(self.matches("SELECT 'SEL"), [])

    def test_positions_count_code_points(self):
        reply = self.complete("SELECT '日🎈', people.na")
        self.assertEqual((reply["cursor_start"], reply["cursor_end"], reply["matches"]), (20, 22, ["name"]))

    def test_inspection(self):
        reply = self.inspect("SELECT * FROM people", 16)
        self.assertTrue(reply["found"])
        self.assertIn("varchar(40)", reply["data"]["text/plain"])
        self.assertIn("<table", reply["data"]["text/html"])
        self.assertIn("CREATE TABLE `people`", self.inspect("SELECT * FROM people", 16, 1)["data"]["text/plain"])
        self.assertIn("in full", self.inspect("SELECT p.name FROM people p", 10)["data"]["text/plain"])
        self.assertIn("in full", self.inspect("SELECT name FROM people p", 9)["data"]["text/plain"])
        self.assertIn("UPPER(a)", self.inspect("SELECT shout('x')", 9)["data"]["text/plain"])
        self.assertIn("cages", self.inspect("USE zoo", 5)["data"]["text/plain"])
        self.assertFalse(self.inspect("SELECT nobody_made_it", 9)["found"])

    def test_help(self):
        self.assertIn("CONCAT(str1,str2,...)", self.inspect("SELECT CONCAT('a')", 9)["data"]["text/plain"])
        self.assertIn("Use the CREATE TABLE statement", self.inspect("CREATE TABLE t", 3)["data"]["text/plain"])

    def test_is_complete(self):
        for code, status in (("SELECT 1", "complete"), ("SELECT 1 FROM", "incomplete"), ("SELECT 'a", "incomplete"),
                             ("CREATE PROCEDURE p() BEGIN", "incomplete"), ("DELIMITER", "invalid")):
            self.assertEqual(self.e.request("is_complete", code=code).reply["status"], status, code)


class Rights(Case):
    """The user is nobody in the server but the owner of what they make."""

    def test_who_the_user_is(self):
        self.assertEqual(self.value("SELECT CURRENT_USER()"), "student@localhost")
        grants = self.ok("SHOW GRANTS").data["text/plain"]
        for right in ("SUPER", "FILE", "PROCESS", "GRANT OPTION", "SHUTDOWN", "CREATE USER"):
            self.assertNotIn(right, grants)

    def test_what_is_refused(self):
        for code in ("SELECT * FROM mysql.global_priv", "CREATE TABLE mysql.x (a INT)", "CREATE USER x", "SHUTDOWN",
                     "INSERT INTO mysql.db (Host, Db, User) VALUES ('%', '%', 'student')",
                     "GRANT ALL ON *.* TO student@localhost", "GRANT SELECT ON mysql.* TO student@localhost",
                     "SET GLOBAL max_connections = 1000", "SELECT LOAD_FILE('/etc/passwd') IS NULL OR nix",
                     "SELECT 1 INTO OUTFILE '/tmp/x'", "LOAD DATA INFILE '/etc/passwd' INTO TABLE t",
                     "INSTALL SONAME 'ha_connect'", "CREATE FUNCTION f RETURNS STRING SONAME 'x.so'",
                     "DROP DATABASE mysql",
                     "CREATE DEFINER = root@localhost PROCEDURE p() SELECT 1", "SET SESSION sql_log_bin = 0",
                     "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (USER 'root')", "FLUSH PRIVILEGES"):
            with self.subTest(code):
                self.fails(code)

    def test_tables_stay_in_their_folder(self):
        result = self.ok("CREATE OR REPLACE TABLE here (a INT) ENGINE = MyISAM DATA DIRECTORY = '/tmp'")
        self.assertIn("<DATA DIRECTORY> option ignored", result.stderr)

    def test_local_files_are_the_users_own(self):
        self.ok("CREATE OR REPLACE TABLE text_lines (a TEXT)")
        for path in ("/etc/passwd", "../etc/passwd", "/proc/self/environ", "/dev/zero", "/work/../etc/passwd", "."):
            with self.subTest(path):
                said = self.fails(f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE text_lines").reply["evalue"]
                self.assertIn("can't be read", said)
        self.ok("LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE text_lines")
        self.assertEqual(self.value("SELECT COUNT(*) FROM text_lines"), "0")


class Programs(unittest.TestCase):
    """Runs one after the other beside one server, as in a session's box; a shell stands in for the evaluator."""

    def shell(self, script):
        manifest = json.loads((evaluator.ROOT / "runtimes" / "sql" / "runtime.json").read_text())
        image = evaluator.IMAGES / manifest["image"] / "rootfs"
        if not image.is_dir():
            raise unittest.SkipTest(f"no image sql in {evaluator.IMAGES}")
        script = """echo '{"event":"ready"}' >&3; read line <&4; """ + script + """
            echo '{"reply":1}' >&3; read line <&4"""
        with Evaluator(["sh", "-c", script], image, service=manifest["service"]) as e:
            return e.request("run", timeout=60)

    def test_a_run_begins_with_nothing(self):
        result = self.shell("""
            echo "CREATE TABLE mine (a INT); CREATE DATABASE \`o\`\`dd\`; CREATE TABLE \`o\`\`dd\`.t (a INT); SET @left = 'seen';
                  CREATE PROCEDURE p() SELECT 1; CREATE VIEW v AS SELECT 1" > a.sql
            echo "SHOW DATABASES; SHOW TABLES; SELECT @left, DATABASE(); CALL p()" > b.sql
            kgw-sql run a.sql > /dev/null && kgw-sql run b.sql; echo "status $?"
            """)
        for left in ("mine", "o`dd", "seen", "notebook"):
            self.assertNotIn(left, result.stdout)
        self.assertIn("| NULL  | program    |", result.stdout)
        self.assertIn("PROCEDURE program.p does not exist", result.stderr)
        self.assertIn("status 1", result.stdout)

    def test_keep(self):
        result = self.shell("""
            export KGW_SQL_QUIET=1
            echo "CREATE TABLE mine (a INT); INSERT INTO mine VALUES (42)" > a.sql
            echo "PRINT (SELECT a FROM mine)" > b.sql
            KGW_SQL_KEEP=1 kgw-sql run a.sql; KGW_SQL_KEEP=1 kgw-sql run b.sql; KGW_SQL_KEEP=1 kgw-sql run b.sql; kgw-sql run b.sql
            """)
        self.assertEqual(result.stdout, "42\n42\n")
        self.assertIn("b.sql:1: ERROR 1146", result.stderr)

    def test_a_killed_run_holds_nothing(self):
        """Its query goes on in the server, with locks, until the next run ends it."""
        result = self.shell("""
            export KGW_SQL_QUIET=1
            echo "CREATE TABLE held (a INT); LOCK TABLES held WRITE; SELECT SLEEP(600)" > a.sql
            echo "PRINT (SELECT COUNT(*) FROM information_schema.processlist)" > b.sql
            kgw-sql run a.sql & sleep 0.5; kill -KILL $!; kgw-sql run b.sql
            """)
        self.assertEqual(result.stdout, "1\n", result)

    def test_files_that_include_each_other(self):
        result = self.shell("""
            echo "SOURCE a.sql" > a.sql; mkdir d; echo "SOURCE /work/c.sql" > d/b.sql; echo "PRINT 'c'" > c.sql; ln -s /etc/passwd l.sql
            printf '\\357\\273\\277SOURCE d/b.sql\\r\\n' > bom.sql; : > empty.sql
            kgw-sql run a.sql; kgw-sql run bom.sql empty.sql; kgw-sql run l.sql; kgw-sql run d; kgw-sql run nix.sql; kgw-sql run
            """)
        self.assertEqual(result.stdout, "c\n")
        for said in ("include each other more than 16 deep", "'l.sql' can't be read: it is not in the working folder",
                     "'d' can't be read: Is a directory", "'nix.sql' can't be read: No such file", "usage: "):
            self.assertIn(said, result.stderr)


if __name__ == "__main__":
    unittest.main()
