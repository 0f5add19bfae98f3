// Reads console text with escape sequences: into pieces of one style each for what is drawn (only rows in sight are
// parsed), into the style at its end for what follows, and into bare text for search and copy.
import { applyLink, applySgr, PLAIN, type Style } from "./style";

export interface Segment {
  text: string;
  style: Style;
}

// CSI; OSC up to BEL or ST; DCS and its like; two-character escapes. The last alternative is a sequence cut short.
// eslint-disable-next-line no-control-regex
const ESCAPE = /\x1b(?:\[([0-?]*)[ -/]*([@-~])|\]([^\x07\x1b]*)(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]+[0-~]|[0-OQ-WYZ\\`-~]|.?[^]*$)/g;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]/g;

function after(style: Style, match: RegExpExecArray): Style {
  const [, params, final, osc] = match;
  if (final === "m" && params !== undefined && !/[<-?]/.test(params)) return applySgr(style, params);
  if (osc?.startsWith("8;")) return applyLink(style, osc.slice(osc.indexOf(";", 2) + 1));
  return style;
}

function clean(text: string): string {
  return text.replace(CONTROL, "");
}

/** Pieces of the text in order, none of them empty. */
export function parseAnsi(text: string, start: Style = PLAIN): Segment[] {
  if (!text.includes("\x1b")) {
    const bare = clean(text);
    return bare === "" ? [] : [{ text: bare, style: start }];
  }
  const out: Segment[] = [];
  let style = start;
  let at = 0;
  const add = (end: number) => {
    const bare = clean(text.slice(at, end));
    const last = out[out.length - 1];
    if (bare === "") return;
    if (last?.style === style) last.text += bare;
    else out.push({ text: bare, style });
  };
  for (const match of text.matchAll(ESCAPE)) {
    add(match.index);
    style = after(style, match);
    at = match.index + match[0].length;
  }
  add(text.length);
  return out;
}

/** The style that is in force after the text. */
export function styleAfter(text: string, start: Style): Style {
  if (!text.includes("\x1b")) return start;
  let style = start;
  for (const match of text.matchAll(ESCAPE)) style = after(style, match);
  return style;
}

/** The text without its escape sequences. */
export function stripAnsi(text: string): string {
  return clean(text.includes("\x1b") ? text.replace(ESCAPE, "") : text);
}
