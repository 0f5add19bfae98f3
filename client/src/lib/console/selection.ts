// A selection in a console, by line and column: rows that are out of sight are not in the page, so the browser's own
// selection would lose them.
import { stripAnsi } from "./ansi";
import type { Lines } from "./view";

export interface Place {
  line: number;
  column: number;
}

export interface Selection {
  anchor: Place;
  focus: Place;
}

const before = (a: Place, b: Place) => a.line < b.line || (a.line === b.line && a.column < b.column);

export function ordered({ anchor, focus }: Selection): [Place, Place] {
  return before(focus, anchor) ? [focus, anchor] : [anchor, focus];
}

export const isEmpty = ({ anchor, focus }: Selection): boolean => anchor.line === focus.line && anchor.column === focus.column;

/** The part of a line that is selected; to Infinity when the line's end is. */
export function partOf(selection: Selection | null, line: number): [number, number] | null {
  if (!selection || isEmpty(selection)) return null;
  const [from, to] = ordered(selection);
  if (line < from.line || line > to.line) return null;
  return [line === from.line ? from.column : 0, line === to.line ? to.column : Infinity];
}

export function selectedText(lines: Lines, selection: Selection): string {
  const out: string[] = [];
  const [from, to] = ordered(selection);
  for (let n = Math.max(from.line, lines.first); n <= Math.min(to.line, lines.next - 1); n++) {
    const [begin, end] = partOf(selection, n) ?? [0, 0];
    out.push(stripAnsi(lines.get(n)?.text ?? "").slice(begin, end));
  }
  return out.join("\n");
}

export const selectAll = (lines: Lines): Selection => ({ anchor: { line: lines.first, column: 0 }, focus: { line: lines.next - 1, column: Number.MAX_SAFE_INTEGER } });

const WORD = /[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu;

export function wordAt(text: string, column: number): [number, number] {
  for (const match of text.matchAll(WORD)) if (column < match.index + match[0].length) return [match.index, match.index + match[0].length];
  return [text.length, text.length];
}
