// Which workspace this tab has. One that another tab has open stays that tab's: a Web Lock tells, which the browser
// gives back when a tab ends, however it ends. A reload finds its own again by sessionStorage.
import * as db from "../lib/files/db";
import type { Copy } from "../lib/serverFiles";
import { t } from "../strings";
import { openCodeHelp } from "./codeHelp";
import { contentOf, openFiles, openState, putFiles, save, useFiles } from "./files";
import { attendSession } from "./network";
import { keepsFiles, openServerCopy, serverFiles } from "./serverCopy";
import { leaveRuns, restoreRuns } from "./runs";
import { openSetups } from "./setups";
import { leaveTabs, openFile, reloadDock } from "./tabs";
import { toast } from "./ui";

const KEY = "kernelgw-workspace";

let release: (() => void) | null = null;

const lockName = (id: string) => `kernelgw-workspace-${id}`;

/** Takes the lock for as long as this page lives, or says that another has it. */
function take(id: string): Promise<boolean> {
  return new Promise((answer) => {
    void navigator.locks.request(lockName(id), { ifAvailable: true }, (lock) => {
      answer(lock !== null);
      if (!lock) return undefined;
      return new Promise<void>((done) => {
        release?.();
        release = done;
      });
    });
  });
}

/** Ids of workspaces that some tab has open. */
export async function heldWorkspaces(): Promise<Set<string>> {
  const { held } = await navigator.locks.query();
  return new Set((held ?? []).flatMap((l) => (l.name?.startsWith(lockName("")) ? [l.name.slice(lockName("").length)] : [])));
}

const WELCOME = `# Press F5 or Ctrl+Enter to run this file.
name = input("Your name? ")
print(f"Hello, {name}!")
`;

async function make(name: string): Promise<db.WorkspaceInfo> {
  const info = { id: crypto.randomUUID().slice(0, 13), name, usedAt: Date.now() };
  await db.changeWorkspaces((list) => [...list, info]);
  return info;
}

async function freeName(): Promise<string> {
  const taken = new Set((await db.listWorkspaces()).map((w) => w.name));
  for (let n = 1; ; n++) if (!taken.has(t.workspaces.numbered(n))) return t.workspaces.numbered(n);
}

async function load(info: db.WorkspaceInfo): Promise<void> {
  const [files, state] = await Promise.all([db.loadFiles(info.id), db.loadState(info.id)]);
  openState(state);
  openSetups();
  openFiles(info, files, state.folders);
  attendSession();
  openCodeHelp();
  openServerCopy();
  sessionStorage.setItem(KEY, info.id);
  await db.changeWorkspaces((list) => list.map((w) => (w.id === info.id ? { ...w, usedAt: Date.now() } : w)));
}

/** At the start of the page: this tab's own, else the one used last that no tab has, else a new one. */
export async function openWorkspace(): Promise<void> {
  const list = await db.listWorkspaces();
  const mine = sessionStorage.getItem(KEY);
  const wanted = [...list.filter((w) => w.id === mine), ...list.filter((w) => w.id !== mine)];
  const first = wanted[0];
  // A reload may come before the browser has given the old page's lock back.
  for (let tries = 0; first && tries < 10; tries++) {
    if (await take(first.id)) return load(first);
    if (first.id !== mine || (await isDuplicate())) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  // Another tab has it: this one gets an empty one of its own, or one that lies unused.
  const info = await make(await freeName());
  await take(info.id);
  await load(info);
  if (!first) {
    putFiles([["main.py", WELCOME]]);
    await save();
    return openFile("main.py");
  }
  toast(t.workspaces.second(first.name), "info", { label: t.workspaces.copyAction, run: () => void copyInto(first.id) });
}

/** A duplicated tab brings a copy of sessionStorage along. */
async function isDuplicate(): Promise<boolean> {
  const entry = performance.getEntriesByType("navigation")[0];
  return !(entry instanceof PerformanceNavigationTiming && entry.type === "reload");
}

/** Changes this tab to another workspace; false when another tab has it. */
export async function switchWorkspace(id: string): Promise<boolean> {
  const info = (await db.listWorkspaces()).find((w) => w.id === id);
  if (!info) return false;
  if (useFiles.getState().workspace?.id === id) return true;
  await save();
  if (!(await take(id))) return false;
  leaveTabs();
  leaveRuns();
  await load(info);
  await restoreRuns().catch(() => undefined);
  reloadDock();
  return true;
}

export async function createWorkspace(): Promise<void> {
  await switchWorkspace((await make(await freeName())).id);
}

/** Makes a workspace of what the server keeps of one: a new one, so that two browsers never write the same copy. */
export async function bringWorkspace(copy: Copy): Promise<void> {
  const files = await serverFiles.load(copy.id);
  const made = await make(copy.name);
  if (!(await switchWorkspace(made.id))) return;
  putFiles(files);
  toast(t.files.added(files.length));
}

/** Copies that are on the server, other than of workspaces of this browser; none where it keeps no files. */
export async function copiesElsewhere(): Promise<Copy[]> {
  const mine = new Set((await db.listWorkspaces()).map((w) => w.id));
  return keepsFiles() ? (await serverFiles.list()).filter((c) => !mine.has(c.id)) : [];
}

export async function renameWorkspace(id: string, name: string): Promise<void> {
  await db.changeWorkspaces((list) => list.map((w) => (w.id === id ? { ...w, name } : w)));
  useFiles.setState((s) => (s.workspace?.id === id ? { workspace: { ...s.workspace, name } } : s));
}

export async function removeWorkspace(id: string): Promise<void> {
  if (useFiles.getState().workspace?.id !== id) await db.deleteWorkspace(id);
}

/** Adds another workspace's files to this one; what is here already stays. */
export async function copyInto(id: string): Promise<void> {
  const files = await db.loadFiles(id);
  const added = files.filter(([path]) => contentOf(path) === undefined);
  putFiles(added.map(([path, { content }]) => [path, content]));
  toast(t.files.added(added.length));
}
