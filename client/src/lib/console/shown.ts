// What a program shows that is no text (display_data), as HTML for the sandboxed frame, which nobody vouches for.

export type Bundle = Record<string, unknown>;

const INPUT = "application/vnd.kernelgw.input+json";

/** Whether the program asks for what nobody else may read (true), or does so no more (false); null: the bundle says nothing of it. */
export function secretIn(data: unknown): boolean | null {
  const said = typeof data === "object" && data !== null ? (data as Bundle)[INPUT] : undefined;
  return typeof said === "object" && said !== null && "secret" in said && typeof said.secret === "boolean" ? said.secret : null;
}

const escape = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** A notebook's text may come in lines. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(textOf).join("");
  return JSON.stringify(value, null, 2);
}

const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** What it is to someone who does not see it. */
export const wordsOf = (data: Bundle): string => textOf(data["text/plain"] ?? "");

/** Richest first, as Jupyter's front-ends take them. */
const RICHEST = ["text/html", "text/markdown", "text/latex", "image/svg+xml", ...IMAGES, "application/json", "text/plain"];

// For what says nothing of its looks; :where() gives way to whatever the program says.
const LOOKS = `<style>
:where(table){border-collapse:collapse;margin:4px 0}
:where(th,td){border:1px solid #d0d0d0;padding:3px 9px;text-align:left;vertical-align:top}
:where(table.dataframe th,table.dataframe td){text-align:right}
:where(thead){background:#f2f2f2}
:where(pre){white-space:pre-wrap}
:where(img,svg){max-width:100%}
:where(svg){height:auto}
:where(blockquote){margin:8px 0;padding-left:12px;border-left:3px solid #d0d0d0}
:where(code){font-family:monospace}
details.json{margin-left:14px}details.json>summary{margin-left:-14px}.json{font-family:monospace}.json .key{color:#0550ae}.json .text{color:#0a6640}
</style>`;

const asText = (text: string): string => `<pre>${escape(text)}</pre>`;

const JSON_PARTS_MAX = 5000; // beyond that a tree is slow, and text does

/** A tree that opens part by part, by the browser's own means. null: it has too many parts. */
function tree(value: unknown): string | null {
  let parts = 0;
  const one = (key: string | null, it: unknown, depth: number): string => {
    if (++parts > JSON_PARTS_MAX) return "";
    const name = key === null ? "" : `<span class="key">${escape(key)}</span>: `;
    if (typeof it !== "object" || it === null) {
      const shown = typeof it === "string" ? `<span class="text">${escape(JSON.stringify(it))}</span>` : escape(String(it));
      return `<div>${name}${shown}</div>`;
    }
    const entries = Object.entries(it);
    const about = Array.isArray(it) ? `[${entries.length}]` : `{${entries.length}}`;
    if (entries.length === 0) return `<div>${name}${about}</div>`;
    return `<details class="json"${depth < 2 ? " open" : ""}><summary>${name}${about}</summary>${entries.map(([k, v]) => one(k, v, depth + 1)).join("")}</details>`;
  };
  const html = `<div class="json">${one(null, value, 0)}</div>`;
  return parts > JSON_PARTS_MAX ? null : html;
}

/** What is shown of a bundle: HTML, or a source that rich.ts makes HTML of, and until it has, the HTML of its text. */
export interface Rendered {
  kind: string;
  html: string;
  source?: { kind: "text/markdown" | "text/latex"; text: string };
}

/** HTML as it is shown: with the looks of what says nothing of them. */
export const dressed = (html: string): string => LOOKS + html;

/** Of the richest of the bundle's kinds. */
export function toHtml(data: Bundle): Rendered {
  const kind = [...RICHEST, ...Object.keys(data)].find((k) => data[k] !== undefined && data[k] !== null) ?? "text/plain";
  const value = data[kind] ?? "";
  if (kind === "text/html" || kind === "image/svg+xml") return { kind, html: dressed(textOf(value)) };
  if (kind === "text/markdown" || kind === "text/latex") return { kind, html: dressed(asText(textOf(value))), source: { kind, text: textOf(value) } };
  if (kind === "application/json") return { kind, html: dressed(tree(value) ?? asText(JSON.stringify(value, null, 2))) };
  if (!IMAGES.includes(kind)) return { kind, html: dressed(asText(textOf(value))) };
  const bytes = textOf(value).replace(/\s/g, "");
  return { kind, html: `<img style="max-width:100%" alt="${escape(wordsOf(data))}" src="data:${kind};base64,${escape(bytes)}">` };
}

/** The bytes of a picture, to be saved; null: it is none. */
export function pictureOf(data: Bundle): { name: string; blob: Blob } | null {
  for (const kind of IMAGES) {
    const value = data[kind];
    if (value === undefined) continue;
    try {
      const bytes = Uint8Array.from(atob(textOf(value).replace(/\s/g, "")), (c) => c.charCodeAt(0));
      return { name: `figure.${kind.slice(6)}`, blob: new Blob([bytes], { type: kind }) };
    } catch {
      return null;
    }
  }
  const svg = data["image/svg+xml"];
  return svg === undefined ? null : { name: "figure.svg", blob: new Blob([textOf(svg)], { type: "image/svg+xml" }) };
}
