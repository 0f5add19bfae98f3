"""
What tests/e2e/test_languages.py has each language do, a module a language. Each defines:

KERNEL_TESTS    attributes of jupyter_kernel_test.KernelTests: code_*, completion_samples, ... Every one is wanted
UNDECLARED      {those that the language has no answer to: the reason}
PRINT, QUOTE    code that prints TEXT, whatever stands there; what makes a literal of the language of a text
LARGE           prints 1,000,000 characters "x" and a line break
KEEP, KEPT      code that defines something, and code that prints "kept" when it is still there
LOOP            prints "looping" and never ends
RECURSION       recurses without end
MEMORY          takes all the memory that there is, touching it
MEMORY_SAYS     what the error then says, a regular expression
DIE             ends the process that runs the cells, with exit status 3 where there is one to give
DIE_SAYS        what the error then says, a regular expression
INPUT           asks "name? " and prints "hello, " with what was answered; None where the language has no such thing,
                and UNDECLARED then says why under "stdin"
DEFINE          defines a name `the_answer`
COMPLETE        optional: what is then completed to that name, if not "the_ans"
"""
import json


def quoted(text):
    """A string literal in most languages."""
    return json.dumps(text, ensure_ascii=False)
