// Completion and hover out of a kernel, for the editor.
import { autocompletion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import type { Extension } from "@codemirror/state";
import { EditorView, hoverTooltip, type Tooltip } from "@codemirror/view";
import type { KernelHelp } from "../lib/kernelHelp";

/** CodeMirror's names of what completions are; others are shown as text. */
const TYPES: Record<string, string> = { function: "function", method: "method", class: "class", module: "namespace", instance: "variable", statement: "variable", param: "variable", property: "property", keyword: "keyword" };

const OFFERS_MAX = 500;

const source = (help: KernelHelp) =>
  async (context: CompletionContext): Promise<CompletionResult | null> => {
    // while typing: behind a name or a dot, not behind a space
    if (!context.explicit && !context.matchBefore(/[\w.]$/)) return null;
    const result = await help.complete(context.state.doc.toString(), context.pos);
    if (!result || context.aborted || result.offers.length === 0) return null;
    return {
      from: result.from,
      to: result.to,
      validFor: /^\w*$/,
      options: result.offers.slice(0, OFFERS_MAX).map(({ text, type, signature }) => ({
        label: text,
        ...(type !== undefined && TYPES[type] ? { type: TYPES[type] } : {}),
        ...(signature === undefined ? {} : { detail: signature.length > 60 ? `${signature.slice(0, 57)}…` : signature }),
      })),
    };
  };

const hover = (help: KernelHelp) =>
  hoverTooltip(async (view, pos): Promise<Tooltip | null> => {
    const word = view.state.wordAt(pos);
    if (!word) return null;
    const text = await help.inspect(view.state.doc.toString(), word.to);
    if (text === null) return null;
    return {
      pos: word.from,
      end: word.to,
      above: true,
      create: () => {
        const dom = document.createElement("pre");
        dom.className = "code-hover";
        dom.textContent = text;
        return { dom };
      },
    };
  });

/** With nobody to help, what the language's own package knows. */
export function codeHelp(help: KernelHelp | null): Extension {
  return help ? [autocompletion({ override: [source(help)] }), hover(help)] : autocompletion();
}

export const hoverLooks = EditorView.baseTheme({
  ".cm-tooltip .code-hover": { maxWidth: "min(80ch, 90vw)", maxHeight: "16em", margin: "0", padding: "6px 10px", overflow: "auto", fontFamily: "var(--mono)", whiteSpace: "pre-wrap" },
});
