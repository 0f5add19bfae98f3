import { describe, expect, it } from "vitest";
import { findLinks } from "../src/lib/console/links";
import { LineRing } from "../src/lib/console/ring";
import { findMatches, toPattern } from "../src/lib/console/search";
import { partOf, selectAll, selectedText, wordAt } from "../src/lib/console/selection";
import { freeze } from "../src/lib/console/view";

function ringOf(...lines: string[]): LineRing {
  const ring = new LineRing(10_000);
  for (const line of lines) ring.push(line, "out", 0);
  return ring;
}

describe("links", () => {
  const paths = new Set(["main.py", "a/app.py", "src/Main.java", "src/app/util.cpp", "a/x.js", "b/x.js"]);
  const found = (text: string) => findLinks(text, paths).map((l) => [text.slice(l.from, l.to), "url" in l.target ? l.target.url : `${l.target.path}:${l.target.line}:${l.target.column}`]);

  it.each([
    ["see https://a.example/x?y=1.", [["https://a.example/x?y=1", "https://a.example/x?y=1"]]],
    ["(https://a.example/x)", [["https://a.example/x", "https://a.example/x"]]],
    ["https://a.example/a_(b) ok", [["https://a.example/a_(b)", "https://a.example/a_(b)"]]],
    ['  File "/work/a/app.py", line 12, in <module>', [['File "/work/a/app.py", line 12', "a/app.py:12:1"]]],
    ["Main.java:3: error: ';' expected", [["Main.java:3", "src/Main.java:3:1"]]],
    ["\tat Main.main(Main.java:3)", [["Main.java:3", "src/Main.java:3:1"]]],
    ["src/app/util.cpp:12:5: error: x", [["src/app/util.cpp:12:5", "src/app/util.cpp:12:5"]]],
    ["    at f (/work/a/x.js:3:7)", [["/work/a/x.js:3:7", "a/x.js:3:7"]]],
    ["x.js:3", []], // two files of this name: which is meant?
    ["other.py:3", []],
    ["/usr/lib/main.py:3", []],
    ["time 12:30:45", []],
  ])("in %j", (text, expected) => {
    expect(found(text)).toEqual(expected);
  });
});

describe("search", () => {
  const pattern = (text: string, caseSensitive = false, regex = false) => {
    const made = toPattern({ text, caseSensitive, regex });
    if (!(made instanceof RegExp)) throw new Error(made.error);
    return made;
  };

  it("finds every place, through colours", () => {
    const ring = ringOf("a needle", "\x1b[31mnee\x1b[0mdle Needle", "nothing");
    expect(findMatches(ring, pattern("needle"))).toEqual([
      { line: 0, from: 2, to: 8 },
      { line: 1, from: 0, to: 6 },
      { line: 1, from: 7, to: 13 },
    ]);
    expect(findMatches(ring, pattern("Needle", true))).toEqual([{ line: 1, from: 7, to: 13 }]);
  });

  it("takes text as it is, or as an expression", () => {
    const ring = ringOf("1+1 = 2", "11");
    expect(findMatches(ring, pattern("1+1"))).toHaveLength(1);
    expect(findMatches(ring, pattern("1+", false, true))).toHaveLength(3);
    expect(findMatches(ring, pattern("x*", false, true))).toHaveLength(0);
    expect(toPattern({ text: "(", regex: true, caseSensitive: false })).toHaveProperty("error");
  });

  it("stops at a number of matches", () => {
    expect(findMatches(ringOf(...Array.from({ length: 100 }, () => "aaa")), pattern("a"), 10)).toHaveLength(10);
  });
});

describe("selection", () => {
  const ring = ringOf("first", "\x1b[31msecond\x1b[0m", "third");

  it("gives exactly the text, in either direction", () => {
    const anchor = { line: 0, column: 2 };
    const focus = { line: 2, column: 3 };
    expect(selectedText(ring, { anchor, focus })).toBe("rst\nsecond\nthi");
    expect(selectedText(ring, { anchor: focus, focus: anchor })).toBe("rst\nsecond\nthi");
    expect(selectedText(ring, selectAll(ring))).toBe("first\nsecond\nthird");
  });

  it("says which part of a line is in it", () => {
    const selection = { anchor: { line: 0, column: 2 }, focus: { line: 2, column: 3 } };
    expect([0, 1, 2, 3].map((n) => partOf(selection, n))).toEqual([[2, Infinity], [0, Infinity], [0, 3], null]);
    expect(partOf({ anchor: { line: 1, column: 1 }, focus: { line: 1, column: 1 } }, 1)).toBeNull();
  });

  it("finds words", () => {
    expect(wordAt("foo_bar + größe", 2)).toEqual([0, 7]);
    expect(wordAt("foo_bar + größe", 12)).toEqual([10, 15]);
    expect(wordAt("ab", 9)).toEqual([2, 2]);
  });
});

describe("a view that stands still", () => {
  it("keeps the lines that the ring drops", () => {
    const ring = new LineRing(2);
    ring.push("a", "out", 0);
    ring.push("b", "out", 0);
    const view = freeze(ring);
    ring.push("c", "out", 0);
    ring.push("d", "out", 0);
    expect([view.first, view.next, view.get(0)?.text, view.get(1)?.text, view.get(2)]).toEqual([0, 2, "a", "b", undefined]);
  });
});
