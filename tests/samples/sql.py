def QUOTE(text):
    """text as a string of SQL's."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n") + "'"


KERNEL_TESTS = dict(
    kernel_name="sql",
    language_name="sql",
    file_extension=".sql",
    code_hello_world="PRINT 'hello, world'",
    code_stderr="SELECT 1 / 0",
    code_generate_error="SELECT * FROM nobody_made_it",
    code_page_something="CONCAT?",
    code_inspect_sample="CONCAT",
    completion_samples=[{"text": "SELECT GREATES", "matches": {"GREATEST("}}, {"text": "USE noteb", "matches": {"notebook"}}],
    complete_code_samples=["SELECT 1", "SELECT 1;", "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END"],
    incomplete_code_samples=["SELECT 'hello", "SELECT 1,", "CREATE PROCEDURE p() BEGIN SELECT 1;"],
    invalid_code_samples=["DELIMITER"],
    code_execute_result=[{"code": "SELECT 1 + 2 AS three", "result": "+-------+\n| three |\n+-------+\n|     3 |\n+-------+"}],
    code_display_data=[{"code": "SELECT '<b>' AS a; DO 0", "mime": "text/html"}],
    code_history_pattern="SELECT 1 + 2*",
    supported_history_operations=("tail", "range", "search"),
    code_clear_output="CLEAR SCREEN",
)
UNDECLARED = {}

PRINT = "PRINT TEXT"
LARGE = "PRINT REPEAT('x', 1000000)"
KEEP, KEPT = "SET @kept = 'kept'", "SELECT @kept AS v"
LOOP = "PRINT 'looping'; BEGIN NOT ATOMIC WHILE TRUE DO SET @n = 1; END WHILE; END"
RECURSION = "CREATE OR REPLACE PROCEDURE again() BEGIN CALL again(); END; CALL again()"
MEMORY = "CREATE TABLE big (a VARCHAR(4000)); INSERT INTO big SELECT REPEAT('x', 4000) FROM seq_1_to_1000000"
MEMORY_SAYS = "The table 'big' is full"
DIE = "KILL CONNECTION_ID()"
DIE_SAYS = "The connection is lost"
INPUT = "ACCEPT @name PROMPT 'name? '; PRINT CONCAT('hello, ', @name)"
DEFINE, COMPLETE = "CREATE TABLE the_answer (a INT)", "SELECT * FROM the_ans"
