// What a person chooses once for all workspaces.
import { create } from "zustand";
import { persist } from "zustand/middleware";

export type Theme = "system" | "light" | "dark" | "contrast";

export interface Settings {
  theme: Theme;
  fontSize: number;
  scrollback: number;
  wrap: boolean;
  times: boolean;
  editorWrap: boolean;
  tabSize: number;
  screenReader: boolean; // terminals tell what is written in them
  keepOutput: boolean; // a new run's output follows the last one's instead of replacing it
}

export const SCROLLBACK = { min: 100, initial: 2000, max: 100_000 };
export const FONT = { min: 10, initial: 14, max: 28 };

interface SettingsStore extends Settings {
  change(some: Partial<Settings>): void;
}

const clamp = (value: number, { min, initial, max }: { min: number; initial: number; max: number }) =>
  Number.isFinite(value) ? Math.min(max, Math.max(min, Math.round(value))) : initial;

export const useSettings = create<SettingsStore>()(
  persist(
    (set): SettingsStore => ({
      theme: "system",
      fontSize: FONT.initial,
      scrollback: SCROLLBACK.initial,
      wrap: true,
      times: false,
      editorWrap: false,
      tabSize: 4,
      screenReader: false,
      keepOutput: false,
      change: (some) =>
        set((old) => ({
          ...some,
          fontSize: clamp(some.fontSize ?? old.fontSize, FONT),
          scrollback: clamp(some.scrollback ?? old.scrollback, SCROLLBACK),
        })),
    }),
    { name: "kernelgw-settings", version: 1 },
  ),
);

/** The theme in force, "system" resolved. */
export function themeInForce(theme: Theme): Exclude<Theme, "system"> {
  if (theme !== "system") return theme;
  if (matchMedia("(prefers-contrast: more)").matches) return "contrast";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}
