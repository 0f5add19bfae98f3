// What the browser keeps: one database a workspace for its files, and one for what is said of workspaces.
import { clear, createStore, del, delMany, entries, get, set, setMany, type UseStore } from "idb-keyval";
import type { Setups } from "../runSetup";
import type { Content } from "./content";

export interface StoredFile {
  content: Content;
  savedAt: number;
}

export interface WorkspaceInfo {
  id: string;
  name: string;
  usedAt: number;
}

/** Everything about a workspace but its files. */
export interface WorkspaceState {
  folders: string[];
  layout?: unknown;
  setups?: Setups; // how programs are run
  network?: boolean; // programs share the session's
  toCopy?: string[] | undefined; // paths whose copy on the server is old; none: nothing has been copied
  codeHelp?: boolean; // completion and hover out of kernels
  consoles?: string[];
  taken?: string[]; // runs whose files have come back
}

const meta = () => createStoreOnce("kernelgw", "meta");
const stores = new Map<string, UseStore>();

/** Each change is committed as soon as it is asked for: else it is when the page hears that it was made, and a page that is left in between loses it. */
function committed(store: UseStore): UseStore {
  return (mode, change) =>
    store(mode, (of) => {
      const result = change(of);
      if (mode === "readwrite") of.transaction.commit();
      return result;
    });
}

function createStoreOnce(db: string, name: string): UseStore {
  const old = stores.get(db);
  if (old) return old;
  const made = committed(createStore(db, name));
  stores.set(db, made);
  return made;
}

const filesOf = (workspace: string) => createStoreOnce(`kernelgw-files-${workspace}`, "files");

export async function listWorkspaces(): Promise<WorkspaceInfo[]> {
  const list = (await get<WorkspaceInfo[]>("workspaces", meta())) ?? [];
  return [...list].sort((a, b) => b.usedAt - a.usedAt);
}

/** Several tabs change the list: each change reads it anew, under a lock. */
export async function changeWorkspaces(change: (list: WorkspaceInfo[]) => WorkspaceInfo[]): Promise<void> {
  await navigator.locks.request("kernelgw-workspaces", async () => {
    await set("workspaces", change(await listWorkspaces()), meta());
  });
}

export async function loadFiles(workspace: string): Promise<[string, StoredFile][]> {
  return entries<string, StoredFile>(filesOf(workspace));
}

export const saveFiles = (workspace: string, list: [string, StoredFile][]): Promise<void> => setMany(list, filesOf(workspace));

export const deleteFiles = (workspace: string, paths: string[]): Promise<void> => delMany(paths, filesOf(workspace));

export async function loadState(workspace: string): Promise<WorkspaceState> {
  return (await get<WorkspaceState>(`state:${workspace}`, meta())) ?? { folders: [] };
}

export const saveState = (workspace: string, state: WorkspaceState): Promise<void> => set(`state:${workspace}`, state, meta());

export async function deleteWorkspace(workspace: string): Promise<void> {
  await changeWorkspaces((list) => list.filter((w) => w.id !== workspace));
  await del(`state:${workspace}`, meta());
  await clear(filesOf(workspace));
}
