// Selecting in a console with the mouse: drag, with scrolling at the edges; double and triple click; shift.
import { useEffect, useRef, useState, type MouseEvent, type PointerEvent, type RefObject } from "react";
import { stripAnsi } from "../lib/console/ansi";
import { wordAt, type Place, type Selection } from "../lib/console/selection";
import type { Lines } from "../lib/console/view";

/** The line and column at a point of the window. */
function placeAt(box: HTMLElement, x: number, y: number): Place | null {
  const area = box.getBoundingClientRect();
  const px = Math.min(Math.max(x, area.left + 1), area.left + box.clientWidth - 2);
  const py = Math.min(Math.max(y, area.top + 1), area.top + box.clientHeight - 2);
  const caret = document.caretPositionFromPoint?.(px, py);
  const node = caret?.offsetNode ?? document.elementFromPoint(px, py);
  const element = node instanceof Element ? node : node?.parentElement;
  const row = element?.closest<HTMLElement>("[data-line]");
  if (!row) {
    const rows = [...box.querySelectorAll<HTMLElement>("[data-line]")];
    const last = rows[rows.length - 1];
    return last && py > last.getBoundingClientRect().bottom ? { line: Number(last.dataset["line"]), column: Number.MAX_SAFE_INTEGER } : null;
  }
  const line = Number(row.dataset["line"]);
  const text = row.querySelector(".text");
  if (!text || !caret || !node || !text.contains(node)) {
    const right = text ? text.getBoundingClientRect().right : 0;
    return { line, column: text && px >= right ? Number.MAX_SAFE_INTEGER : 0 };
  }
  const range = document.createRange();
  range.setStart(text, 0);
  range.setEnd(node, caret.offset);
  return { line, column: range.toString().replace(/\u200b/g, "").length };
}

export function useSelection(box: RefObject<HTMLElement | null>, lines: RefObject<Lines>) {
  const [selection, setSelection] = useState<Selection | null>(null);
  const anchor = useRef<Place | null>(null);
  const pointer = useRef({ x: 0, y: 0 });
  const kind = useRef("mouse");
  const stopDrag = useRef<(() => void) | null>(null);

  useEffect(() => () => stopDrag.current?.(), []);

  const extend = () => {
    const place = box.current && placeAt(box.current, pointer.current.x, pointer.current.y);
    if (place && anchor.current) setSelection({ anchor: anchor.current, focus: place });
  };

  // Fingers scroll and select as the browser has it; only the mouse is ours. Which it is stands in pointer events, how
  // many clicks it is in mouse events.
  const onPointerDown = (event: PointerEvent<HTMLElement>) => {
    kind.current = event.pointerType;
  };

  const onMouseDown = (event: MouseEvent<HTMLElement>) => {
    if (kind.current !== "mouse" || event.button !== 0 || !box.current) return;
    if ((event.target as Element).closest("a, button")) return;
    // a press on the scroll bar is none of ours
    if (event.nativeEvent.offsetX >= box.current.clientWidth && event.target === box.current) return;
    const place = placeAt(box.current, event.clientX, event.clientY);
    if (!place) return setSelection(null);
    event.preventDefault(); // the browser's own selection stays out of it
    box.current.focus({ preventScroll: true });
    if (event.detail >= 2) {
      const text = stripAnsi(lines.current.get(place.line)?.text ?? "");
      const [from, to] = event.detail === 2 ? wordAt(text, place.column) : [0, text.length];
      anchor.current = null;
      return setSelection({ anchor: { line: place.line, column: from }, focus: { line: place.line, column: to } });
    }
    if (event.shiftKey && selection) {
      anchor.current = selection.anchor;
      setSelection({ anchor: selection.anchor, focus: place });
    } else {
      anchor.current = place;
      setSelection(null);
    }
    pointer.current = { x: event.clientX, y: event.clientY };
    const move = (e: globalThis.MouseEvent) => {
      pointer.current = { x: e.clientX, y: e.clientY };
      extend();
    };
    const timer = setInterval(() => {
      const el = box.current;
      if (!el) return;
      const { top, bottom } = el.getBoundingClientRect();
      const over = pointer.current.y < top ? pointer.current.y - top : pointer.current.y > bottom ? pointer.current.y - bottom : 0;
      if (over === 0) return;
      el.scrollTop += over;
      extend();
    }, 30);
    const stop = () => {
      clearInterval(timer);
      removeEventListener("mousemove", move);
      removeEventListener("mouseup", stop);
      stopDrag.current = null;
    };
    stopDrag.current?.();
    stopDrag.current = stop;
    addEventListener("mousemove", move);
    addEventListener("mouseup", stop);
  };

  return { selection, setSelection, onPointerDown, onMouseDown };
}
