import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { isOneRow } from "../src/console/useColumns";
import { ConsoleLog } from "../src/lib/console/log";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "requestAnimationFrame", "cancelAnimationFrame", "performance", "Date"] });
});
afterEach(() => {
  vi.runAllTimers();
  vi.useRealTimers();
});

const lines = (n: number) => "line\n".repeat(n);

function heard(log: ConsoleLog): number[] {
  const at: number[] = [];
  log.subscribe(() => at.push(Date.now()));
  return at;
}

it("lookers hear of what comes once a frame", () => {
  const log = new ConsoleLog(2000);
  const at = heard(log);
  for (let i = 0; i < 5; i++) log.write("out", lines(3));
  expect(at).toEqual([]);
  vi.advanceTimersByTime(20);
  expect(at.length).toBe(1);
  log.write("out", lines(1));
  vi.advanceTimersByTime(20);
  expect(at.length).toBe(2);
});

it("a flood is told less often, and its end is told", () => {
  const log = new ConsoleLog(2000);
  const at = heard(log);
  for (let ms = 0; ms < 1000; ms += 4) {
    log.write("out", lines(200));
    vi.advanceTimersByTime(4);
  }
  expect(at.length).toBeGreaterThan(12);
  expect(at.length).toBeLessThan(25);
  log.write("out", "the end\n");
  vi.advanceTimersByTime(100);
  expect(log.text().endsWith("the end")).toBe(true);
  expect(log.version).toBe(at.length);
  const before = at.length;
  log.write("out", "after it\n"); // and that at the next frame again
  vi.advanceTimersByTime(20);
  expect(at.length).toBe(before + 1);
});

it.each([
  ["abc", 3, true],
  ["abcd", 3, false],
  ["\x1b[31mab", 7, true],
  ["a\tb", 80, false], // as wide as where it stands
  ["日本", 80, false], // twice as wide
  ["", 0, true],
] as const)("%j is one row of %i columns: %s", (text, columns, one) => expect(isOneRow(text, columns)).toBe(one));
