// A line in which the cursor moves: carriage return, backspace, erase, cursor left and right. Progress bars draw with
// these. Kept as cells until the line ends; lines without them never come here.
import { applyLink, applySgr, PLAIN, styleToAnsi, type Style } from "./style";

interface Cell {
  char: string;
  style: Style;
}

// eslint-disable-next-line no-control-regex
const TOKEN = /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\]([^\x07\x1b]*)(?:\x07|\x1b\\)|\x1b[0-OQ-WYZ\\`-~]|\x1b[^]*$|[^]/gu;

export class OverwrittenLine {
  private cells: Cell[] = [];
  private cursor = 0;
  private rest = ""; // a sequence cut short
  style: Style;

  constructor(private readonly start: Style, private readonly widest: number) {
    this.style = start;
  }

  /** Text without a newline. */
  write(text: string): void {
    const all = this.rest + text;
    this.rest = "";
    for (const match of all.matchAll(TOKEN)) {
      const [token, params, final, osc] = match;
      if (token === "\r") this.cursor = 0;
      else if (token === "\b") this.cursor = Math.max(0, this.cursor - 1);
      else if (final !== undefined) this.csi(params ?? "", final);
      else if (osc?.startsWith("8;")) this.style = applyLink(this.style, osc.slice(osc.indexOf(";", 2) + 1));
      else if (token.startsWith("\x1b")) {
        if (match.index + token.length === all.length && osc === undefined && token.length < 256) this.rest = token;
      } else this.put(token);
    }
  }

  toString(): string {
    let out = "";
    let style: Style = this.start;
    for (const cell of this.cells) {
      if (cell.style !== style) {
        if (style.link !== undefined) out += "\x1b]8;;\x1b\\";
        out += cell.style === PLAIN ? "\x1b[0m" : styleToAnsi(cell.style);
        style = cell.style;
      }
      out += cell.char;
    }
    return out;
  }

  private put(char: string): void {
    if (char < " " && char !== "\t") return;
    while (this.cells.length < this.cursor) this.cells.push({ char: " ", style: PLAIN });
    if (this.cursor >= this.widest) return; // no newline in 4 KiB of overwriting: what is further right is not shown
    this.cells[this.cursor++] = { char, style: this.style };
  }

  private csi(params: string, final: string): void {
    const n = Math.max(1, Number(params) || 0);
    if (final === "m" && !/[<-?]/.test(params)) this.style = applySgr(this.style, params);
    else if (final === "C") this.cursor = Math.min(this.widest, this.cursor + n);
    else if (final === "D") this.cursor = Math.max(0, this.cursor - n);
    else if (final === "G") this.cursor = Math.min(this.widest, n - 1);
    else if (final === "K") this.erase(Number(params) || 0);
  }

  private erase(mode: number): void {
    if (mode === 0) this.cells.length = Math.min(this.cells.length, this.cursor);
    else if (mode === 2) this.cells = [];
    else for (let i = 0; i < Math.min(this.cursor, this.cells.length); i++) this.cells[i] = { char: " ", style: PLAIN };
  }
}
