// How a piece of console text looks: the state that SGR sequences ("ESC [ 1;31 m") and OSC 8 links leave behind.
// Styles are immutable and shared, so a line costs one pointer for the style that it begins with.

/** A colour: 0-255 of the palette, or "#rrggbb". */
export type Color = number | string;

export interface Style {
  readonly fg?: Color;
  readonly bg?: Color;
  readonly bold?: true;
  readonly dim?: true;
  readonly italic?: true;
  readonly underline?: true;
  readonly inverse?: true;
  readonly strike?: true;
  readonly hidden?: true;
  readonly link?: string;
}

export const PLAIN: Style = Object.freeze({});

type Flag = "bold" | "dim" | "italic" | "underline" | "inverse" | "strike" | "hidden";

const ON: Record<number, Flag> = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 8: "hidden", 9: "strike", 21: "underline" };
const OFF: Record<number, Flag[]> = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 28: ["hidden"], 29: ["strike"] };

function hex(part: number | undefined): string {
  return Math.min(255, Math.max(0, part ?? 0)).toString(16).padStart(2, "0");
}

/** What follows 38 or 48: the colour and how many parameters it took. */
function extended(params: number[], at: number): { color: Color | undefined; used: number } {
  if (params[at] === 5) {
    const index = params[at + 1] ?? 0;
    return { color: index >= 0 && index <= 255 ? index : undefined, used: 2 };
  }
  if (params[at] === 2) return { color: `#${hex(params[at + 1])}${hex(params[at + 2])}${hex(params[at + 3])}`, used: 4 };
  return { color: undefined, used: 1 };
}

/** The style after an SGR sequence whose parameters are given as text ("1;38;5;208", also with colons). */
export function applySgr(style: Style, text: string): Style {
  // "38:2::r:g:b" has an empty colour space that "38;2;r;g;b" lacks
  const plain = text.replace(/([34]8:2):[^:;]*:(\d*:\d*:\d*)/g, "$1:$2").replace(/:/g, ";");
  const params = plain === "" ? [0] : plain.split(";").map((p) => (p === "" ? 0 : Number(p)));
  let next: { -readonly [K in keyof Style]: Style[K] } = { ...style };
  for (let i = 0; i < params.length; i++) {
    const p = params[i] ?? 0;
    const on = ON[p];
    const off = OFF[p];
    if (p === 0) next = style.link === undefined ? {} : { link: style.link };
    else if (on) next[on] = true;
    else if (off) for (const flag of off) delete next[flag]; // eslint-disable-line @typescript-eslint/no-dynamic-delete
    else if (p >= 30 && p <= 37) next.fg = p - 30;
    else if (p >= 90 && p <= 97) next.fg = p - 90 + 8;
    else if (p >= 40 && p <= 47) next.bg = p - 40;
    else if (p >= 100 && p <= 107) next.bg = p - 100 + 8;
    else if (p === 39) delete next.fg;
    else if (p === 49) delete next.bg;
    else if (p === 38 || p === 48) {
      const { color, used } = extended(params, i + 1);
      if (color !== undefined) next[p === 38 ? "fg" : "bg"] = color;
      i += used;
    }
  }
  return Object.keys(next).length === 0 ? PLAIN : Object.freeze(next);
}

/** The style after "OSC 8 ; params ; url": an empty url ends the link. Only web addresses are links. */
export function applyLink(style: Style, url: string): Style {
  const rest: { -readonly [K in keyof Style]: Style[K] } = { ...style };
  delete rest.link;
  if (/^(https?|mailto):/i.test(url)) rest.link = url;
  return Object.keys(rest).length === 0 ? PLAIN : Object.freeze(rest);
}

/** The escape sequence that makes a terminal in the plain state have this style; "" for PLAIN. */
export function styleToAnsi(style: Style): string {
  if (style === PLAIN) return "";
  const out: string[] = ["0"];
  for (const [code, flag] of Object.entries(ON)) if (style[flag] && code !== "21") out.push(code);
  for (const [base, color] of [[38, style.fg], [48, style.bg]] as const) {
    if (typeof color === "number") out.push(`${base};5;${color}`);
    else if (color !== undefined) out.push(`${base};2;${[1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)).join(";")}`);
  }
  return `\x1b[${out.join(";")}m${style.link === undefined ? "" : `\x1b]8;;${style.link}\x1b\\`}`;
}
