// One line of a console: its pieces of colour, its links, what is found and what is selected in it.
import { memo, type ReactNode } from "react";
import { parseAnsi } from "../lib/console/ansi";
import { findLinks, type TextLink } from "../lib/console/links";
import type { Line } from "../lib/console/ring";
import type { Match } from "../lib/console/search";
import { t } from "../strings";
import { clock } from "./clock";
import { cssOf } from "./palette";

export interface RowProps {
  line: Line;
  paths: ReadonlySet<string>;
  time: boolean;
  matches: readonly Match[] | undefined;
  currentMatch: Match | undefined;
  selected: readonly [number, number] | null;
  onOpen: (path: string, line: number, column: number) => void;
}

const NONE: readonly Match[] = [];

function Link({ link, children, onOpen }: { link: TextLink["target"]; children: ReactNode; onOpen: RowProps["onOpen"] }) {
  if ("url" in link)
    return (
      <a href={link.url} target="_blank" rel="noopener noreferrer">
        {children}
      </a>
    );
  return (
    <button type="button" className="place" title={t.console.openPlace(link.path, link.line)} onClick={() => onOpen(link.path, link.line, link.column)}>
      {children}
    </button>
  );
}

export const Row = memo(function Row({ line, paths, time, matches = NONE, currentMatch, selected, onOpen }: RowProps) {
  const segments = parseAnsi(line.text, line.start);
  const text = segments.map((s) => s.text).join("");
  const links = line.kind === "note" ? [] : findLinks(text, paths);
  // Every place where something begins or ends cuts the line.
  const cuts = new Set<number>([0, text.length]);
  for (const l of links) cuts.add(l.from).add(l.to);
  for (const m of matches) cuts.add(m.from).add(m.to);
  if (selected) cuts.add(Math.min(selected[0], text.length)).add(Math.min(selected[1], text.length));
  const pieces: ReactNode[] = [];
  let at = 0;
  for (const segment of segments) {
    const end = at + segment.text.length;
    const inside = [at, ...[...cuts].filter((c) => c > at && c < end).sort((a, b) => a - b), end];
    for (let i = 0; i + 1 < inside.length; i++) {
      const from = inside[i] ?? 0;
      const to = inside[i + 1] ?? 0;
      const match = matches.find((m) => m.from <= from && to <= m.to);
      const isSelected = selected !== null && selected[0] <= from && to <= selected[1];
      const target = segment.style.link === undefined ? links.find((l) => l.from <= from && to <= l.to)?.target : { url: segment.style.link };
      const css = cssOf(segment.style);
      const classes = [match && (match === currentMatch ? "match current" : "match"), isSelected && "selected"].filter(Boolean).join(" ");
      const body = text.slice(from, to);
      const plain = css === undefined && classes === "";
      const piece = plain ? body : (
        <span key={from} style={css} className={classes || undefined}>
          {body}
        </span>
      );
      pieces.push(
        target ? (
          <Link key={`l${from}`} link={target} onOpen={onOpen}>
            {piece}
          </Link>
        ) : (
          piece
        ),
      );
    }
    at = end;
  }
  return (
    <>
      {time && <span className="time">{line.time ? clock(line.time) : ""}</span>}
      <span className={`text ${line.kind}${selected && selected[1] === Infinity ? " selected-end" : ""}`}>{pieces.length > 0 ? pieces : "\u200b"}</span>
    </>
  );
});
