// Where in a line of console text one may click: web addresses, and places in files of the workspace.

export interface TextLink {
  from: number;
  to: number;
  target: { url: string } | { path: string; line: number; column: number };
}

const URL_PATTERN = /https?:\/\/[^\s<>"'`]+/g;
// File "main.py", line 3 (Python); Main.java:3, src/a.cpp:12:5, /work/app.js:3:7, (Main.java:3)
const PYTHON_PLACE = /File "([^"]+)", line (\d+)/g;
const PLACE = /((?:file:\/\/)?(?:[\w.@+-]*\/)*[\w@+-][\w.@+-]*\.[A-Za-z]{1,5}):(\d+)(?::(\d+))?/g;

/** The workspace's file that a program means: boxes have the workspace in /work; Java names no folders. */
function resolve(named: string, paths: ReadonlySet<string>): string | undefined {
  const path = named.replace(/^file:\/\//, "").replace(/^\/work\//, "").replace(/^\.\//, "");
  if (paths.has(path)) return path;
  if (path.startsWith("/")) return undefined;
  let found: string | undefined;
  for (const candidate of paths)
    if (candidate.endsWith(`/${path}`)) {
      if (found !== undefined) return undefined;
      found = candidate;
    }
  return found;
}

function trimUrl(url: string): string {
  let end = url.length;
  while (end > 0) {
    const last = url[end - 1] ?? "";
    if (".,;:!?".includes(last)) end--;
    else if (last === ")" && !url.slice(0, end).includes("(")) end--;
    else if (last === "]" && !url.slice(0, end).includes("[")) end--;
    else break;
  }
  return url.slice(0, end);
}

/** Links of the (bare) text, in order, none over another. */
export function findLinks(text: string, paths: ReadonlySet<string>): TextLink[] {
  const found: TextLink[] = [];
  const add = (link: TextLink) => {
    if (!found.some((f) => link.from < f.to && f.from < link.to)) found.push(link);
  };
  if (text.includes("://"))
    for (const match of text.matchAll(URL_PATTERN)) {
      const url = trimUrl(match[0]);
      add({ from: match.index, to: match.index + url.length, target: { url } });
    }
  if (paths.size === 0 || text.length > 2000) return found;
  for (const pattern of [PYTHON_PLACE, PLACE])
    for (const match of text.matchAll(pattern)) {
      const path = resolve(match[1] ?? "", paths);
      if (path !== undefined)
        add({ from: match.index, to: match.index + match[0].length, target: { path, line: Number(match[2]), column: Number(match[3] ?? 1) } });
    }
  return found.sort((a, b) => a.from - b.from);
}
