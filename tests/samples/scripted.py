"""The evaluator of the tests, tests/support/scripted.py: no language that a user is offered."""

KERNEL_TESTS = dict(
    kernel_name="scripted",
    language_name="python",
    file_extension=".py",
    code_hello_world="print('hello, world')",
    code_stderr="import sys; print('test', file=sys.stderr)",
    code_generate_error="raise Exception",
    code_inspect_sample="display",
    completion_samples=[{"text": "displ", "matches": {"display"}}],
    complete_code_samples=["1", "print('hello, world')"],
    incomplete_code_samples=["if 1:"],
    invalid_code_samples=["import = 7q"],
    code_execute_result=[{"code": "1+2+3", "result": "6"}, {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"}],
    code_display_data=[{"code": "display({'text/html': '<b>test</b>'})", "mime": "text/html"}],
    code_history_pattern="1?2*",
    supported_history_operations=("tail", "range", "search"),
    code_clear_output="clear()",
)
