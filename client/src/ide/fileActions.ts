// What a person does to files: asks first where something would be lost, and says what came of it.
import type { Content } from "../lib/files/content";
import { fromDrop, fromPicker, download, takeIncoming, type Incoming } from "../lib/files/incoming";
import { extensionOf, isBelow, join, nameOf, parentOf, pathProblem } from "../lib/files/paths";
import { parseShared, sharedFile } from "../lib/files/share";
import { addFolder, contentOf, exists, filesBelow, putFiles, remove, rename, useFiles } from "../store/files";
import { isLive, stopRun, useRuns } from "../store/runs";
import { openFile } from "../store/tabs";
import { askText, confirm, toast } from "../store/ui";
import { t } from "../strings";

/** What is wrong with a path for a new file, or for what is moved there. */
function problem(path: string, from?: string): string | undefined {
  const found = pathProblem(path);
  if (found) return t.files.problem[found];
  if (path === from) return undefined;
  if (from !== undefined && isBelow(path, from)) return t.files.intoItself;
  if (exists(path)) return t.files.taken(path);
  // no file may be a folder at once
  for (let p = parentOf(path); p !== ""; p = parentOf(p)) if (contentOf(p) !== undefined) return t.files.taken(p);
  return undefined;
}

const tidy = (text: string) => text.trim().replace(/^\/+|\/+$/g, "");

/** The keyboard goes to an entry of the tree, once a dialog has given it back. */
function focusEntry(path: string | undefined): void {
  if (path !== undefined) setTimeout(() => document.querySelector<HTMLElement>(`[role="treeitem"][data-path="${CSS.escape(path)}"]`)?.focus(), 50);
}

/** The entry that stands next to this one: where the keyboard goes when this one has gone. */
function neighbour(path: string): string | undefined {
  const entries = [...document.querySelectorAll<HTMLElement>('[role="treeitem"]')].map((e) => e.dataset["path"] ?? "");
  const rest = entries.filter((e) => e !== path && !isBelow(e, path));
  const at = entries.indexOf(path);
  return rest[Math.min(Math.max(0, at), rest.length - 1)];
}

export async function createFileIn(folder: string): Promise<void> {
  const initial = join(folder, "main.py");
  const path = await askText(t.files.newFile, t.files.newFile, {
    label: t.files.fileName,
    initial,
    select: [folder === "" ? 0 : folder.length + 1, initial.length],
    check: (value) => problem(tidy(value)),
  });
  if (path === null) return;
  putFiles([[tidy(path), ""]]);
  openFile(tidy(path));
}

export async function createFolderIn(folder: string): Promise<void> {
  const path = await askText(t.files.newFolder, t.files.newFolder, {
    label: t.files.folderName,
    initial: join(folder, "src"),
    select: [folder === "" ? 0 : folder.length + 1, join(folder, "src").length],
    check: (value) => problem(tidy(value)),
  });
  if (path === null) return;
  addFolder(tidy(path));
  focusEntry(tidy(path));
}

/** back: the keyboard was in the tree and stays there. */
export async function renameEntry(from: string, back = false): Promise<void> {
  const name = nameOf(from);
  const begin = from.length - name.length;
  const to = await askText(t.files.rename, t.files.rename, {
    label: t.files.newName,
    initial: from,
    select: [begin, from.length - extensionOf(from).length],
    check: (value) => problem(tidy(value), from),
  });
  if (to === null || tidy(to) === from) return;
  rename(from, tidy(to));
  if (back) focusEntry(tidy(to));
}

/** By drag: into a folder ("" is the top). */
export function moveEntry(from: string, folder: string): void {
  const to = join(folder, nameOf(from));
  if (to === from) return;
  const wrong = folder === from || isBelow(folder, from) ? t.files.intoItself : problem(to, from);
  if (wrong) toast(wrong, "error");
  else rename(from, to);
}

export async function deleteEntry(path: string, back = false): Promise<void> {
  const next = neighbour(path);
  const isFile = contentOf(path) !== undefined;
  const inside = filesBelow(path);
  if (!(await confirm(t.files.deleteTitle(path), isFile ? t.files.deleteFile : t.files.deleteFolder(inside.length), t.files.delete))) return;
  const { byPath } = useRuns.getState();
  for (const p of inside) if (isLive(byPath[p])) void stopRun(p);
  remove(path);
  if (back) focusEntry(next);
}

async function take(list: Incoming[], folder: string): Promise<void> {
  try {
    const { files, skipped } = await takeIncoming(list, folder);
    await addFiles(files, skipped);
  } catch (error) {
    toast(t.files.uploadFailed(error instanceof Error ? error.message : String(error)), "error");
  }
}

/** Adds files; asks before any is replaced. */
export async function addFiles(files: [string, Content][], skipped: string[] = []): Promise<void> {
  const clashes = files.filter(([path]) => contentOf(path) !== undefined).map(([path]) => path);
  if (clashes.length > 0 && !(await confirm(t.files.replaceTitle(clashes.length), t.files.replaceText(clashes), t.files.replace))) return;
  if (files.length > 0) {
    putFiles(files);
    toast(t.files.added(files.length));
    const only = files.length === 1 ? files[0] : undefined;
    if (only) openFile(only[0]);
  }
  if (skipped.length > 0) toast(t.files.skipped(skipped), "error");
}

export function upload(folder: string, whole: boolean): void {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.webkitdirectory = whole;
  input.className = "offscreen";
  input.addEventListener("change", () => {
    const list = input.files ? fromPicker(input.files) : [];
    input.remove();
    void takeOrImport(list, folder);
  });
  input.addEventListener("cancel", () => input.remove());
  document.body.append(input);
  input.click();
}

/** A workspace file that somebody shared is opened as what it is. */
async function takeOrImport(list: Incoming[], folder: string): Promise<void> {
  const shared = list.length === 1 && list[0] && /\.kernelgw\.json$/i.test(list[0].path) ? list[0].file : null;
  if (!shared) return take(list, folder);
  try {
    await addFiles(parseShared(await shared.text()));
  } catch (error) {
    toast(t.share.failed(error instanceof Error ? error.message : String(error)), "error");
  }
}

export async function takeDropped(data: DataTransfer, folder: string): Promise<void> {
  await takeOrImport(await fromDrop(data), folder);
}

export function downloadFile(path: string): void {
  const content = contentOf(path);
  if (content !== undefined) download(nameOf(path), typeof content === "string" ? content : new Uint8Array(content));
}

const all = (folder: string): [string, Content][] => filesBelow(folder).map((p) => [p, contentOf(p) ?? ""]);

const workspaceName = () => (useFiles.getState().workspace?.name ?? "workspace").replace(/[^\w.-]+/g, "-");

export async function downloadZip(folder: string): Promise<void> {
  const { pack } = await import("../lib/files/zip");
  const files = folder === "" ? Object.keys(useFiles.getState().files).map((p): [string, Content] => [p, contentOf(p) ?? ""]) : all(folder);
  const cut = parentOf(folder).length + (parentOf(folder) === "" ? 0 : 1);
  download(`${folder === "" ? workspaceName() : nameOf(folder)}.zip`, await pack(files.map(([p, c]) => [p.slice(cut), c])), "application/zip");
}

export async function shareWorkspace(): Promise<void> {
  const files = Object.keys(useFiles.getState().files).map((p): [string, Content] => [p, contentOf(p) ?? ""]);
  download(`${workspaceName()}.kernelgw.json`, sharedFile(files), "application/json");
}
