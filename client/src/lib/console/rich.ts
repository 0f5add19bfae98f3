// Markdown and LaTeX as HTML for the sandboxed frame. All of it is this server's and loaded when it is wanted; formulas bring
// their fonts along inside the HTML, since the frame may fetch nothing.
import renderMathInElement from "katex/contrib/auto-render";
import rehypeKatex from "rehype-katex";
import rehypeRaw from "rehype-raw";
import rehypeSanitize, { defaultSchema } from "rehype-sanitize";
import rehypeStringify from "rehype-stringify";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";
import remarkParse from "remark-parse";
import remarkRehype from "remark-rehype";
import { unified } from "unified";

// A formula may neither run what it likes nor grow as it likes; one that is wrong is shown as it stands, in red.
const KATEX = { throwOnError: false, trust: false, strict: "ignore" as const, maxSize: 50, maxExpand: 1000 };

// HTML within Markdown is cleaned as GitHub does; formulas keep the marks by which they are found afterwards.
const CLEAN = { ...defaultSchema, attributes: { ...defaultSchema.attributes, code: [["className", /^language-./, "math-inline", "math-display"] as [string, ...(string | RegExp)[]]] } };

const markdown = unified()
  .use(remarkParse)
  .use(remarkGfm)
  .use(remarkMath)
  .use(remarkRehype, { allowDangerousHtml: true })
  .use(rehypeRaw)
  .use(rehypeSanitize, CLEAN)
  .use(rehypeKatex, KATEX)
  .use(rehypeStringify);

const DELIMITERS = [
  { left: "$$", right: "$$", display: true },
  { left: "\\[", right: "\\]", display: true },
  { left: "$", right: "$", display: false },
  { left: "\\(", right: "\\)", display: false },
  ...["equation", "equation*", "align", "align*", "gather", "gather*", "alignat", "alignat*", "CD"].map((name) => ({ left: `\\begin{${name}}`, right: `\\end{${name}}`, display: true })),
];

/** Text with formulas in it, as notebooks have it: what stands in no delimiters is text. */
function latexHtml(text: string): string {
  const box = document.createElement("div"); // never part of the page
  box.textContent = text;
  renderMathInElement(box, { ...KATEX, delimiters: DELIMITERS });
  return box.innerHTML;
}

/** HTML of it; with formulas, their style and fonts stand in front. */
export async function draw(kind: "text/markdown" | "text/latex", text: string): Promise<string> {
  const html = kind === "text/latex" ? latexHtml(text) : String(await markdown.process(text));
  if (!html.includes('class="katex')) return html;
  const { style } = await import("./katexStyle");
  return `<style>${style}</style>${html}`;
}
