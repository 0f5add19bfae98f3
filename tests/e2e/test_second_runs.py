"""Programs of one session, one after the other in the same box: no language shows one what an earlier one left."""
import pytest

from support import languages, runs

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(240)]

# The entry, which prints what the other file says; WORD stands for it.
PROJECTS = {
    "python": ("main.py", {"main.py": "import part\nprint(part.WORD)\n", "part.py": "WORD = 'WORD'\n"}),
    "javascript": ("main.js", {"main.js": "console.log(require('./part'))\n", "part.js": "module.exports = 'WORD'\n"}),
    "java": ("Main.java", {"Main.java": "class Main { public static void main(String[] a) { System.out.println(Part.WORD); } }\n",
                           "Part.java": "class Part { static final String WORD = \"WORD\"; }\n"}),
    "cpp": ("main.cpp", {"main.cpp": "#include <iostream>\n#include \"part.hpp\"\nint main() { std::cout << word() << '\\n'; }\n",
                         "part.hpp": "const char *word();\n", "part.cpp": "#include \"part.hpp\"\nconst char *word() { return \"WORD\"; }\n"}),
    "sql": ("main.sql", {"main.sql": "SOURCE part.sql\n", "part.sql": "PRINT 'WORD';\n"}),
    "bash": ("main.sh", {"main.sh": "set -e\n. ./part.sh\necho $word\n", "part.sh": "word=WORD\n"}),
}


@pytest.fixture(scope="module", params=languages.offered())
def language(request, made_of):
    made = made_of("--languages", request.param, "--stock-kernels", "0", "--stock-boxes", "1")
    yield request.param, made.server
    made.stop()


def run(language, word, only_entry=False):
    name, server = language
    entry, files = PROJECTS[name]
    files = {path: text.replace("'WORD'", f"'{word}'").replace('"WORD"', f'"{word}"').replace("word=WORD", f"word={word}")
             for path, text in files.items() if path == entry or not only_entry}
    r = runs.Run(server, files=files, entry=entry, language=name, session="one")
    return r.wait(timeout=90), r.output("stdout")


def test_nothing_of_an_earlier_run_is_seen(language):
    model, out = run(language, "first")
    assert (model["exit_code"], out) == (0, "first\n")
    model, out = run(language, "", only_entry=True)
    assert model["exit_code"] not in (0, None) and "first" not in out, (model, out)
    model, out = run(language, "second")
    assert (model["exit_code"], out) == (0, "second\n")
