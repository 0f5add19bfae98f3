// Colours of console text. The first 16 are the theme's (styles/console.css), chosen for 4.5:1 against its background.
import type { CSSProperties } from "react";
import type { Color, Style } from "../lib/console/style";

const LEVELS = [0, 95, 135, 175, 215, 255];

export function cssColor(color: Color): string {
  if (typeof color === "string") return color;
  if (color < 16) return `var(--ansi-${color})`;
  if (color >= 232) {
    const grey = 8 + 10 * (color - 232);
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const n = color - 16;
  return `rgb(${LEVELS[Math.floor(n / 36)]} ${LEVELS[Math.floor(n / 6) % 6]} ${LEVELS[n % 6]})`;
}

export function cssOf(style: Style): CSSProperties | undefined {
  const css: CSSProperties = {};
  let fg = style.fg === undefined ? undefined : cssColor(style.bold && typeof style.fg === "number" && style.fg < 8 ? style.fg + 8 : style.fg);
  let bg = style.bg === undefined ? undefined : cssColor(style.bg);
  if (style.inverse) [fg, bg] = [bg ?? "var(--console-bg)", fg ?? "var(--console-fg)"];
  if (fg !== undefined) css.color = fg;
  if (bg !== undefined) css.background = bg;
  if (style.bold) css.fontWeight = 600;
  if (style.dim) css.opacity = 0.75;
  if (style.italic) css.fontStyle = "italic";
  if (style.hidden) css.visibility = "hidden";
  const lines = [style.underline && "underline", style.strike && "line-through"].filter(Boolean).join(" ");
  if (lines) css.textDecoration = lines;
  return Object.keys(css).length > 0 ? css : undefined;
}
