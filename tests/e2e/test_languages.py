"""
What holds for every language that is offered, each on a server that offers it alone: Jupyter's own conformance tests, and
what people do to a kernel sooner or later. tests/samples says what the language is told to do.
"""
import re
import time

import pytest

from support import clients, languages

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(240)]

LONG = 90  # seconds on a machine that others use, too
PLACES = {  # of jupyter_kernel_test: what it can ask of a kernel, and the attribute that says how
    "code_hello_world", "code_stderr", "completion_samples", "complete_code_samples", "incomplete_code_samples",
    "invalid_code_samples", "code_page_something", "code_generate_error", "code_execute_result", "code_display_data",
    "code_history_pattern", "supported_history_operations", "code_inspect_sample", "code_clear_output",
}


class Language:
    def __init__(self, name, server):
        self.name, self.server, self.samples = name, server, languages.samples(name)
        self.manifest = languages.manifests()[name]

    def start(self):
        return self.server.start_kernel(name=self.manifest["name"])


@pytest.fixture(scope="module", params=languages.offered())
def language(request, made_of):
    made = made_of("--languages", request.param, "--stock-kernels", "1", "--stock-boxes", "0")
    yield Language(request.param, made.server)
    made.stop()


@pytest.fixture(scope="module")
def kernel_id(language):
    """One for all tests that leave it as it was."""
    kernel_id = language.start()
    yield kernel_id
    language.server.delete(f"/api/kernels/{kernel_id}")


@pytest.fixture
def cells(language, kernel_id):
    with language.server.channels(kernel_id, timeout=LONG) as c:
        yield c


@pytest.fixture
def fresh(language):
    """A kernel for a test that ends it or wears it out."""
    kernel_id = language.start()
    with language.server.channels(kernel_id, timeout=LONG) as c:
        c.id = kernel_id
        yield c
    language.server.delete(f"/api/kernels/{kernel_id}")


def print_code(language, text):
    return language.samples.PRINT.replace("TEXT", language.samples.QUOTE(text))


def works(language, c):
    """The kernel takes cells and gives what they print."""
    out = c.execute(print_code(language, "still here"), timeout=LONG)
    assert (out.status, out.stdout.strip()) == ("ok", "still here"), out.reply["content"]


def said(out):
    """All that the error says."""
    assert out.status == "error", (out.reply["content"], out.stdout[-500:])
    content = out.reply["content"]
    return "\n".join([content["ename"], content["evalue"], *content["traceback"]])


def test_jupyter_kernel_test(language, tmp_path):
    samples = language.samples
    declared = {key for key, value in samples.KERNEL_TESTS.items() if value}
    assert PLACES - declared <= set(samples.UNDECLARED), "every part is declared, or tests/samples says why not"
    done = clients.call("run_kernel_tests.py", language.name, env=clients.gateway_env(language.server, tmp_path), timeout=200)
    ran, failed, skipped = map(int, re.findall(r"RAN (\d+) FAILED (\d+) SKIPPED (\d+)", done.stdout)[-1])
    assert failed == 0 and done.returncode == 0, done.stdout[-6000:]
    assert skipped <= len(samples.UNDECLARED), done.stdout[-6000:]
    assert ran >= 12, done.stdout[-6000:]


def test_front_ends_can_show_it(language, cells):
    """What JupyterLab needs to list, highlight and export it."""
    spec = language.server.get(f"/api/kernelspecs/{language.manifest['name']}").json()
    assert spec["spec"]["display_name"] and spec["spec"]["language"] == language.manifest["language"]
    for logo, magic in (("logo-32x32", b"\x89PNG"), ("logo-64x64", b"\x89PNG"), ("logo-svg", b"<")):
        image = language.server.get(spec["resources"][logo])
        assert image.status_code == 200 and image.content.startswith(magic), logo
    info = cells.request("kernel_info_request")
    about = info["language_info"]
    for key in ("name", "version", "mimetype", "file_extension"):
        assert about[key], key
    assert about.get("codemirror_mode") and about.get("pygments_lexer", about["name"]), about
    assert info["banner"] and info["implementation"] and info["protocol_version"].startswith("5.")


def test_unicode(language, cells):
    text = "naïve Ω 日本語 🎈 ‮rtl"
    out = cells.execute(print_code(language, text))
    assert (out.status, out.stdout.strip()) == ("ok", text)


def test_a_megabyte_of_output(language, cells):
    out = cells.execute(language.samples.LARGE)
    assert out.status == "ok" and out.stdout == "x" * 1_000_000 + "\n"


def test_input(language, cells):
    prompts = []

    def answer(content):
        prompts.append(content["prompt"])
        return "Zoë"

    if language.samples.INPUT is None:
        assert "stdin" in language.samples.UNDECLARED
        return
    out = cells.execute(language.samples.INPUT, answer=answer)
    assert out.status == "ok" and out.stdout.strip().endswith("hello, Zoë"), (out.reply["content"], out.stdout)
    assert "".join(prompts) + out.stdout.split("hello")[0] == "name? "


def test_input_that_is_not_to_be_had(language, cells):
    """The cell ends, one way or another, and says so or reads an end of file."""
    if language.samples.INPUT is not None:
        assert cells.execute(language.samples.INPUT).status in ("ok", "error")
        works(language, cells)


def test_completion_knows_what_was_defined(language, cells):
    assert cells.execute(language.samples.DEFINE).status == "ok"
    text = language.samples.COMPLETE if hasattr(language.samples, "COMPLETE") else "the_ans"
    reply = cells.request("complete_request", {"code": text, "cursor_pos": len(text)})
    assert reply["status"] == "ok" and any("the_answer" in match for match in reply["matches"]), reply


def test_endless_loop_is_interrupted(language, cells, figure):
    assert cells.execute(language.samples.KEEP).status == "ok"
    msg_id = cells.send_execute(language.samples.LOOP)
    seen = []
    while "looping" not in "".join(seen):
        m = cells.recv_until(lambda m: m["header"]["msg_type"] == "stream")
        seen.append(m["content"]["text"])
    began = time.monotonic()
    assert language.server.post(f"/api/kernels/{cells_id(cells)}/interrupt").status_code == 204
    out = cells.outcome(msg_id)
    figure("interrupt to reply", (time.monotonic() - began) * 1000, "ms")
    assert out.status == "error", out.reply["content"]
    kept = cells.execute(language.samples.KEPT)
    assert "kept" in kept.stdout + str(kept.result), "what was defined before is still there"


def cells_id(c):
    return re.search(r"/api/kernels/([^/]+)/channels", c.url).group(1)


def test_kernel_answers_while_a_cell_spins(language, fresh):
    msg_id = fresh.send_execute(language.samples.LOOP)
    fresh.recv_until(lambda m: m["header"]["msg_type"] == "stream")
    assert fresh.request("kernel_info_request", channel="control")["status"] == "ok"
    language.server.post(f"/api/kernels/{fresh.id}/interrupt")
    assert fresh.outcome(msg_id).status == "error"


def test_recursion_without_end(language, fresh):
    """A Python error, a StackOverflowError, a segmentation fault: told in words, and the kernel goes on."""
    text = said(fresh.execute(language.samples.RECURSION))
    assert len(text) > 10 and text.count("\n") < 100, f"{len(text)} characters:\n{text[:3000]}"
    works(language, fresh)


def test_out_of_memory_is_told(language, fresh):
    text = said(fresh.execute(language.samples.MEMORY))
    assert re.search(language.samples.MEMORY_SAYS, text), text
    works(language, fresh)


def test_death_is_told(language, fresh):
    text = said(fresh.execute(language.samples.DIE))
    assert re.search(language.samples.DIE_SAYS, text), text
    works(language, fresh)


def test_restart_forgets(language, fresh):
    assert fresh.execute(language.samples.KEEP).status == "ok"
    assert language.server.post(f"/api/kernels/{fresh.id}/restart").status_code == 200
    works(language, fresh)
    kept = fresh.execute(language.samples.KEPT)
    assert "kept" not in kept.stdout + str(kept.result)


def test_an_error_leaves_the_kernel_usable(language, cells):
    code = language.samples.KERNEL_TESTS["code_generate_error"]
    for _ in range(3):
        assert said(cells.execute(code, stop_on_error=False))
    works(language, cells)
