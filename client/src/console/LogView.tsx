// The lines of a console that are in sight. Follows the end until the person scrolls up; then the view stands still
// and a button tells how much has come.
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, useSyncExternalStore, type KeyboardEvent } from "react";
import type { ConsoleLog } from "../lib/console/log";
import { findMatches, toPattern, type Match, type Query } from "../lib/console/search";
import { isEmpty, partOf, selectAll, selectedText } from "../lib/console/selection";
import { freeze, type Lines } from "../lib/console/view";
import { useFiles } from "../store/files";
import { useSettings } from "../store/settings";
import { openPlace } from "../store/tabs";
import { t } from "../strings";
import { Row } from "./Row";
import { isOneRow, useColumns } from "./useColumns";
import { useSelection } from "./useSelection";

export interface LogViewProps {
  path: string;
  log: ConsoleLog;
  query: Query | null;
  /** Which match is the current one; counted from the first, any integer. */
  matchAt: number;
  onMatches: (count: number, problem?: string) => void;
  onFind: () => void;
  onInterrupt: () => void;
}

const NEAR_END_PX = 24;
const SEARCH_MS = 250; // a flood is searched four times a second at most

const noMatches: Match[] = [];

/** What the pattern finds in the lines, anew when either changes, though not more often than SEARCH_MS. */
function useMatches(lines: Lines, version: number, query: Query | null, onMatches: LogViewProps["onMatches"]): Match[] {
  const [matches, setMatches] = useState<Match[]>(noMatches);
  const last = useRef(0);
  useEffect(() => {
    const search = () => {
      if (!query || query.text === "") {
        setMatches(noMatches);
        return onMatches(0);
      }
      last.current = performance.now();
      const pattern = toPattern(query);
      if (!(pattern instanceof RegExp)) {
        setMatches(noMatches);
        return onMatches(0, pattern.error);
      }
      const found = findMatches(lines, pattern);
      setMatches(found);
      onMatches(found.length);
    };
    if (!query) return undefined;
    const timer = setTimeout(search, Math.max(0, SEARCH_MS - (performance.now() - last.current)));
    return () => clearTimeout(timer);
  }, [lines, version, query, onMatches]);
  return query ? matches : noMatches;
}

export function LogView({ path, log, query, matchAt, onMatches, onFind, onInterrupt }: LogViewProps) {
  const version = useSyncExternalStore(log.subscribe, log.snapshot);
  const { wrap, times, fontSize } = useSettings();
  const files = useFiles((s) => s.files);
  const paths = useMemo(() => new Set(Object.keys(files)), [files]);
  const box = useRef<HTMLDivElement>(null);
  const [frozen, setFrozen] = useState<Lines | null>(null);
  const lines: Lines = frozen ?? log.ring;
  const linesRef = useRef<Lines>(lines);
  linesRef.current = lines;
  const { selection, setSelection, onPointerDown, onMouseDown } = useSelection(box, linesRef);
  const matches = useMatches(lines, version, query, onMatches);
  const current = matches.length > 0 ? matches[((matchAt % matches.length) + matches.length) % matches.length] : undefined;
  const rowHeight = Math.round(fontSize * 1.4);
  const columns = useColumns(box, fontSize, times);
  const count = lines.next - lines.first;
  const first = lines.first;
  const following = frozen === null;

  // The compiler of React can't look into the virtualizer; nothing here is memoised by it.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    getItemKey: useCallback((index: number) => first + index, [first]),
    overscan: 6,
  });

  useEffect(() => virtualizer.measure(), [virtualizer, rowHeight, wrap, columns]);

  // Follow: after every change the end is in sight.
  useLayoutEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight;
  });

  const toEnd = useCallback(() => setFrozen(null), []);
  const standStill = useCallback(() => setFrozen((old) => old ?? freeze(log.ring)), [log]);

  // Clearing brings a view that stands still back to life.
  useEffect(() => setFrozen(null), [log.clearedAt]);

  const moved = useRef(false); // by the person, not by us
  const onScroll = () => {
    const el = box.current;
    if (!el || !moved.current) return;
    const atEnd = el.scrollHeight - el.scrollTop - el.clientHeight < NEAR_END_PX;
    if (atEnd && frozen) toEnd();
    else if (!atEnd && !frozen) standStill();
  };
  useEffect(() => {
    const el = box.current;
    if (!el) return undefined;
    const byHand = () => {
      moved.current = true;
    };
    const up = (e: WheelEvent) => {
      byHand();
      // what is scrolled up must not be scrolled down again by the next line, which may come first
      if (e.deltaY < 0 && el.scrollHeight > el.clientHeight) standStill();
    };
    el.addEventListener("wheel", up, { passive: true });
    el.addEventListener("touchmove", byHand, { passive: true });
    el.addEventListener("pointerdown", byHand);
    el.addEventListener("keydown", byHand);
    return () => {
      el.removeEventListener("wheel", up);
      el.removeEventListener("touchmove", byHand);
      el.removeEventListener("pointerdown", byHand);
      el.removeEventListener("keydown", byHand);
    };
  }, [standStill]);

  // A match that one steps to comes into sight.
  const shown = useRef<string>("");
  useEffect(() => {
    if (!current) return;
    const key = `${matchAt}:${query?.text ?? ""}`;
    if (shown.current === key) return;
    shown.current = key;
    standStill();
    virtualizer.scrollToIndex(current.line - first, { align: "center" });
  }, [current, matchAt, query, first, virtualizer, standStill]);

  const copy = (data: DataTransfer) => {
    if (!selection || isEmpty(selection)) return false;
    data.setData("text/plain", selectedText(lines, selection));
    return true;
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const el = box.current;
    if (!el) return;
    const mod = event.ctrlKey || event.metaKey;
    if (mod && event.key === "a") setSelection(selectAll(lines));
    else if (mod && event.key === "f") onFind();
    else if (mod && event.key === "c" && (!selection || isEmpty(selection))) return onInterrupt();
    else if (mod && event.key === "End") toEnd();
    else if (event.key === "End") toEnd();
    else if (event.key === "Home") {
      standStill();
      virtualizer.scrollToIndex(0);
    } else if (event.key === "Escape" && selection) setSelection(null);
    else {
      if (event.key === "PageUp" || event.key === "ArrowUp") standStill();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const byLine = useMemo(() => {
    const map = new Map<number, Match[]>();
    for (const m of matches) {
      const list = map.get(m.line);
      if (list) list.push(m);
      else map.set(m.line, [m]);
    }
    return map;
  }, [matches]);

  const fresh = frozen ? log.ring.next - frozen.next : 0;
  const dropped = frozen ? 0 : log.dropped;
  return (
    <div className="log-area">
      {dropped > 0 && <div className="dropped">{t.console.dropped(dropped)}</div>}
      <div
        ref={box}
        className={`log${wrap ? " wrap" : ""}`}
        role="log"
        aria-live="off"
        aria-label={t.console.log(path)}
        tabIndex={0}
        style={{ fontSize, lineHeight: `${rowHeight}px` }}
        onScroll={onScroll}
        onPointerDown={onPointerDown}
        onMouseDown={onMouseDown}
        onKeyDown={onKeyDown}
        onCopy={(event) => copy(event.clipboardData) && event.preventDefault()}
      >
        {count === 0 ? (
          <div className="log-empty">{t.console.empty}</div>
        ) : (
          <div className="log-rows" style={{ height: virtualizer.getTotalSize() }}>
            {virtualizer.getVirtualItems().map((item) => {
              const number = first + item.index;
              const line = lines.get(number);
              // what was measured once is so again: a line can become shorter
              const measured = wrap && line !== undefined && (item.size !== rowHeight || !isOneRow(line.text, columns));
              return (
                line && (
                  <div
                    key={number}
                    data-line={number}
                    data-index={item.index}
                    ref={measured ? virtualizer.measureElement : undefined}
                    className="row"
                    style={measured ? { transform: `translateY(${item.start}px)` } : { transform: `translateY(${item.start}px)`, height: rowHeight }}
                  >
                    <Row
                      line={line}
                      paths={paths}
                      time={times}
                      matches={byLine.get(number)}
                      currentMatch={current?.line === number ? current : undefined}
                      selected={partOf(selection, number)}
                      onOpen={openPlace}
                    />
                  </div>
                )
              );
            })}
          </div>
        )}
      </div>
      {frozen && (
        <button type="button" className="pill" onClick={toEnd} title={t.console.toEnd}>
          <ArrowDown size={14} aria-hidden /> {t.console.newLines(fresh)}
        </button>
      )}
    </div>
  );
}
