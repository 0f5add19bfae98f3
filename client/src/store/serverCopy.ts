// A copy of this tab's workspace on the server, where that keeps files: each file a moment after the browser has it.
// What has not been copied yet is remembered with the workspace, so that nothing is forgotten over a reload.
import { create } from "zustand";
import type { Content } from "../lib/files/content";
import { canCopy, ServerFiles } from "../lib/serverFiles";
import { ServerError } from "../lib/transport/runLink";
import { client, connection } from "./conn";
import { contentOf, keepState, keptState, useFiles } from "./files";

interface ServerCopyStore {
  /** off: the server keeps no files. unknown: it has not said. */
  state: "unknown" | "off" | "saved" | "saving" | "failed";
  why: string;
}

export const useServerCopy = create<ServerCopyStore>()((): ServerCopyStore => ({ state: "unknown", why: "" }));
export const serverFiles = new ServerFiles();

export const keepsFiles = (): boolean => client.welcome?.files === true;

const SOON_MS = 1000;
const AGAIN_MS = 15_000;

let pending = new Set<string>(); // paths that differ from the copy, or may
let timer: ReturnType<typeof setTimeout> | undefined;
let due = 0;
let copying = false;

/** In so many milliseconds, or earlier if that is under way: who types without a pause is not put off for ever. */
function soon(ms: number): void {
  const at = Date.now() + ms;
  if (timer !== undefined && due <= at) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(() => {
    timer = undefined;
    void copy();
  }, ms);
}

/** A file that the server refuses must not keep the others from it. */
async function copyOne(id: string, path: string, content: Content | undefined): Promise<string> {
  try {
    if (content === undefined) await serverFiles.remove(id, path);
    else if (canCopy(path)) await serverFiles.put(id, path, content);
    return "";
  } catch (error) {
    if (error instanceof ServerError && error.status >= 400 && error.status < 500 && error.status !== 401 && error.status !== 403) return `${path}: ${error.message}`;
    throw error;
  }
}

async function copy(): Promise<void> {
  const { workspace } = useFiles.getState();
  const { state } = useServerCopy.getState();
  if (copying || !workspace || state === "off" || state === "unknown" || connection.state.kind !== "online") return;
  if (pending.size === 0) return useServerCopy.setState({ state: "saved", why: "" });
  copying = true;
  let refused = "";
  useServerCopy.setState({ state: "saving", why: "" });
  const mine = pending;
  try {
    await serverFiles.describe(workspace);
    while (mine === pending) {
      const [path] = mine;
      if (path === undefined) break;
      const content = contentOf(path);
      refused = (await copyOne(workspace.id, path, content)) || refused;
      // what has changed meanwhile is copied again
      if (mine === pending && contentOf(path) === content) mine.delete(path);
    }
    if (mine === pending) {
      keepState({ toCopy: [] });
      useServerCopy.setState({ state: refused === "" ? "saved" : "failed", why: refused });
    }
  } catch (error) {
    useServerCopy.setState({ state: "failed", why: error instanceof Error ? error.message : String(error) });
    soon(AGAIN_MS);
  } finally {
    copying = false;
    if (mine !== pending) soon(0);
  }
}

/** This tab has another workspace now, or the same one after a reload. */
export function openServerCopy(): void {
  pending = new Set(keptState().toCopy ?? Object.keys(useFiles.getState().files));
  if (!client.welcome) return useServerCopy.setState({ state: "unknown", why: "" }); // it is asked again when the server answers
  const there = keepsFiles();
  useServerCopy.setState({ state: there ? "saving" : "off", why: "" });
  if (there) soon(0);
  else if (keptState().toCopy) keepState({ toCopy: undefined }); // should it keep files one day: all of them
}

useFiles.subscribe((now, before) => {
  if (now.files === before.files || now.workspace?.id !== before.workspace?.id || useServerCopy.getState().state === "off") return;
  const { size } = pending;
  for (const path of Object.keys(before.files)) if (!now.files[path]) pending.add(path);
  for (const [path, node] of Object.entries(now.files)) if (node !== before.files[path]) pending.add(path);
  if (pending.size === 0) return;
  if (pending.size !== size) keepState({ toCopy: [...pending] });
  soon(SOON_MS);
});

let wasOnline = false;
connection.subscribe(({ kind }) => {
  const online = kind === "online";
  if (online && !wasOnline && useFiles.getState().workspace) openServerCopy();
  wasOnline = online;
});
