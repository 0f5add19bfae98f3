"""The tables of docs/COMPATIBILITY.md that are made from what the tests saw, and read back from there."""
import pathlib
import re

DOCUMENT = pathlib.Path(__file__).resolve().parents[3] / "docs" / "COMPATIBILITY.md"
SERVERS = ("jupyter_server", "kernel_gateway", "enterprise_gateway", "kernelgw")
HEADS = ("Jupyter Server", "Kernel Gateway", "Enterprise Gateway", "kernelgw")
UNSEEN = "?"


def marks(name):
    return f"<!-- {name}: made by tests/e2e/test_differential.py -->\n", f"<!-- end of {name} -->\n"


def section(name):
    begin, end = marks(name)
    text = DOCUMENT.read_text()
    return text[text.index(begin) + len(begin):text.index(end)]


def write_section(name, rows):
    begin, end = marks(name)
    text = DOCUMENT.read_text()
    at, to = text.index(begin) + len(begin), text.index(end)
    DOCUMENT.write_text(text[:at] + rows + text[to:])


def known(name):
    """{row: {server: cell}} of the table as it stands in the document."""
    rows = {}
    for line in section(name).splitlines():
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == len(SERVERS) + 2:
            rows[cells[0]] = dict(zip(SERVERS, cells[1:]))
    return rows


def render(name, title, seen, reasons):
    """seen: {row: {server: cell}}. A server that this run did not ask keeps what the document says of it."""
    before = known(name)
    out = [f"| {title} | {' | '.join(HEADS)} | why kernelgw differs |", "|---" * (len(SERVERS) + 2) + "|"]
    for row, cells in seen.items():
        told = [cells.get(s) or before.get(row, {}).get(s, UNSEEN) for s in SERVERS]
        out.append(f"| {row} | {' | '.join(told)} | {reasons.get(row, '')} |")
    return "\n".join(out) + "\n"
