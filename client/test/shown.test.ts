import { beforeEach, describe, expect, it } from "vitest";
import { dressed, pictureOf, toHtml, wordsOf } from "../src/lib/console/shown";
import type { JupyterMessage } from "../src/lib/kgw/frames";
import { clearShown, forgetShown, moveShown, SHOWS_MAX, takeShown, useShows } from "../src/store/shows";
import { terminalOf } from "../src/store/terminals";

describe("a bundle as HTML", () => {
  it("takes the richest kind", () => {
    expect(toHtml({ "text/plain": "p", "image/png": "AAAA", "text/html": "<b>x</b>" })).toEqual({ kind: "text/html", html: dressed("<b>x</b>") });
    expect(toHtml({ "text/plain": "p", "image/svg+xml": ["<svg>", "</svg>"] }).html).toBe(dressed("<svg></svg>"));
    expect(toHtml({ "x/y": 3 })).toEqual({ kind: "x/y", html: dressed("<pre>3</pre>") });
    expect(toHtml({ "text/plain": "p", "text/html": null }).kind).toBe("text/plain");
    expect(toHtml({})).toEqual({ kind: "text/plain", html: dressed("<pre></pre>") });
  });

  it("leaves Markdown and LaTeX to what draws them, as text until then", () => {
    const some = toHtml({ "text/plain": "p", "text/markdown": ["# a\n", "<b>"], "image/png": "AAAA" });
    expect(some).toEqual({ kind: "text/markdown", html: dressed("<pre># a\n&#60;b&#62;</pre>"), source: { kind: "text/markdown", text: "# a\n<b>" } });
    expect(toHtml({ "text/plain": "p", "text/latex": "$x$", "image/png": "AAAA" }).source).toEqual({ kind: "text/latex", text: "$x$" });
  });

  it("makes a tree of JSON, and text where that were too large", () => {
    const { html } = toHtml({ "application/json": { a: [1, "<b>", null], none: {} } });
    expect(html).toContain('<summary><span class="key">a</span>: [3]</summary>');
    expect(html).toContain('<span class="text">&#34;&#60;b&#62;&#34;</span>');
    expect(html).toContain('<span class="key">none</span>: {0}');
    expect(html).not.toContain("<b>");
    expect(toHtml({ "application/json": Array.from({ length: 6000 }, (_, i) => i) }).html).toContain("<pre>[\n  0,");
    expect(toHtml({ "application/json": 0 }).html).toContain("<div>0</div>");
  });

  it("lets no text out of its place", () => {
    const { html } = toHtml({ "image/png": 'AA"><script>', "text/plain": '"><script>alert(1)</script>' });
    expect(html).not.toContain("<script");
    expect(html.match(/"/g)).toHaveLength(6); // of style, alt and src
    expect(toHtml({ "text/plain": "<b>&" }).html).toContain("&#60;b&#62;&#38;");
  });

  it("gives a picture's bytes", async () => {
    const picture = pictureOf({ "image/png": "iVBO\nRw==" });
    expect(picture?.name).toBe("figure.png");
    expect([...new Uint8Array((await picture?.blob.arrayBuffer()) ?? new ArrayBuffer(0))]).toEqual([0x89, 0x50, 0x4e, 0x47]);
    expect(pictureOf({ "image/png": "?" })).toBeNull();
    expect(pictureOf({ "text/html": "x" })).toBeNull();
    expect(wordsOf({ "text/plain": ["a", "b"] })).toBe("ab");
  });
});

const message = (msg_type: string, content: Record<string, unknown>): JupyterMessage => ({
  channel: "iopub",
  header: { msg_id: "1", msg_type, session: "s", username: "u", version: "5.4", date: "" },
  parent_header: {},
  metadata: {},
  content,
  buffers: [],
});

describe("what a console has shown", () => {
  beforeEach(() => clearShown("a.py"));
  const list = (path = "a.py") => (useShows.getState().byPath[path] ?? []).map((s) => s.data["n"]);

  it("grows, changes by id, and keeps the newest", () => {
    expect(takeShown("a.py", message("display_data", { data: { n: 1 }, transient: { display_id: "x" } }))).toBe(1);
    expect(takeShown("a.py", message("display_data", { data: { n: 2 } }))).toBe(2);
    expect(takeShown("a.py", message("update_display_data", { data: { n: 3 }, transient: { display_id: "x" } }))).toBeNull();
    expect(list()).toEqual([3, 2]);
    for (let n = 0; n < SHOWS_MAX; n++) takeShown("a.py", message("display_data", { data: { n: `${n}` } }));
    expect(list()).toHaveLength(SHOWS_MAX);
    expect(list()[0]).toBe("0");
  });

  it("takes nothing for a picture that is none", () => {
    for (const content of [{}, { data: 3 }, { data: null }, { data: [] }]) expect(takeShown("a.py", message("display_data", content))).toBeNull();
    expect(takeShown("a.py", message("status", { data: { n: 1 } }))).toBeNull();
    expect(list()).toEqual([]);
  });

  it("goes with its file, and one by one", () => {
    takeShown("a.py", message("display_data", { data: { n: 1 } }));
    takeShown("a.py", message("display_data", { data: { n: 2 } }));
    moveShown("a.py", "b.py");
    expect([list(), list("b.py")]).toEqual([[], [1, 2]]);
    forgetShown("b.py", useShows.getState().byPath["b.py"]?.[0]?.number ?? -1);
    expect(list("b.py")).toEqual([2]);
  });
});

describe("a terminal's text", () => {
  it("is there for who looks later, and bounded", () => {
    const feed = terminalOf("t.py");
    let seen = "";
    const screen = { write: (text: string) => void (seen += text), reset: () => void (seen = "") };
    feed.write("early ");
    const stop = feed.show(screen);
    feed.write("late");
    expect(seen).toBe("early late");
    stop();
    feed.write(" unseen");
    expect(seen).toBe("early late");
    for (let i = 0; i < 50; i++) feed.write("x".repeat(100_000));
    seen = "";
    feed.show(screen);
    expect(seen.length).toBeLessThanOrEqual(2 * 1024 * 1024);
    feed.begin();
    expect(seen).toBe("");
  });
});
