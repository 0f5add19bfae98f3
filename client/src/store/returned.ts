// What a program has made of the files is the workspace's, too, when it has ended. What was edited here meanwhile is not
// overwritten: the program's version is put beside it.
import { decode, type Content } from "../lib/files/content";
import { extensionOf, pathProblem } from "../lib/files/paths";
import type { RunModel } from "../lib/transport/runLink";
import { t } from "../strings";
import { link } from "./conn";
import { contentOf, keepState, keptState, putFiles, remove, useFiles } from "./files";
import { sessionName } from "./network";

const TAKEN_MAX = 200; // runs whose files have been taken: a reload hears of their ends again

const atStart = new Map<string, ReadonlyMap<string, Content>>(); // by run: the files as they were when it began

/** A run begins: what is here now is what its program starts from. */
export function noteStart(runId: string): void {
  atStart.set(runId, new Map(Object.keys(useFiles.getState().files).map((path) => [path, contentOf(path) ?? ""])));
}

const same = (a: Content | undefined, b: Content | undefined): boolean =>
  a === b || (typeof a === "object" && typeof b === "object" && a.length === b.length && a.every((byte, i) => byte === b[i]));

function beside(path: string, runId: string): string {
  const extension = extensionOf(path);
  return `${path.slice(0, path.length - extension.length)}.conflict-${runId.slice(0, 8)}${path.slice(path.length - extension.length)}`;
}

/** Takes them, once a run. Resolves with what to say of it: lines for its console. */
export async function takeReturned(model: RunModel): Promise<string[]> {
  const before = atStart.get(model.run_id);
  atStart.delete(model.run_id);
  const { changed = [], deleted = [], left_out: leftOut = [], more = false, error } = model.files ?? {};
  const taken = keptState().taken ?? [];
  if (!model.files || taken.includes(model.run_id)) return [];
  keepState({ taken: [...taken.slice(1 - TAKEN_MAX), model.run_id] });
  const session = sessionName();
  const came: [string, Content][] = [];
  const lines: string[] = [];
  for (const { path } of changed) {
    if (pathProblem(path) !== undefined) continue;
    try {
      came.push([path, decode(await link.file(session, path))]);
    } catch (failure) {
      lines.push(t.fileNotTaken(path, failure instanceof Error ? failure.message : String(failure)));
    }
  }
  if (sessionName() !== session) return []; // another workspace has taken this tab
  const put: [string, Content][] = [];
  for (const [path, content] of came) {
    const here = contentOf(path);
    if (same(here, content)) continue;
    const edited = here !== undefined && !same(here, before?.get(path));
    put.push([edited ? beside(path, model.run_id) : path, content]);
  }
  if (put.length > 0) putFiles(put);
  const gone = deleted.filter((path) => contentOf(path) !== undefined && same(contentOf(path), before?.get(path)));
  gone.forEach(remove);
  if (put.length > 0) lines.push(t.filesTaken(put.map(([path]) => path)));
  if (gone.length > 0) lines.push(t.filesGone(gone));
  for (const { path, why } of leftOut) lines.push(t.fileNotTaken(path, why));
  if (more) lines.push(t.moreFiles);
  if (error !== undefined) lines.push(t.filesLost(error));
  return lines;
}
