"""Markdown, LaTeX and JSON that a program shows, drawn in the sandboxed frame; and that no part of the page needs another host."""
import pytest
from playwright.sync_api import expect

from support import procs
from support.documents import pdf
from support.ide import open_ide
from support.servers import client_dir

pytestmark = [pytest.mark.kgw, pytest.mark.oci]


@pytest.fixture(scope="module")
def work(made, browser):
    it = open_ide(browser, made.server)
    yield it
    it.close()


RICH = r"""
from kernelgw_display import send
send({"text/markdown": "# Result\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\nso $e^{i\\pi} = -1$\n\n<script>document.title = 'ran'</script>", "text/plain": "markdown"})
send({"text/latex": "$$\\sum_{n=1}^{\\infty} \\frac{1}{n^2}$$", "text/plain": "latex"})
send({"application/json": {"name": "Ada", "marks": {"maths": {"first": [1, 2]}}}, "text/plain": "json"})
"""

# Fonts that the frame has loaded because something in it is drawn by them: the others stay "unloaded".
FONTS = "() => [...document.fonts].filter(f => f.status === 'loaded').map(f => f.family.replace(/\"/g, ''))"


def test_markdown_latex_and_json_are_drawn(work):
    work.upload({"rich.py": RICH})
    work.run("rich.py")
    expect(work.badge("rich.py")).to_have_text("exit 0")
    figures = work.shown("rich.py").locator("figure")
    expect(figures).to_have_count(3)
    markdown, latex, json = (figures.nth(i).frame_locator("iframe") for i in range(3))
    expect(markdown.get_by_role("heading", name="Result")).to_be_visible()
    expect(markdown.get_by_role("cell", name="2", exact=True)).to_be_visible()
    expect(markdown.locator(".katex")).to_be_visible()
    assert markdown.locator("#content script").count() == 0
    expect(latex.locator(".katex-display")).to_be_visible()
    for frame, wanted in ((markdown, {"KaTeX_Main", "KaTeX_Math"}), (latex, {"KaTeX_Main", "KaTeX_Math", "KaTeX_Size2"})):
        body = frame.locator("body")
        assert procs.wait_until(lambda: wanted <= set(body.evaluate(FONTS)), 30), body.evaluate(FONTS)
    expect(json.get_by_text('"Ada"')).to_be_visible()
    deep = json.get_by_text("first", exact=True)
    expect(deep).to_be_hidden()
    json.locator("summary").filter(has_text="maths").click()
    expect(deep).to_be_visible()


CODE = {"a.js": "let a=1\n", "a.java": "class A {}\n", "a.cpp": "int main() {}\n", "a.sql": "select 1;\n", "a.sh": "echo 1\n", "a.json": "{}\n",
        "a.css": "a{color:red}\n", "a.html": "<p>a</p>\n", "a.md": "# Title\n", "a.csv": "name\nAda\n"}


def test_every_part_of_the_page_comes_from_this_server(browser, made):
    """Each part that is loaded when it is wanted is wanted here, and the build has none that is not."""
    work = open_ide(browser, made.server)
    page, asked, refused = work.page, set(), []
    page.context.on("request", lambda r: asked.add(r.url))
    page.on("console", lambda m: refused.append(m.text) if "Content Security Policy" in m.text else None)
    page.reload()  # so that what came first is counted too
    work.upload({**CODE, "rich.py": RICH, "screen.py": "print('on a screen')\n"})
    for path in CODE:
        work.open_file(path)
        if path in ("a.js", "a.css", "a.html", "a.md"):
            work.editor(path).click()
            page.keyboard.press("Shift+Alt+f")
    for path, seen in (("a.md", page.get_by_role("heading", name="Title")), ("a.csv", page.get_by_role("cell", name="Ada"))):
        work.open_file(path)
        page.get_by_role("button", name="Preview").click()
        expect(seen).to_be_visible()
    work.upload({"one.pdf": pdf("The first page")})
    expect(page.get_by_text("The first page")).to_be_attached()
    for name in ("Examples", "Workspaces", "Run configurations"):
        work.command(name)
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    work.run("rich.py")
    expect(work.shown("rich.py").locator("figure").nth(1).frame_locator("iframe").locator(".katex-display")).to_be_visible()
    work.in_a_terminal("screen.py")
    expect(work.badge("screen.py")).to_have_text("exit 0")
    with page.expect_download():
        page.get_by_role("button", name="Download all as zip").click()

    def missing():
        return {f.name for f in client_dir().glob("assets/*") if f.suffix in (".js", ".css")} - {url.rpartition("/")[2] for url in asked}

    def settled():
        page.evaluate("1")  # events of the page are told while something is asked of it
        return not missing()

    assert procs.wait_until(settled, 30), missing()
    assert [url for url in asked if not url.startswith((made.server.url, "blob:", "data:"))] == []
    assert refused == []
    work.close()
