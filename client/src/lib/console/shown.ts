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

/** The richest of the bundle's kinds, and that kind. */
export function toHtml(data: Bundle): { kind: string; html: string } {
  if (data["text/html"] !== undefined) return { kind: "text/html", html: textOf(data["text/html"]) };
  if (data["image/svg+xml"] !== undefined) return { kind: "image/svg+xml", html: textOf(data["image/svg+xml"]) };
  for (const kind of IMAGES) {
    const value = data[kind];
    if (value === undefined) continue;
    const bytes = textOf(value).replace(/\s/g, "");
    return { kind, html: `<img style="max-width:100%" alt="${escape(wordsOf(data))}" src="data:${kind};base64,${escape(bytes)}">` };
  }
  const kind = ["text/markdown", "text/latex", "application/json", "text/plain", ...Object.keys(data)].find((k) => data[k] !== undefined) ?? "text/plain";
  return { kind, html: `<pre style="white-space:pre-wrap">${escape(textOf(data[kind] ?? ""))}</pre>` };
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
