// The files of this tab's workspace. What is said of them is in the store; their contents lie outside of it, and
// everything is kept in the browser's database a moment after it changes.
import { create } from "zustand";
import { sizeOf, type Content } from "../lib/files/content";
import * as db from "../lib/files/db";
import { isBelow, parentOf } from "../lib/files/paths";

export interface FileNode {
  path: string;
  text: boolean;
  size: number;
  dirty: boolean; // not yet in the database
}

interface FilesStore {
  workspace: db.WorkspaceInfo | null;
  files: Record<string, FileNode>;
  folders: string[];
  savedAt: number;
  saveError: string | null;
}

export const useFiles = create<FilesStore>()(
  (): FilesStore => ({ workspace: null, files: {}, folders: [], savedAt: 0, saveError: null }),
);

export type FileEvent = { kind: "renamed"; from: string; to: string } | { kind: "removed"; path: string } | { kind: "replaced"; path: string };

const contents = new Map<string, Content>();
const listeners = new Set<(event: FileEvent) => void>();
const SAVE_MS = 300;
let savedLast = 0; // ms since 1970
let timer: ReturnType<typeof setTimeout> | undefined;
let saving: Promise<void> = Promise.resolve();

export function onFileEvent(listener: (event: FileEvent) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const tell = (event: FileEvent) => listeners.forEach((l) => l(event));

export const contentOf = (path: string): Content | undefined => contents.get(path);
export const textOf = (path: string): string | undefined => {
  const content = contents.get(path);
  return typeof content === "string" ? content : undefined;
};
export const exists = (path: string): boolean => contents.has(path) || useFiles.getState().folders.includes(path);

/** Files and folders that begin with this path (itself included). */
export const filesBelow = (path: string): string[] => [...contents.keys()].filter((p) => p === path || isBelow(p, path));

export function openFiles(workspace: db.WorkspaceInfo, list: [string, db.StoredFile][], folders: string[]): void {
  contents.clear();
  const files: Record<string, FileNode> = {};
  for (const [path, { content }] of list) {
    contents.set(path, content);
    files[path] = { path, text: typeof content === "string", size: sizeOf(content), dirty: false };
  }
  useFiles.setState({ workspace, files, folders, savedAt: Date.now(), saveError: null });
}

function put(path: string, content: Content): FileNode {
  contents.set(path, content);
  return { path, text: typeof content === "string", size: sizeOf(content), dirty: true };
}

/** The editor's text has changed. */
export function edit(path: string, text: string): void {
  if (!contents.has(path) || contents.get(path) === text) return;
  const node = put(path, text);
  useFiles.setState((s) => ({ files: { ...s.files, [path]: node } }));
  saveSoon();
}

/** New files, or new contents of old ones, from elsewhere than the editor. */
export function putFiles(list: [string, Content][]): void {
  const added: Record<string, FileNode> = {};
  const replaced = list.filter(([path]) => contents.has(path)).map(([path]) => path);
  for (const [path, content] of list) added[path] = put(path, content);
  useFiles.setState((s) => ({ files: { ...s.files, ...added }, folders: withFolders(s.folders, list.map(([path]) => parentOf(path))) }));
  for (const path of replaced) tell({ kind: "replaced", path });
  saveFolders();
  saveSoon();
}

function withFolders(old: string[], wanted: string[]): string[] {
  const all = new Set(old);
  for (let path of wanted) for (; path !== "" && !all.has(path); path = parentOf(path)) all.add(path);
  return all.size === old.length ? old : [...all];
}

export function addFolder(path: string): void {
  useFiles.setState((s) => ({ folders: withFolders(s.folders, [path]) }));
  saveFolders();
}

/** A file, or a folder with what is in it. */
export function rename(from: string, to: string): void {
  const moved = filesBelow(from);
  const target = (path: string) => to + path.slice(from.length);
  const files = { ...useFiles.getState().files };
  for (const path of moved) {
    const content = contents.get(path) ?? "";
    contents.delete(path);
    files[target(path)] = put(target(path), content);
    delete files[path]; // eslint-disable-line @typescript-eslint/no-dynamic-delete
  }
  useFiles.setState((s) => ({
    files,
    folders: withFolders(s.folders.map((f) => (f === from || isBelow(f, from) ? target(f) : f)), [parentOf(to)]),
  }));
  for (const path of moved) tell({ kind: "renamed", from: path, to: target(path) });
  forget(moved);
  saveFolders();
  saveSoon();
}

export function remove(path: string): void {
  const gone = filesBelow(path);
  const files = { ...useFiles.getState().files };
  for (const p of gone) {
    contents.delete(p);
    delete files[p]; // eslint-disable-line @typescript-eslint/no-dynamic-delete
  }
  useFiles.setState((s) => ({ files, folders: s.folders.filter((f) => f !== path && !isBelow(f, path)) }));
  for (const p of gone) tell({ kind: "removed", path: p });
  forget(gone);
  saveFolders();
}

function forget(paths: string[]): void {
  const { workspace } = useFiles.getState();
  if (workspace && paths.length > 0) saving = saving.then(() => db.deleteFiles(workspace.id, paths.filter((p) => !contents.has(p)))).catch(saveFailed);
}

/** At once after a pause, else when the last save is SAVE_MS old: a page may go at any moment. */
function saveSoon(): void {
  clearTimeout(timer);
  timer = setTimeout(() => void save(), Math.max(0, savedLast + SAVE_MS - Date.now()));
}

/** Puts all that is dirty into the database. */
export function save(): Promise<void> {
  clearTimeout(timer);
  const { workspace, files } = useFiles.getState();
  const dirty = Object.values(files).filter((f) => f.dirty);
  if (!workspace || dirty.length === 0) return saving;
  const savedAt = Date.now();
  savedLast = savedAt;
  const list = dirty.map(({ path }): [string, db.StoredFile] => [path, { content: contents.get(path) ?? "", savedAt }]);
  saving = saving
    .then(() => db.saveFiles(workspace.id, list))
    .then(() =>
      useFiles.setState((s) => {
        const now = { ...s.files };
        // what was changed meanwhile stays dirty
        for (const [path, { content }] of list) {
          const node = now[path];
          if (node && contents.get(path) === content) now[path] = { ...node, dirty: false };
        }
        return { files: now, savedAt, saveError: null };
      }),
    )
    .catch(saveFailed);
  return saving;
}

function saveFailed(error: unknown): void {
  useFiles.setState({ saveError: error instanceof Error ? error.message : String(error) });
}

/** Everything about the workspace but its files; parts are put by those whose they are. */
const state: db.WorkspaceState = { folders: [] };

export function openState(loaded: db.WorkspaceState): void {
  for (const key of Object.keys(state)) delete (state as unknown as Record<string, unknown>)[key]; // eslint-disable-line @typescript-eslint/no-dynamic-delete
  Object.assign(state, loaded);
}

export function keepState(some: Partial<db.WorkspaceState>): void {
  Object.assign(state, some);
  const { workspace } = useFiles.getState();
  if (workspace) void db.saveState(workspace.id, { ...state }).catch(saveFailed);
}

export const keptState = (): Readonly<db.WorkspaceState> => state;

function saveFolders(): void {
  keepState({ folders: useFiles.getState().folders });
}

// A page that goes may have changes of the last moment.
document.addEventListener("visibilitychange", () => document.hidden && void save());
addEventListener("pagehide", () => void save());
