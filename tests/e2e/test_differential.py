"""
The same conversations with Jupyter Server and kernelgw, and, with --long, with Kernel Gateway and with Enterprise Gateway, in an environment
of its own. What differs from Jupyter Server must stand in differential/reasons.py with its reason, and what stands there must differ.
docs/COMPATIBILITY.md holds what was seen; KERNELGW_WRITE_DOCS=1 writes it anew.
"""
import os
import pathlib
import re
import shutil

import jupyter_server
import pytest
import yaml

from e2e.differential import reasons, rest, table, talk
from support import servers

pytestmark = [pytest.mark.kgw, pytest.mark.timeout(300)]


def start(kind, made_of):
    """A server with an empty folder of its own; stop() ends it."""
    if kind == "kernelgw":
        root = servers.new_directory()
        shutil.chown(root, servers.gateway_user().pw_name)
        made = made_of("--contents-dir", root, "--terminals", "--stock-boxes", "0")
        return made.server, lambda: (made.stop(), shutil.rmtree(root))
    directory = servers.new_directory()
    options = ("--FileContentsManager.delete_to_trash=False",) if kind == "jupyter_server" else ()
    (directory / "root").mkdir()
    server = servers.start_reference(kind, directory, root_dir=directory / "root", options=options)
    return server, lambda: (server.stop(), servers.remove(directory))


KINDS = table.SERVERS if os.environ.get("KERNELGW_LONG") else ("jupyter_server", "kernelgw")


@pytest.fixture(scope="module", params=KINDS)
def heard(request, made_of):
    """(kind, REST answers, messages by framing, ends of sockets) of one server."""
    server, stop = start(request.param, made_of)
    try:
        answers = rest.say(server, rest.CALLS)
        messages = {}
        for framing in ("v1", "json") if request.param == "kernelgw" else ("v1",):
            kernel_id = server.start_kernel(name="python3")
            messages[framing] = talk.say(server, kernel_id, framing)
            server.delete(f"/api/kernels/{kernel_id}")
        yield request.param, answers, messages, sockets(server)
    finally:
        stop()


def sockets(server):
    kernel_id = server.start_kernel(name="python3")
    seen = {}
    for name, path, headers in talk.HANDSHAKES:
        path = path.replace("{kernel}", kernel_id).replace("TOKEN", server.token)
        seen[name] = f"refused, {code}" if (code := talk.refused(server, path, headers)) != 101 else "open"
    for name, framing, frame in talk.ENDS:
        code = talk.closed_by(server, kernel_id, frame, framing)
        seen[name] = f"closed, {code}" if code else "goes on"
    with server.channels(kernel_id) as c:
        c.request("kernel_info_request")
        server.delete(f"/api/kernels/{kernel_id}")
        seen["the kernel is deleted"] = talk.end_of(c)
    return seen


@pytest.fixture(scope="module")
def seen():
    """{kind: what was heard}, filled by the tests in order."""
    return {}


def test_conversation(heard, seen):
    kind, answers, messages, ends = heard
    seen[kind] = heard
    assert len(answers) == len(rest.CALLS), "names of calls are rows of a table"
    if kind == "kernelgw":
        broken = {n: a.status for n, a in answers.items() if a.status >= 500 and a.status != 501}  # 501 is Jupyter's for an unknown kind
        assert not broken
    assert set(messages["v1"]) == {r[0] for r in talk.REQUESTS}
    if kind == "kernelgw":
        assert {n: s.words() for n, s in messages["json"].items()} == {n: s.words() for n, s in messages["v1"].items()}
    assert ends


def differing(ours, theirs):
    return {name for name in ours if ours[name] != theirs[name]}


def assert_explained(rows, explained):
    assert rows - set(explained) == set(), "differs without a reason"
    assert set(explained) - rows == set(), "a reason for what does not differ"


def of_both(seen):
    assert {"kernelgw", "jupyter_server"} <= set(seen), "the conversations were not had"
    return seen["kernelgw"], seen["jupyter_server"]


def test_every_published_path_and_method_was_asked():
    published = pathlib.Path(jupyter_server.__file__).parent / "services/api/api.yaml"
    asked = [(c.method.lower(), c.path.split("?")[0].rstrip("/")) for c in rest.CALLS]
    for path, row in yaml.safe_load(published.read_text())["paths"].items():
        rest_of_it = ".+" if path.startswith("/api/contents/{path}") else "[^/]+"
        pattern = re.sub(r"{[^}]*}", "[^/]+", path.replace("{path}", "PATH")).replace("PATH", rest_of_it).rstrip("/")
        for method in row:
            assert method == "parameters" or any(m == method and re.fullmatch(pattern, p) for m, p in asked), (method, path)


def test_statuses(seen):
    ours, theirs = of_both(seen)
    rows = {n for n in ours[1] if ours[1][n].status != theirs[1][n].status}
    assert_explained(rows, reasons.REST)


def missing(ours, theirs, at=""):
    """Members that theirs has and ours has not, and those of another kind (null fits all)."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in theirs:
            if name not in ours:
                yield f"{at}{name}"
            else:
                yield from missing(ours[name], theirs[name], f"{at}{name}.")
    elif isinstance(theirs, list) and isinstance(ours, list):
        if theirs and ours:
            yield from missing(ours[0], theirs[0], f"{at}[].")
    elif ours != theirs and "null" not in (ours, theirs):
        yield f"{at}: {ours} instead of {theirs}"


def test_bodies_have_the_members_that_clients_read(seen):
    ours, theirs = of_both(seen)
    rows = {}
    for name, answer in ours[1].items():
        other = theirs[1][name]
        if answer.status == other.status and answer.status < 400:
            lacking = sorted(missing(answer.shape, other.shape))
            if answer.located != other.located:
                lacking.append("Location")
            if answer.kind != other.kind and other.body is not None:
                lacking.append(f"{answer.kind} instead of {other.kind}")
            if lacking:
                rows[name] = lacking
    assert rows == {n: lacking for n, (lacking, _) in reasons.MEMBERS.items()}


def test_errors_are_told_as_json(seen):
    """Jupyter Server's have these two members; some bring a traceback, or a page of HTML. Ours never do."""
    ours, _ = of_both(seen)
    for name, answer in ours[1].items():
        if answer.status >= 400:
            second = "short_message" if answer.status == 501 else "reason"
            assert answer.kind == "application/json" and {"message", second} <= set(answer.body), name
            assert "traceback" not in answer.body


def test_messages(seen):
    ours, theirs = of_both(seen)
    rows = {n for n in ours[2]["v1"] if ours[2]["v1"][n].words() != theirs[2]["v1"][n].words()}
    assert_explained(rows, reasons.MESSAGES)
    for name, one in ours[2]["v1"].items():
        other = theirs[2]["v1"][name]
        if name not in rows and other.reply:
            assert set(other.reply[2]) <= set(one.reply[2]), name


def test_sockets(seen):
    ours, theirs = of_both(seen)
    assert_explained(differing(ours[3], theirs[3]), reasons.SOCKETS)


@pytest.mark.parametrize("name", ["calls", "messages", "sockets"])
def test_the_document_says_what_was_seen(seen, name):
    of_both(seen)
    rows = {}
    for kind, heard in seen.items():
        if name == "calls":
            cells = {n: str(a.status) for n, a in heard[1].items()}
        elif name == "messages":
            cells = {n: s.words() for n, s in heard[2]["v1"].items()}
        else:
            cells = heard[3]
        for row, cell in cells.items():
            rows.setdefault(row, {})[kind] = cell
    if name == "calls":
        rows = {row_of(row): cells for row, cells in rows.items()}
    why = {"calls": {row_of(n): w for n, w in reasons.REST.items()}, "messages": reasons.MESSAGES,
           "sockets": reasons.SOCKETS}[name]
    made = table.render(name, {"calls": "call", "messages": "request", "sockets": "what happens"}[name], rows, why)
    if os.environ.get("KERNELGW_WRITE_DOCS"):
        table.write_section(name, made)
    assert table.section(name) == made, "docs/COMPATIBILITY.md: KERNELGW_WRITE_DOCS=1 writes it anew"


def row_of(name):
    call = next(c for c in rest.CALLS if c.name == name)
    path = call.path.replace(rest.UNKNOWN, "…").replace("11111111-2222-4333-8444-555555555555", "…")
    return f"{name}: `{call.method} {path}`"
