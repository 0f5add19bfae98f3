// How many characters a row of a console holds, so that rows of plain text need not be measured one by one: measuring
// makes the browser lay the page out in the midst of its work, which in a flood is most of what a frame costs.
import { useLayoutEffect, useMemo, useState, type RefObject } from "react";
import { clock } from "./clock";

const PADDING_PX = 24; // of a row, both sides
const TIME_GAP_PX = 12;
const SAMPLE = "0".repeat(100);

function charWidth(fontSize: number, family: string): number {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return fontSize;
  context.font = `${fontSize}px ${family}`;
  return context.measureText(SAMPLE).width / SAMPLE.length;
}

/** 0 until it is known. */
export function useColumns(box: RefObject<HTMLElement | null>, fontSize: number, times: boolean): number {
  const [{ width, family }, setSpace] = useState({ width: 0, family: "" });
  useLayoutEffect(() => {
    const el = box.current;
    if (!el) return undefined;
    const observer = new ResizeObserver(() => setSpace({ width: el.clientWidth, family: getComputedStyle(el).fontFamily }));
    observer.observe(el);
    return () => observer.disconnect();
  }, [box]);
  const each = useMemo(() => (family === "" ? 0 : charWidth(fontSize, family)), [fontSize, family]);
  if (each === 0 || width === 0) return 0;
  const time = times ? clock(0).length * each + TIME_GAP_PX : 0;
  return Math.max(0, Math.floor((width - PADDING_PX - time) / each) - 1);
}

// eslint-disable-next-line no-control-regex
const PLAIN = /^[\x1b\x20-\x7e]*$/;

/** Is this surely one row high? All its characters are as wide as any other's, and there are few enough of them. */
export const isOneRow = (text: string, columns: number): boolean => text.length <= columns && PLAIN.test(text);
