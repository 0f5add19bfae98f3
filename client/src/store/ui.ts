// What is on the screen besides files and consoles.
import { create } from "zustand";

export type DialogName = "settings" | "shortcuts" | "palette" | "examples" | "workspaces" | "runConfig";

export interface Ask {
  title: string;
  text: string;
  confirm: string;
  danger?: boolean;
  /** With a field to fill in: its label and initial text; check says what is wrong with an input. */
  field?: { label: string; initial: string; select?: [number, number]; check?: (value: string) => string | undefined };
  done(value: string | null): void;
}

export interface Toast {
  id: number;
  text: string;
  tone: "info" | "error";
  action?: { label: string; run: () => void };
}

export type MobileView = "files" | "editor" | "console";

interface UiStore {
  dialog: DialogName | null;
  ask: Ask | null;
  toasts: Toast[];
  sidebar: boolean;
  mobileView: MobileView;
  /** Said by a screen reader. */
  announcement: string;
}

export const useUi = create<UiStore>()((): UiStore => ({ dialog: null, ask: null, toasts: [], sidebar: true, mobileView: "files", announcement: "" }));

let lastToast = 0;

export function toast(text: string, tone: Toast["tone"] = "info", action?: Toast["action"]): void {
  const id = ++lastToast;
  const made: Toast = action ? { id, text, tone, action } : { id, text, tone };
  useUi.setState((s) => ({ toasts: [...s.toasts.slice(-3), made], announcement: text }));
  setTimeout(() => dismiss(id), tone === "error" || action ? 12_000 : 5000);
}

export function dismiss(id: number): void {
  useUi.setState((s) => ({ toasts: s.toasts.filter((t) => t.id !== id) }));
}

export function announce(text: string): void {
  useUi.setState({ announcement: text });
}

export function openDialog(dialog: DialogName | null): void {
  useUi.setState({ dialog });
}

/** A question with yes and no: true for yes. */
export function confirm(title: string, text: string, yes: string, danger = true): Promise<boolean> {
  return new Promise((done) => useUi.setState({ ask: { title, text, confirm: yes, danger, done: (value) => done(value !== null) } }));
}

/** A question with a line of text for an answer; null: the person thought better of it. */
export function askText(title: string, yes: string, field: NonNullable<Ask["field"]>): Promise<string | null> {
  return new Promise((done) => useUi.setState({ ask: { title, text: "", confirm: yes, field, done } }));
}
