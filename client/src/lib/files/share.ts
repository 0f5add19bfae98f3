// A workspace as one file that can be mailed: JSON, so that a person can look into it.
import { toBase64, type Content } from "./content";
import { pathProblem } from "./paths";

interface Shared {
  kernelgw: 1;
  files: ({ path: string; content: string } | { path: string; base64: string })[];
}

export function sharedFile(files: [string, Content][]): string {
  const shared: Shared = { kernelgw: 1, files: files.map(([path, c]) => (typeof c === "string" ? { path, content: c } : { path, base64: toBase64(c) })) };
  return JSON.stringify(shared, null, 1);
}

/** Throws a sentence that says what is wrong. */
export function parseShared(text: string): [string, Content][] {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("kernelgw" in value) || value.kernelgw !== 1) throw new Error('it does not say "kernelgw": 1');
  if (!("files" in value) || !Array.isArray(value.files)) throw new Error("it has no list of files");
  return value.files.map((f: unknown, i): [string, Content] => {
    if (typeof f !== "object" || f === null || !("path" in f) || typeof f.path !== "string" || pathProblem(f.path)) throw new Error(`file ${i + 1} has no proper path`);
    if ("content" in f && typeof f.content === "string") return [f.path, f.content];
    if ("base64" in f && typeof f.base64 === "string") return [f.path, Uint8Array.from(atob(f.base64), (c) => c.charCodeAt(0))];
    throw new Error(`file ${i + 1} (${f.path}) has neither content nor base64`);
  });
}
