"""
The example notebooks, notebooks/examples/LANGUAGE.ipynb: executed by nbclient through the server, their outputs are those
that are stored in them. KERNELGW_UPDATE_EXAMPLES=1 stores what came out instead: look at the difference then.
"""
import json
import os
import re

import nbconvert
import nbformat
import pygments
import pytest
from pygments.lexers import get_lexer_by_name

from support import clients, languages

pytestmark = [pytest.mark.kgw, pytest.mark.oci, pytest.mark.timeout(240)]

EXAMPLES = languages.ROOT / "notebooks" / "examples"
UPDATE = os.environ.get("KERNELGW_UPDATE_EXAMPLES")

# What may differ from one run to the next and mean the same.
MAY_DIFFER = (
    (r"\x1b\[[0-9;]*m", ""),            # colours: a library's next version has others
    (r"0x[0-9a-f]{6,}", "0xADDRESS"),
    (r"/tmp/ipykernel_\d+/\d+\.py", "/tmp/CELL.py"),
    (r"\b\d+(\.\d+)? ?(ns|µs|us|ms|s|sec)\b", "TIME"),
)


def plain(text):
    text = "".join(text) if isinstance(text, list) else text
    for pattern, same in MAY_DIFFER:
        text = re.sub(pattern, same, text)
    return text


def shown(output):
    """An output as it is compared. Of a picture: that it is there, since another version draws other pixels."""
    kind = output.output_type
    if kind == "stream":
        return {"stream": output.name, "text": plain(output.text)}
    if kind == "error":
        return {"error": output.ename, "value": plain(output.evalue), "trace": plain("\n".join(output.traceback))}
    data = {mime: "picture" if mime in ("image/png", "image/jpeg") else plain(value) if isinstance(value, (str, list)) else value
            for mime, value in output.data.items()}
    return {kind: data}


def merged(outputs):
    """Text is one, in whatever pieces it came; standard output and error come by two ways, and either may be first."""
    found, text = [], {}

    def put_text():
        found.extend({"stream": name, "text": text[name]} for name in sorted(text))
        text.clear()

    for output in map(shown, outputs):
        if "stream" in output:
            text[output["stream"]] = text.get(output["stream"], "") + output["text"]
        else:
            put_text()
            found.append(output)
    put_text()
    return found


def code_cells(notebook):
    return [c for c in notebook.cells if c.cell_type == "code"]


@pytest.mark.parametrize("language", languages.offered())
def test_example(language, made_of, tmp_path):
    path, out = EXAMPLES / f"{language}.ipynb", tmp_path / "out.ipynb"
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    manifest = languages.manifests()[language]
    assert stored.metadata.kernelspec.name == manifest["name"]
    made = made_of("--languages", language, "--stock-kernels", "1", "--stock-boxes", "0")
    try:
        done = clients.call("run_notebook.py", "nbclient", path, out, timeout=200,
                            env=clients.gateway_env(made.server, tmp_path))
    finally:
        made.stop()
    assert done.returncode == 0, done.stdout[-4000:]
    ran = nbformat.read(out, as_version=4)
    if UPDATE:
        for cell in ran.cells:
            cell.metadata.pop("execution", None)  # when it ran: another time tomorrow
        nbformat.write(ran, path)
        stored = ran
    assert len(code_cells(stored)) >= 5 and any(c.outputs for c in code_cells(stored))
    for number, (was, now) in enumerate(zip(code_cells(stored), code_cells(ran))):
        expected, got = merged(was.outputs), merged(now.outputs)
        assert got == expected, "\n".join([
            f"cell {number} of {path.name} gave other outputs:", was.source, "--- stored", json.dumps(expected, indent=1,
            ensure_ascii=False), "--- now", json.dumps(got, indent=1, ensure_ascii=False)])
        assert now.execution_count == number + 1
    told = {name: about for name, about in ran.metadata.language_info.items() if name != "version"}
    assert told.items() <= stored.metadata.language_info.items(), "front ends are told of the same language as before"


@pytest.mark.parametrize("language", languages.offered())
def test_an_example_can_be_exported(language):
    """By what the kernel says of its language: as a program of it, and as a page with its code in colours."""
    stored = nbformat.read(EXAMPLES / f"{language}.ipynb", as_version=4)
    about = stored.metadata.language_info
    script, how = nbconvert.ScriptExporter().from_notebook_node(stored)
    assert how["output_extension"] == about.file_extension
    for cell in code_cells(stored):
        lines = [line for line in cell.source.split("\n") if line.strip() and not line.startswith(("%", "!"))]
        assert all(line in script for line in lines), cell.source
    lexer = get_lexer_by_name(about.pygments_lexer)
    code = "\n".join(cell.source for cell in code_cells(stored))
    kinds = {str(kind).split(".")[1] for kind, _ in pygments.lex(code, lexer)}
    assert kinds > {"Keyword", "Literal"}, kinds
    page, _ = nbconvert.HTMLExporter().from_notebook_node(stored)
    assert len(re.findall(r'<span class="k[a-z]*">', page)) > 3, "keywords have a colour"
