"""PDF files in the browser client: drawn by its own viewer, and nothing of them is run."""
import pytest
from playwright.sync_api import expect

from support.documents import pdf
from support.ide import open_ide

pytestmark = pytest.mark.kgw


@pytest.fixture(scope="module")
def work(made, browser):
    it = open_ide(browser, made.server)
    yield it
    it.close()


def page(work, n, of):
    return work.page.get_by_role("region", name=f"Page {n} of {of}", exact=True)


def dark(work, n, of):
    """Share of the page's pixels that are black."""
    canvas = page(work, n, of).locator("canvas[data-drawn=true]")
    expect(canvas).to_be_attached()
    return canvas.evaluate("""c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;
        for (let i = 0; i < d.length; i += 4) n += d[i] < 40 && d[i + 3] > 200; return n / (d.length / 4); }""")


def test_pages_are_drawn_and_their_text_is_text(work):
    loaded = "performance.getEntriesByType('resource').map(e => e.name).filter(n => /[Pp]df/.test(n))"
    assert work.page.evaluate(loaded) == [], "not before it is wanted"
    work.upload({"two.pdf": pdf("The first page", *(f"Page {i}" for i in range(2, 11)), "The last page",
                                catalogue="/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>")})
    expect(work.page.get_by_text("11 pages", exact=True)).to_be_visible()
    expect(page(work, 1, 11).get_by_text("The first page")).to_be_attached()
    assert 0.05 < dark(work, 1, 11) < 0.09, "the square is a sixteenth of the page"
    assert page(work, 11, 11).locator("canvas").evaluate("c => c.hasAttribute('data-drawn') && c.dataset.drawn") == "false", "out of sight it is not drawn"
    page(work, 11, 11).scroll_into_view_if_needed()
    expect(page(work, 11, 11).get_by_text("The last page")).to_be_attached()
    assert 0.05 < dark(work, 11, 11) < 0.09
    before = page(work, 11, 11).bounding_box()["width"]
    work.page.get_by_role("button", name="Larger").click()
    assert page(work, 11, 11).bounding_box()["width"] == pytest.approx(before * 1.25, abs=2)
    assert work.axe() == []


def test_what_is_no_document_is_said(work):
    work.upload({"not.pdf": b"%PDF-1.7\n\x80\x81 nothing of the kind\n"})
    expect(work.page.get_by_text("This can't be shown:")).to_be_visible()


def test_a_figure_that_a_program_writes(work):
    work.upload({"draw.py": "import matplotlib\nmatplotlib.use('pdf')\nimport matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('A figure')\nplt.savefig('figure.pdf')\n"})
    work.run("draw.py")
    expect(work.badge("draw.py")).to_have_text("exit 0")
    work.entry("figure.pdf").click()
    assert dark(work, 1, 1) > 0.001
