// What programs have shown in their consoles that is no text: the newest of each console.
import { create } from "zustand";
import type { Bundle } from "../lib/console/shown";
import type { JupyterMessage } from "../lib/kgw/frames";

export interface Shown {
  /** Rises; never used twice. */
  number: number;
  /** By which the program may change it. */
  id: string | null;
  data: Bundle;
}

export const SHOWS_MAX = 50;

interface ShowsStore {
  byPath: Record<string, readonly Shown[]>;
}

export const useShows = create<ShowsStore>()((): ShowsStore => ({ byPath: {} }));

let count = 0;

const isBundle = (value: unknown): value is Bundle => typeof value === "object" && value !== null && !Array.isArray(value);

const set = (path: string, list: readonly Shown[]): void => useShows.setState((s) => ({ byPath: { ...s.byPath, [path]: list } }));

/** Takes a display_data or update_display_data message; its number when it is a new one, else null. */
export function takeShown(path: string, { header, content }: JupyterMessage): number | null {
  const { data, transient } = content;
  if (!isBundle(data)) return null;
  const given = isBundle(transient) ? transient["display_id"] : null;
  const id = typeof given === "string" ? given : null;
  const old = useShows.getState().byPath[path] ?? [];
  if (header.msg_type === "update_display_data") {
    if (id !== null) set(path, old.map((shown) => (shown.id === id ? { ...shown, data } : shown)));
    return null;
  }
  if (header.msg_type !== "display_data") return null;
  const shown = { number: ++count, id, data };
  set(path, [...old, shown].slice(-SHOWS_MAX));
  return old.length + 1;
}

export const forgetShown = (path: string, number: number): void => set(path, (useShows.getState().byPath[path] ?? []).filter((s) => s.number !== number));

export function clearShown(path: string): void {
  useShows.setState((s) => ({ byPath: Object.fromEntries(Object.entries(s.byPath).filter(([p]) => p !== path)) }));
}

export function moveShown(from: string, to: string): void {
  const list = useShows.getState().byPath[from];
  if (!list) return;
  clearShown(from);
  set(to, list);
}

export const clearAllShown = (): void => useShows.setState({ byPath: {} });
