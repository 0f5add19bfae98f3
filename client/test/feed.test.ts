import { describe, expect, it } from "vitest";
import { stripAnsi } from "../src/lib/console/ansi";
import { ConsoleFeed, LINE_CHARS } from "../src/lib/console/feed";
import { LineRing, type Kind } from "../src/lib/console/ring";

function fed(...pieces: (string | [Kind, string])[]): ConsoleFeed {
  const feed = new ConsoleFeed(new LineRing(1000));
  for (const piece of pieces) {
    if (typeof piece === "string") feed.write("out", piece, 0);
    else feed.write(piece[0], piece[1], 0);
  }
  return feed;
}

function lines({ ring }: ConsoleFeed): string[] {
  return Array.from({ length: ring.length }, (_, i) => stripAnsi(ring.get(ring.first + i)?.text ?? "?"));
}

describe("ConsoleFeed", () => {
  it("joins pieces and splits lines, wherever they were cut", () => {
    const text = "one\ntwo\n\nthree\r\nfour";
    for (let cut = 0; cut <= text.length; cut++) expect(lines(fed(text.slice(0, cut), text.slice(cut)))).toEqual(["one", "two", "", "three", "four"]);
  });

  it("shows a line that is not ended, once", () => {
    expect(lines(fed("name? "))).toEqual(["name? "]);
    expect(lines(fed("na", "me? ", "\n"))).toEqual(["name? "]);
  });

  it("ends on one line for a progress bar, wherever its pieces were cut", () => {
    const text = "\r 10%\r 50%\r100%\ndone\n";
    for (let cut = 0; cut <= text.length; cut++) expect(lines(fed(text.slice(0, cut), text.slice(cut)))).toEqual(["100%", "done"]);
  });

  it.each([
    ["abc\rX", "Xbc"],
    ["abc\b\bX", "aXc"],
    ["abc\r\x1b[KX", "X"],
    ["abc\x1b[2K\rX", "X"],
    ["abc\x1b[1DX", "abX"],
    ["a\x1b[3CX", "a   X"],
    ["abc\x1b[1GX", "Xbc"],
    ["日本語\rX", "X本語"],
    ["\b\bX", "X"],
  ])("moves the cursor in %j", (text, expected) => {
    expect(lines(fed(text))).toEqual([expected]);
  });

  it("keeps colours where a line is written over, and after it", () => {
    const feed = fed("\x1b[31mred\rX\x1b[0m\nplain\n\x1b[32mgreen\nstill\n");
    expect(lines(feed)).toEqual(["Xed", "plain", "green", "still"]);
    expect(feed.ring.get(1)?.start).toEqual({});
    expect(feed.ring.get(3)?.start).toEqual({ fg: 2 });
  });

  it("splits lines at 4 KiB and loses nothing of them", () => {
    const long = Array.from({ length: 3000 }, (_, i) => String(i)).join("-");
    const feed = fed(long.slice(0, 5000), long.slice(5000), "\nnext");
    const got = lines(feed);
    expect(got.pop()).toBe("next");
    expect(got.every((l) => l.length <= LINE_CHARS)).toBe(true);
    expect(got.join("")).toBe(long);
  });

  it("cuts no colour sequence and no character in two", () => {
    const before = "x".repeat(LINE_CHARS - 3);
    expect(lines(fed(`${before}\x1b[31mred`)).join("")).toBe(`${before}red`);
    expect(lines(fed(`${"x".repeat(LINE_CHARS - 1)}\u{1f600}`)).every((l) => l.isWellFormed())).toBe(true);
  });

  it("gives streams lines of their own", () => {
    const feed = fed("half", ["err", "oops\n"], "rest\n");
    expect(lines(feed)).toEqual(["half", "oops", "rest"]);
    expect(feed.ring.get(1)?.kind).toBe("err");
  });

  it("shows what was typed where the prompt stands", () => {
    const feed = fed("name? ");
    feed.echo("Ada", 0);
    feed.write("out", "Hello\n", 0);
    expect(lines(feed)).toEqual(["name? Ada", "Hello"]);
    feed.echo("", 0);
    expect(lines(feed)).toEqual(["name? Ada", "Hello", ""]);
  });

  it("puts its own notes on lines of their own", () => {
    const feed = fed("half");
    feed.note("ended", 0);
    feed.write("out", "new\n", 0);
    expect(lines(feed)).toEqual(["half", "ended", "new"]);
  });

  it("keeps the end of a million lines", () => {
    const feed = new ConsoleFeed(new LineRing(2000));
    const chunk = Array.from({ length: 10_000 }, (_, i) => `${i}\n`).join("");
    for (let i = 0; i < 100; i++) feed.write("out", chunk, 0);
    expect(feed.ring.next).toBe(1_000_000);
    expect(feed.ring.length).toBe(2000);
    expect(lines(feed).at(-1)).toBe("9999");
  });
});
