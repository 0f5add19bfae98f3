// Which files go with a run: the program's own language with its headers, and all data; not other languages' programs,
// which might not even compile.
import { toBase64, type Content } from "./files/content";
import { languageOf } from "./files/languages";
import type { RunFile } from "./transport/runLink";

/** What a request may hold, with room for JSON's escapes below the server's own limit (64 MB). */
export const RUN_BYTES_MAX = 40 * 1024 * 1024;

export function filesForRun(entry: string, all: Iterable<[string, Content]>): { files: RunFile[]; bytes: number } {
  const language = languageOf(entry).id;
  const files: RunFile[] = [];
  let bytes = 0;
  for (const [path, content] of all) {
    const other = languageOf(path);
    if (path !== entry && other.runs && other.id !== language) {
      // a program may read SQL or JavaScript as data; a compiler must not be given another language's sources
      if (other.id === "java" || other.id === "cpp") continue;
    }
    bytes += typeof content === "string" ? content.length : Math.ceil(content.length / 3) * 4;
    files.push(typeof content === "string" ? { path, content } : { path, base64: toBase64(content) });
  }
  return { files, bytes };
}
