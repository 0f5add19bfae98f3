// Files that come from the person's machine: picked, or dropped, folders walked.
import { decode, type Content } from "./content";
import { pathProblem } from "./paths";

export interface Incoming {
  path: string;
  file: File;
}

export function fromPicker(list: FileList): Incoming[] {
  return [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

async function walk(entry: FileSystemEntry, into: Incoming[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((good, bad) => (entry as FileSystemFileEntry).file(good, bad));
    into.push({ path: entry.fullPath.replace(/^\/+/, ""), file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // at most 100 come at a time
    const some = await new Promise<FileSystemEntry[]>((good, bad) => reader.readEntries(good, bad));
    if (some.length === 0) return;
    for (const child of some) await walk(child, into);
  }
}

export async function fromDrop(data: DataTransfer): Promise<Incoming[]> {
  // the list is empty after the first await
  const found = [...data.items].map((item) => item.webkitGetAsEntry()).filter((e) => e !== null);
  const list: Incoming[] = [];
  for (const entry of found) await walk(entry, list);
  return list;
}

export interface Taken {
  files: [string, Content][];
  skipped: string[];
}

const FILE_MAX = 32 * 1024 * 1024;

/** Reads all; a zip file is unpacked where it lies. */
export async function takeIncoming(list: Incoming[], folder: string): Promise<Taken> {
  const taken: Taken = { files: [], skipped: [] };
  const below = (path: string) => (folder === "" ? path : `${folder}/${path}`);
  for (const { path, file } of list) {
    if (file.size > FILE_MAX || pathProblem(below(path))) {
      taken.skipped.push(path);
      continue;
    }
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (/\.zip$/i.test(path)) {
      const { unpack } = await import("./zip");
      const inside = await unpack(bytes);
      const at = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
      for (const [name, content] of inside.files) taken.files.push([below(at + name), content]);
      taken.skipped.push(...inside.skipped);
    } else taken.files.push([below(path), decode(bytes)]);
  }
  return taken;
}

/** Gives the person a file. */
export function download(name: string, data: BlobPart, type = "application/octet-stream"): void {
  const url = URL.createObjectURL(new Blob([data], { type }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
