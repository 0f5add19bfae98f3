// From the text that a program writes to the lines of its console. Pieces come cut anywhere; a line is split at 4 KiB;
// a line that is not ended yet is the ring's last one and grows.
import { styleAfter } from "./ansi";
import { OverwrittenLine } from "./overwrite";
import { LineRing, type Kind } from "./ring";
import { PLAIN, type Style } from "./style";

export const LINE_CHARS = 4096;

// What moves the cursor within its line; "\r" before "\n" is only a line end.
// eslint-disable-next-line no-control-regex
const MOVES = /\r(?!\n)|\x08|\x1b\[[0-9;]*[CDGK]/;

export class ConsoleFeed {
  private kind: Kind = "out";
  private open = ""; // the line that is not ended; in the ring already, unless empty
  private moving: OverwrittenLine | null = null;
  private heldReturn = false; // a "\r" at the end of a piece: is it the half of a line end?
  private start: Style = PLAIN; // in force at the start of the open line
  private lengthened = false;

  constructor(readonly ring: LineRing) {}

  write(kind: Kind, text: string, time: number): void {
    if (text === "") return;
    if (kind !== this.kind) this.endLine();
    this.kind = kind;
    let rest = this.heldReturn ? `\r${text}` : text;
    this.heldReturn = false;
    if (rest.endsWith("\r")) {
      this.heldReturn = true;
      rest = rest.slice(0, -1);
    }
    let at = 0;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", at)) {
      const cr = end > at && rest.charCodeAt(end - 1) === 13;
      this.add(rest.slice(at, cr ? end - 1 : end), time);
      this.finish(time);
      at = end + 1;
    }
    if (at < rest.length) this.add(rest.slice(at), time);
  }

  /** What a person typed, shown where the prompt stands, as a terminal does. */
  echo(text: string, time: number): void {
    if (this.open === "" && !this.moving) this.ring.push(text, "in", time);
    else {
      this.add(`\x1b[0;3;36m${text}\x1b[0m`, time);
      this.finish(time);
    }
  }

  /** A line of our own: how the program ended, what was dropped. */
  note(text: string, time: number): void {
    this.endLine();
    this.start = PLAIN;
    this.ring.push(text, "note", time);
  }

  /** Ends the open line, if there is one. */
  endLine(): void {
    if (this.open !== "" || this.moving) this.finish(0);
    this.heldReturn = false;
  }

  clear(): void {
    this.ring.clear();
    this.open = "";
    this.moving = null;
    this.lengthened = false;
  }

  private add(text: string, time: number): void {
    if (text === "") return;
    if (this.moving || MOVES.test(text)) {
      this.move(text, time);
      return;
    }
    let rest = text;
    while (this.open.length + rest.length > LINE_CHARS) {
      const room = cutAt(rest, LINE_CHARS - this.open.length);
      this.put(this.open + rest.slice(0, room), time);
      this.finish(time);
      rest = rest.slice(room);
    }
    if (rest !== "") this.put(this.open + rest, time);
  }

  private move(text: string, time: number): void {
    if (!this.moving) {
      this.moving = new OverwrittenLine(this.start, LINE_CHARS);
      this.moving.write(this.open);
    }
    this.moving.write(text);
    this.put(this.moving.toString(), time);
  }

  private put(text: string, time: number): void {
    if (this.lengthened) this.ring.replaceLast(text);
    else this.ring.push(text, this.kind, time, this.start);
    this.lengthened = true;
    this.open = text;
  }

  private finish(time: number): void {
    if (!this.lengthened) this.ring.push("", this.kind, time, this.start);
    this.start = this.moving ? this.moving.style : styleAfter(this.open, this.start);
    this.open = "";
    this.moving = null;
    this.lengthened = false;
  }
}

/** At most n characters, not through the middle of an escape sequence or a surrogate pair. */
function cutAt(text: string, n: number): number {
  if (n <= 0) return 0;
  const escape = text.lastIndexOf("\x1b", n - 1);
  // eslint-disable-next-line no-control-regex
  if (escape > 0 && n - escape < 64 && !/^\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\))/.test(text.slice(escape, n))) return escape;
  const code = text.charCodeAt(n - 1);
  return code >= 0xd800 && code <= 0xdbff && n > 1 ? n - 1 : n;
}
