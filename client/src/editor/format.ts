// Formatting by Prettier, of the languages that it knows. It and its parsers are loaded when they are first wanted.
import type { Plugin } from "prettier";
import { languageOf } from "../lib/files/languages";
import { extensionOf } from "../lib/files/paths";

interface Parser {
  name: string;
  plugins: () => Promise<Plugin[]>;
}

const babel = async (): Promise<Plugin[]> => [await import("prettier/plugins/babel"), (await import("prettier/plugins/estree")) as Plugin];

function parserOf(path: string): Parser | null {
  switch (languageOf(path).id) {
    case "javascript":
      return { name: extensionOf(path).endsWith("ts") ? "babel-ts" : "babel", plugins: babel };
    case "json":
      return { name: "json", plugins: babel };
    case "css":
      return { name: "css", plugins: async () => [await import("prettier/plugins/postcss")] };
    case "markdown":
      return { name: "markdown", plugins: async () => [await import("prettier/plugins/markdown")] };
    case "html":
      return { name: "html", plugins: async () => [await import("prettier/plugins/html"), ...(await babel()), await import("prettier/plugins/postcss")] };
    default:
      return null;
  }
}

export const canFormat = (path: string): boolean => parserOf(path) !== null;

/** What can't be read; line and column count from 1. */
export class FormatError extends Error {
  constructor(message: string, readonly line: number, readonly column: number) {
    super(message);
  }
}

/** The text as Prettier has it, and where a cursor then is. Throws a FormatError for what is no text of the language. */
export async function format(path: string, text: string, cursor: number, tabWidth: number): Promise<{ text: string; cursor: number }> {
  const parser = parserOf(path);
  if (!parser) return { text, cursor };
  const [{ formatWithCursor }, plugins] = await Promise.all([import("prettier/standalone"), parser.plugins()]);
  try {
    const { formatted, cursorOffset } = await formatWithCursor(text, { parser: parser.name, plugins, tabWidth, cursorOffset: cursor });
    return { text: formatted, cursor: Math.max(0, cursorOffset) };
  } catch (error) {
    const { loc } = error as { loc?: { start?: { line?: number; column?: number } } };
    const [first = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new FormatError(first.replace(/ \(\d+:\d+\)$/, ""), loc?.start?.line ?? 1, loc?.start?.column ?? 1);
  }
}
