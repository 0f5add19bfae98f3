// What is open and where. On a wide screen dockview holds the tabs and says which one is active; on a phone there is
// one file and one console, and these are all there is.
import type { DockviewApi, IDockviewPanel, SerializedDockview } from "dockview-react";
import { create } from "zustand";
import { nameOf } from "../lib/files/paths";
import { contentOf, keepState, keptState, onFileEvent, save, useFiles } from "./files";
import { closeConsole, startRun, useRuns } from "./runs";
import { whatRuns } from "./setups";
import { useUi } from "./ui";

interface TabsStore {
  /** The file that Run means; stays when a console is looked at. */
  activeFile: string | null;
  activeConsole: string | null;
  openFiles: string[];
}

export const useTabs = create<TabsStore>()((): TabsStore => ({ activeFile: null, activeConsole: null, openFiles: [] }));

export interface PanelParams {
  kind: "file" | "console";
  path: string;
}

let dock: DockviewApi | null = null;
let restoring = false;
let timer: ReturnType<typeof setTimeout> | undefined;

export const getDock = (): DockviewApi | null => dock;

const paramsOf = (panel: IDockviewPanel): PanelParams => panel.params as PanelParams;

function find(kind: PanelParams["kind"], path: string): IDockviewPanel | undefined {
  return dock?.panels.find((p) => paramsOf(p).kind === kind && paramsOf(p).path === path);
}

const newId = (): string => crypto.randomUUID();

// --- places to go to in files ---

export interface Place {
  path: string;
  line: number;
  column: number;
}

let pending: Place | null = null;
const jumpers = new Map<string, (place: Place) => void>();

/** An editor says that it can go places; takes what waits for it. */
export function registerJumper(path: string, jump: (place: Place) => void): () => void {
  jumpers.set(path, jump);
  if (pending?.path === path) {
    const place = pending;
    pending = null;
    jump(place);
  }
  return () => {
    if (jumpers.get(path) === jump) jumpers.delete(path);
  };
}

export function openPlace(path: string, line: number, column: number): void {
  pending = { path, line, column };
  openFile(path);
  const jump = jumpers.get(path);
  if (jump) {
    const place = pending;
    pending = null;
    jump(place);
  }
}

// --- opening and closing ---

export function openFile(path: string): void {
  if (contentOf(path) === undefined) return;
  useTabs.setState((s) => ({ activeFile: path, openFiles: s.openFiles.includes(path) ? s.openFiles : [...s.openFiles, path] }));
  useUi.setState({ mobileView: "editor" });
  if (!dock) return;
  const old = find("file", path);
  if (old) return old.api.setActive();
  const beside = dock.panels.filter((p) => paramsOf(p).kind === "file");
  const reference = beside.find((p) => p.api.isActive) ?? beside.find((p) => p.api.isVisible) ?? beside[0];
  const other = dock.panels[0];
  dock.addPanel({
    id: newId(),
    component: "file",
    title: nameOf(path),
    params: { kind: "file", path } satisfies PanelParams,
    ...(reference ? { position: { referencePanel: reference, direction: "within" as const } } : other ? { position: { direction: "above" as const } } : {}),
  });
}

/** Brings a file's console into sight; focus: and the keyboard to it. */
export function openConsole(path: string, focus = true): void {
  useTabs.setState({ activeConsole: path });
  if (focus) useUi.setState({ mobileView: "console" });
  if (!dock) return;
  const old = find("console", path);
  if (old) {
    if (focus || !old.api.isVisible) old.api.setActive();
    return;
  }
  const consoles = dock.panels.filter((p) => paramsOf(p).kind === "console");
  const reference = consoles.find((p) => p.api.isVisible) ?? consoles[0];
  const before = dock.activePanel;
  dock.addPanel({
    id: newId(),
    component: "console",
    title: path,
    params: { kind: "console", path } satisfies PanelParams,
    ...(reference
      ? { position: { referencePanel: reference, direction: "within" as const } }
      : { position: { direction: "below" as const }, initialHeight: Math.round(innerHeight * 0.38) }),
  });
  if (!focus) before?.api.setActive();
}

export function closePanel(id: string): void {
  const panel = dock?.getPanel(id);
  if (panel) dock?.removePanel(panel);
}

export function closeFile(path: string): void {
  const panel = find("file", path);
  if (panel) dock?.removePanel(panel);
  else fileClosed(path);
}

function fileClosed(path: string): void {
  useTabs.setState((s) => {
    const openFiles = s.openFiles.filter((p) => p !== path);
    return { openFiles, activeFile: s.activeFile === path ? (openFiles[openFiles.length - 1] ?? null) : s.activeFile };
  });
}

/** Alt+W: whatever has the focus. */
export function closeActive(): void {
  const panel = dock?.activePanel;
  if (panel) dock?.removePanel(panel);
  else {
    const { activeFile } = useTabs.getState();
    if (activeFile) fileClosed(activeFile);
  }
}

/** The next tab of the group that has the focus, or the one before. */
export function stepTab(by: 1 | -1): void {
  const group = dock?.activeGroup;
  if (!group || group.panels.length === 0) return;
  const at = group.panels.findIndex((p) => p === group.activePanel);
  group.panels[(at + by + group.panels.length) % group.panels.length]?.api.setActive();
}

// --- running what is open ---

/** Runs a file, by itself or by a configuration, and shows its console, without taking the keyboard from the editor. */
export function runFile(path: string, config: string | null = null): void {
  void save();
  openConsole(path, false);
  useUi.setState({ mobileView: "console" });
  void startRun(path, config);
}

/** Runs what Run, F5 and Ctrl+Enter mean: the chosen configuration, else the active file. False: there is neither. */
export function runChosen(): boolean {
  const { path, config } = whatRuns(useTabs.getState().activeFile);
  if (path !== null) runFile(path, config?.id ?? null);
  return path !== null;
}

// --- the dock ---

export function attachDock(api: DockviewApi): () => void {
  dock = api;
  restoring = true;
  try {
    const layout = keptLayout();
    if (layout) api.fromJSON(layout);
  } catch {
    api.clear(); // a layout of another version: better none than no page
  }
  // what a layout names may have gone
  for (const panel of [...api.panels]) {
    const { kind, path } = paramsOf(panel);
    if (kind === "file" && contentOf(path) === undefined) api.removePanel(panel);
    if (kind === "console" && !useRuns.getState().consoles.includes(path)) api.removePanel(panel);
  }
  restoring = false;
  const files = api.panels.filter((p) => paramsOf(p).kind === "file").map((p) => paramsOf(p).path);
  const activePanel = api.activePanel;
  const active = activePanel && paramsOf(activePanel).kind === "file" ? paramsOf(activePanel).path : undefined;
  const visible = api.panels.find((p) => p.api.isVisible && paramsOf(p).kind === "file");
  const old = useTabs.getState();
  useTabs.setState({ openFiles: files, activeFile: active ?? (visible ? paramsOf(visible).path : null) });
  // what was opened while there was no dock (a narrow window that became wide)
  for (const path of old.openFiles) if (!files.includes(path)) openFile(path);
  for (const path of useRuns.getState().consoles) if (!find("console", path)) openConsole(path, false);
  const subscriptions = [
    api.onDidActivePanelChange(() => {
      const panel = api.activePanel;
      if (!panel || restoring) return;
      const { kind, path } = paramsOf(panel);
      useTabs.setState(kind === "file" ? { activeFile: path } : { activeConsole: path });
    }),
    api.onDidRemovePanel((panel) => {
      if (restoring) return;
      const { kind, path } = paramsOf(panel);
      if (kind === "file") fileClosed(path);
      else if (useRuns.getState().consoles.includes(path)) closeConsole(path);
    }),
    api.onDidLayoutChange(() => {
      if (restoring) return;
      clearTimeout(timer);
      timer = setTimeout(keepLayout, 200);
    }),
  ];
  if (api.panels.length > 0) keepLayout(); // what was opened just now came before anybody listened
  return () => {
    keepLayout();
    restoring = true;
    for (const s of subscriptions) s.dispose();
    if (dock === api) dock = null;
    restoring = false;
  };
}

// A page that goes may not wait for its database: what it looked like at the last moment stands in sessionStorage, too.
const LAYOUT = "kernelgw-layout";

function keepLayout(): void {
  clearTimeout(timer);
  const id = useFiles.getState().workspace?.id;
  if (!dock || id === undefined) return;
  const layout = dock.toJSON();
  keepState({ layout });
  try {
    sessionStorage.setItem(LAYOUT, JSON.stringify({ id, layout }));
  } catch {
    // full: the database has it
  }
}

function keptLayout(): SerializedDockview | undefined {
  const last = JSON.parse(sessionStorage.getItem(LAYOUT) ?? "null") as { id: string; layout: SerializedDockview } | null;
  return last && last.id === useFiles.getState().workspace?.id ? last.layout : (keptState().layout as SerializedDockview | undefined);
}

addEventListener("pagehide", () => dock && keepLayout());

/** Another workspace takes this tab. */
export function leaveTabs(): void {
  clearTimeout(timer);
  restoring = true;
  dock?.clear();
  restoring = false;
  useTabs.setState({ activeFile: null, activeConsole: null, openFiles: [] });
}

/** After the workspace has changed under a dock that stays. */
export function reloadDock(): (() => void) | undefined {
  return dock ? attachDock(dock) : undefined;
}

onFileEvent((event) => {
  if (event.kind === "removed") return closeFile(event.path);
  if (event.kind !== "renamed") return;
  const { from, to } = event;
  for (const kind of ["file", "console"] as const) {
    const panel = find(kind, from);
    panel?.api.updateParameters({ kind, path: to } satisfies PanelParams);
    panel?.api.setTitle(kind === "file" ? nameOf(to) : to);
  }
  const move = (path: string | null) => (path === from ? to : path);
  useTabs.setState((s) => ({
    openFiles: s.openFiles.map((p) => (p === from ? to : p)),
    activeFile: move(s.activeFile),
    activeConsole: move(s.activeConsole),
  }));
});

