// What a file's name says of it: its language for the editor, and which of the server's languages runs it.
import { extensionOf } from "./paths";

export interface Language {
  id: string; // the server's name, for those that run
  label: string;
  extensions: string[];
  runs: boolean;
}

export const LANGUAGES: Language[] = [
  { id: "python", label: "Python", extensions: [".py"], runs: true },
  { id: "javascript", label: "JavaScript", extensions: [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"], runs: true },
  { id: "java", label: "Java", extensions: [".java"], runs: true },
  { id: "cpp", label: "C++", extensions: [".cpp", ".cc", ".cxx"], runs: true },
  { id: "sql", label: "SQL", extensions: [".sql"], runs: true },
  { id: "bash", label: "Shell", extensions: [".sh", ".bash"], runs: true },
  { id: "header", label: "C++", extensions: [".h", ".hpp", ".hh"], runs: false },
  { id: "markdown", label: "Markdown", extensions: [".md", ".markdown"], runs: false },
  { id: "json", label: "JSON", extensions: [".json", ".ipynb"], runs: false },
  { id: "html", label: "HTML", extensions: [".html", ".htm"], runs: false },
  { id: "css", label: "CSS", extensions: [".css"], runs: false },
  { id: "csv", label: "CSV", extensions: [".csv", ".tsv"], runs: false },
  { id: "image", label: "Image", extensions: [".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".ico", ".svg"], runs: false },
  { id: "pdf", label: "PDF", extensions: [".pdf"], runs: false },
];

const PLAIN: Language = { id: "text", label: "Plain text", extensions: [], runs: false };
const byExtension = new Map(LANGUAGES.flatMap((l) => l.extensions.map((e) => [e, l] as const)));

export function languageOf(path: string): Language {
  return byExtension.get(extensionOf(path)) ?? PLAIN;
}

/** Servers and kernelspecs name languages in their own ways. */
const ALIASES: Record<string, string> = { "c++": "cpp", "c++17": "cpp", js: "javascript", typescript: "javascript", node: "javascript", mysql: "sql", python3: "python" };

export function serverLanguage(name: string): string {
  const lower = name.toLowerCase();
  return ALIASES[lower] ?? lower;
}

export type Preview = "image" | "csv" | "markdown" | "html" | "pdf";

export function previewOf(path: string): Preview | undefined {
  const { id } = languageOf(path);
  return id === "image" || id === "csv" || id === "markdown" || id === "html" || id === "pdf" ? id : undefined;
}

const IMAGE_TYPES: Record<string, string> = {
  ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".bmp": "image/bmp",
  ".ico": "image/x-icon", ".svg": "image/svg+xml",
};

export function imageType(path: string): string {
  return IMAGE_TYPES[extensionOf(path)] ?? "application/octet-stream";
}
