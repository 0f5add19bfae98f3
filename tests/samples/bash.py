import shlex

KERNEL_TESTS = dict(
    kernel_name="bash",
    language_name="bash",
    file_extension=".sh",
    code_hello_world="echo hello, world",
    code_stderr="echo test >&2",
    code_generate_error="false",
    code_inspect_sample="unset",
    completion_samples=[{"text": "unse", "matches": {"unset"}}, {"text": "ls; unse", "matches": {"unset"}},
                        {"text": "cat /etc/hostn", "matches": {"/etc/hostname"}}],
    complete_code_samples=["1", "echo hello, world", "f() {\n  echo $1\n}"],
    incomplete_code_samples=["echo 'hello", "if true; then", "cat <<END\ntext", "echo one \\"],
    invalid_code_samples=["fi", "echo )"],
    code_display_data=[{"code": "echo '<b>test</b>' | display --html", "mime": "text/html"},
                       {"code": "printf '\\x89PNG' > p.png; display p.png", "mime": "image/png"}],
    code_history_pattern="1?2*",
    supported_history_operations=("tail", "range", "search"),
    code_clear_output="clear",
)
UNDECLARED = {
    "code_execute_result": "commands have no value", "code_page_something": "there is no pager",
    "history": "its test runs the cells of code_execute_result; the agent's history is the same for all evaluators",
}

PRINT, QUOTE = "printf '%s\\n' TEXT", shlex.quote
LARGE = "head -c 1000000 /dev/zero | tr '\\0' x; echo"
KEEP, KEPT = "my_text=kept", 'echo "$my_text"'
LOOP = "echo looping\nwhile :; do :; done"
RECURSION = "f() { f; }; f"
MEMORY = "x=xxxxxxxxxxxxxxxx; while :; do x+=$x; done"
MEMORY_SAYS = "out of memory"
DIE = "exit 3"
DIE_SAYS = "3"
INPUT = "read -rp 'name? ' name; echo \"hello, $name\""
DEFINE = "the_answer=42"
COMPLETE = "echo $the_ans"
