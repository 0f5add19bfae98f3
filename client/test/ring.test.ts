import { describe, expect, it } from "vitest";
import { LineRing } from "../src/lib/console/ring";

const texts = (ring: LineRing) => Array.from({ length: ring.length }, (_, i) => ring.get(ring.first + i)?.text);

describe("LineRing", () => {
  it("drops the oldest line and keeps the numbers of the others", () => {
    const ring = new LineRing(3);
    for (let i = 0; i < 5; i++) expect(ring.push(`line ${i}`, "out", 0)).toBe(i);
    expect(texts(ring)).toEqual(["line 2", "line 3", "line 4"]);
    expect(ring.first).toBe(2);
    expect(ring.get(1)).toBeUndefined();
    expect(ring.get(5)).toBeUndefined();
  });

  it("changes its last line in place", () => {
    const ring = new LineRing(2);
    ring.push("a", "out", 1);
    ring.push("b", "err", 2);
    ring.replaceLast("bc");
    expect(texts(ring)).toEqual(["a", "bc"]);
    expect(ring.get(1)).toMatchObject({ kind: "err", time: 2 });
  });

  it("goes on with its numbers after it was cleared", () => {
    const ring = new LineRing(10);
    ring.push("a", "out", 0);
    ring.clear();
    expect(ring.length).toBe(0);
    ring.replaceLast("nothing to replace");
    expect(ring.push("b", "out", 0)).toBe(1);
    expect(texts(ring)).toEqual(["b"]);
  });

  it("keeps the newest lines when it shrinks and all when it grows", () => {
    const ring = new LineRing(4);
    for (let i = 0; i < 6; i++) ring.push(String(i), "out", 0);
    ring.resize(2);
    expect(texts(ring)).toEqual(["4", "5"]);
    ring.resize(5);
    for (let i = 6; i < 10; i++) ring.push(String(i), "out", 0);
    expect(texts(ring)).toEqual(["5", "6", "7", "8", "9"]);
  });

  it("bounds the characters, however few the lines are", () => {
    const ring = new LineRing(100_000);
    const long = "x".repeat(1024 * 1024);
    for (let i = 0; i < 40; i++) ring.push(long, "out", 0);
    expect(ring.length).toBe(24);
    expect(ring.next).toBe(40);
  });

  it("refuses to hold nothing", () => {
    expect(() => new LineRing(0)).toThrow(RangeError);
  });
});
