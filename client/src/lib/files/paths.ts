// Paths of a workspace: relative, "/" between parts, the rules of the server's boxes (kg_run_path_ok).

export function parentOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at < 0 ? "" : path.slice(0, at);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function join(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

export function extensionOf(path: string): string {
  const name = nameOf(path);
  const at = name.lastIndexOf(".");
  return at <= 0 ? "" : name.slice(at).toLowerCase();
}

export function isBelow(path: string, folder: string): boolean {
  return folder === "" || path.startsWith(`${folder}/`);
}

/** What is wrong with a path, or undefined. */
export function pathProblem(path: string): "empty" | "parts" | "characters" | "long" | undefined {
  if (path === "") return "empty";
  const parts = path.split("/");
  if (parts.some((p) => p === "" || p === "." || p === "..")) return "parts";
  // eslint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f\\]/.test(path)) return "characters";
  const bytes = (s: string) => new TextEncoder().encode(s).length;
  if (bytes(path) > 1024 || parts.length > 64 || parts.some((p) => bytes(p) > 255)) return "long";
  return undefined;
}

/** "main.py", "main-2.py"... whichever is not taken. */
export function freePath(path: string, taken: (path: string) => boolean): string {
  if (!taken(path)) return path;
  const ext = extensionOf(path);
  const stem = ext === "" ? path : path.slice(0, -ext.length);
  for (let n = 2; ; n++) if (!taken(`${stem}-${n}${ext}`)) return `${stem}-${n}${ext}`;
}

export interface TreeNode {
  path: string;
  name: string;
  folder: boolean;
  children: TreeNode[];
}

const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** Files and folders as a tree: folders first, then by name. */
export function toTree(files: Iterable<string>, folders: Iterable<string>): TreeNode[] {
  const root: TreeNode = { path: "", name: "", folder: true, children: [] };
  const known = new Map<string, TreeNode>([["", root]]);
  const place = (path: string, folder: boolean): TreeNode => {
    const old = known.get(path);
    if (old) return old;
    const node: TreeNode = { path, name: nameOf(path), folder, children: [] };
    known.set(path, node);
    place(parentOf(path), true).children.push(node);
    return node;
  };
  for (const path of folders) place(path, true);
  for (const path of files) place(path, false);
  for (const node of known.values()) node.children.sort((a, b) => Number(b.folder) - Number(a.folder) || order.compare(a.name, b.name));
  return root.children;
}
