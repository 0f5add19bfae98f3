// What of a console is looked at: its ring, or, for a person who has scrolled up, the lines as they stood then. In a
// flood the ring turns over several times a second: nobody could read a line of it otherwise.
import type { Line, LineRing } from "./ring";

export interface Lines {
  readonly first: number;
  readonly next: number;
  get(number: number): Line | undefined;
}

export function freeze(ring: LineRing): Lines {
  const first = ring.first;
  const lines: (Line | undefined)[] = [];
  for (let n = first; n < ring.next; n++) lines.push(ring.get(n));
  return { first, next: first + lines.length, get: (n) => lines[n - first] };
}
