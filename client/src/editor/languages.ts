// Languages of the editor; each is loaded when the first file of it is opened.
import type { Extension } from "@codemirror/state";
import { extensionOf } from "../lib/files/paths";
import { languageOf } from "../lib/files/languages";

export async function languageExtension(path: string): Promise<Extension> {
  switch (languageOf(path).id) {
    case "python":
      return (await import("@codemirror/lang-python")).python();
    case "javascript":
      return (await import("@codemirror/lang-javascript")).javascript({ typescript: extensionOf(path).endsWith("ts") });
    case "java":
      return (await import("@codemirror/lang-java")).java();
    case "cpp":
    case "header":
      return (await import("@codemirror/lang-cpp")).cpp();
    case "sql": {
      const { sql, MySQL } = await import("@codemirror/lang-sql");
      return sql({ dialect: MySQL });
    }
    case "bash": {
      const [{ StreamLanguage }, { shell }] = await Promise.all([import("@codemirror/language"), import("@codemirror/legacy-modes/mode/shell")]);
      return StreamLanguage.define(shell);
    }
    case "markdown":
      return (await import("@codemirror/lang-markdown")).markdown();
    case "json":
      return (await import("@codemirror/lang-json")).json();
    case "html":
      return (await import("@codemirror/lang-html")).html();
    case "css":
      return (await import("@codemirror/lang-css")).css();
    default:
      return [];
  }
}
