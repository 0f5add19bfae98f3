// Where the caret is, for the status bar.
import { create } from "zustand";

interface CursorStore {
  path: string | null;
  line: number;
  column: number;
  language: string;
}

export const useCursor = create<CursorStore>()((): CursorStore => ({ path: null, line: 1, column: 1, language: "" }));
