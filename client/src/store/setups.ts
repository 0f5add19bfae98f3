// How each program of the workspace is run: a setup for every file, and configurations, which have a name and a file of
// their own. Kept with the workspace.
import { create } from "zustand";
import { NO_SETUPS, PLAIN_SETUP, type RunConfig, type RunSetup, type Setups } from "../lib/runSetup";
import { keepState, keptState, onFileEvent } from "./files";

export const useSetups = create<Setups>()((): Setups => NO_SETUPS);

/** Of the workspace that this tab has now. */
export function openSetups(): void {
  useSetups.setState({ ...NO_SETUPS, ...keptState().setups });
}

function change(some: Partial<Setups>): void {
  useSetups.setState(some);
  keepState({ setups: { ...useSetups.getState() } });
}

export const configOf = (id: string | null | undefined): RunConfig | undefined => useSetups.getState().configs.find((c) => c.id === id);

/** config: undefined is as the file was run last, null as a file by itself. */
export function setupOf(path: string, config: string | null | undefined): RunSetup & { id: string | null } {
  const { byPath, ranWith } = useSetups.getState();
  const found = configOf(config === undefined ? ranWith[path] : config);
  return found?.entry === path ? found : { ...(byPath[path] ?? PLAIN_SETUP), id: null };
}

/** A file runs now, by a configuration or by itself. */
export function noteRan(path: string, config: string | null): void {
  const { [path]: old, ...ranWith } = useSetups.getState().ranWith;
  if ((old ?? null) !== config) change({ ranWith: config === null ? ranWith : { ...ranWith, [path]: config } });
}

export function keepSetup(path: string, setup: RunSetup): void {
  change({ byPath: { ...useSetups.getState().byPath, [path]: setup } });
}

/** A new one, or another content of an old one. */
export function keepConfig(config: RunConfig): void {
  const { configs } = useSetups.getState();
  change({ configs: configs.some((c) => c.id === config.id) ? configs.map((c) => (c.id === config.id ? config : c)) : [...configs, config] });
}

export function removeConfig(id: string): void {
  const { configs, chosen } = useSetups.getState();
  change({ configs: configs.filter((c) => c.id !== id), chosen: chosen === id ? null : chosen });
}

export function chooseConfig(id: string | null): void {
  change({ chosen: id });
}

/** What Run means with this file in front. */
export function whatRuns(activeFile: string | null, { configs, chosen }: Pick<Setups, "configs" | "chosen"> = useSetups.getState()): { path: string | null; config: RunConfig | null } {
  const config = configs.find((c) => c.id === chosen) ?? null;
  return { path: config?.entry ?? activeFile, config };
}

function renamed<T>(all: Record<string, T>, from: string, to: string): Record<string, T> {
  const { [from]: moved, ...rest } = all;
  return moved === undefined ? all : { ...rest, [to]: moved };
}

onFileEvent((event) => {
  if (event.kind !== "renamed") return;
  const { from, to } = event;
  const { byPath, ranWith, configs } = useSetups.getState();
  if (!(from in byPath) && !configs.some((c) => c.entry === from)) return;
  change({ byPath: renamed(byPath, from, to), ranWith: renamed(ranWith, from, to), configs: configs.map((c) => (c.entry === from ? { ...c, entry: to } : c)) });
});
