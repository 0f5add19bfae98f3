import { describe, expect, it } from "vitest";
import { draw } from "../src/lib/console/rich";

const bare = async (kind: "text/markdown" | "text/latex", text: string) => (await draw(kind, text)).replace(/^<style>[^]*?<\/style>/, "");

describe("Markdown that a program shows", () => {
  it("becomes headings, tables and emphasis", async () => {
    const html = await draw("text/markdown", "# Title\n\n**bold** ~~gone~~\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done\n");
    expect(html).toContain("<h1>Title</h1>");
    expect(html).toContain("<strong>bold</strong> <del>gone</del>");
    expect(html).toContain("<td>2</td>");
    expect(html).toMatch(/<input type="checkbox" checked disabled>/);
    expect(html).not.toContain("<style>");
  });

  it("keeps harmless HTML and nothing that runs", async () => {
    const html = await draw("text/markdown", 'a<br>b <kbd>F5</kbd>\n\n<script>alert(1)</script>\n\n<img src=x onerror="alert(1)">\n\n[l](javascript:alert(1))\n\n<style>p{}</style>');
    expect(html).toContain("a<br>b <kbd>F5</kbd>");
    for (const bad of ["<script", "onerror", "javascript:", "<style", "alert(1)</style"]) expect(html).not.toContain(bad);
  });

  it("draws formulas, with their fonts inside", async () => {
    const html = await draw("text/markdown", "so $e^{i\\pi}$, and\n\n$$\n\\frac{1}{2}\n$$\n");
    expect(html.match(/class="katex"/g)).toHaveLength(2);
    expect(html).toContain('class="katex-display"');
    expect(html).toContain('<style>@font-face');
    expect(html).not.toMatch(/url\((?!data:font\/woff2;base64,)/); // nothing has to be fetched
    expect(html).not.toContain(".ttf");
  });
});

describe("LaTeX that a program shows", () => {
  it("is drawn within its delimiters, and text outside of them", async () => {
    for (const text of ["$x^2$", "$$x^2$$", "\\(x^2\\)", "\\[x^2\\]", "\\begin{equation}x^2\\end{equation}"]) expect(await bare("text/latex", text)).toContain('class="katex"');
    const html = await bare("text/latex", "sum: $x$ <b>5</b>");
    expect(html).toMatch(/^sum: <span/);
    expect(html).toContain("&lt;b&gt;5&lt;/b&gt;");
    expect(await draw("text/latex", "no formula")).toBe("no formula");
  });

  it("shows what is wrong as it stands, and lets nothing run or grow", async () => {
    expect(await bare("text/latex", "$\\frac{1$")).toMatch(/katex-error|\\frac/);
    expect(await bare("text/latex", "$\\href{javascript:alert(1)}{x}$")).not.toContain('href="javascript');
    expect((await bare("text/latex", "$\\def\\a{\\a\\a}\\a$")).length).toBeLessThan(10_000);
    expect(await bare("text/latex", "$\\htmlData{x=y}{z}$")).not.toContain("data-x");
  });
});
