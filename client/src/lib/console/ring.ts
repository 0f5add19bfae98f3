// The lines of one console: the newest `cap` of them, each with a number that never changes. It lives outside React
// and knows nothing of it.
import { PLAIN, type Style } from "./style";

export type Kind = "out" | "err" | "in" | "note";

export interface Line {
  readonly text: string; // with escape sequences
  readonly kind: Kind;
  readonly time: number; // ms since 1970
  readonly start: Style; // what earlier lines left in force
}

/** Characters of all lines together, whatever the number of lines: long lines must not fill a page's memory. */
const CHARS_MAX = 24 * 1024 * 1024;

export class LineRing {
  /** Number of the oldest line kept, and of the next one to come. */
  first = 0;
  next = 0;
  private slots: (Line | undefined)[] = [];
  private chars = 0;

  constructor(private cap: number) {
    if (!Number.isInteger(cap) || cap < 1) throw new RangeError("a ring holds at least one line");
  }

  get length(): number {
    return this.next - this.first;
  }

  get capacity(): number {
    return this.cap;
  }

  get(number: number): Line | undefined {
    return number >= this.first && number < this.next ? this.slots[number % this.cap] : undefined;
  }

  push(text: string, kind: Kind, time: number, start: Style = PLAIN): number {
    if (this.length === this.cap) this.drop();
    this.slots[this.next % this.cap] = { text, kind, time, start };
    this.chars += text.length;
    while (this.chars > CHARS_MAX && this.length > 0) this.drop();
    return this.next++;
  }

  /** Puts another text in the place of the last line's. */
  replaceLast(text: string): void {
    const at = (this.next - 1) % this.cap;
    const old = this.slots[at];
    if (this.length === 0 || !old) return;
    this.chars += text.length - old.text.length;
    this.slots[at] = { ...old, text };
  }

  /** Forgets all lines; numbers go on. */
  clear(): void {
    this.first = this.next;
    this.slots = [];
    this.chars = 0;
  }

  /** Keeps the newest lines when it becomes smaller. */
  resize(cap: number): void {
    if (cap === this.cap) return;
    const keep = Math.min(cap, this.length);
    const slots: (Line | undefined)[] = [];
    const first = this.next - keep;
    for (let n = this.first; n < this.next; n++) {
      const line = this.get(n);
      if (n >= first) slots[n % cap] = line;
      else this.chars -= line?.text.length ?? 0;
    }
    this.first = first;
    this.cap = cap;
    this.slots = slots;
  }

  private drop(): void {
    const at = this.first % this.cap;
    this.chars -= this.slots[at]?.text.length ?? 0;
    this.slots[at] = undefined;
    this.first++;
  }
}
