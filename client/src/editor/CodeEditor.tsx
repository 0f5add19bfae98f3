// The editor of one text file: CodeMirror, whose state (text, undo, selection) outlives the tab's being in sight.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, codeFolding, foldGutter, foldKeymap, indentOnInput, indentUnit } from "@codemirror/language";
import { highlightSelectionMatches, openSearchPanel, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, Prec, type Extension } from "@codemirror/state";
import {
  crosshairCursor, drawSelection, dropCursor, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers,
  rectangularSelection, type ViewUpdate,
} from "@codemirror/view";
import { useEffect, useRef } from "react";
import { languageOf } from "../lib/files/languages";
import { useCursor } from "../store/cursor";
import { edit, onFileEvent, textOf } from "../store/files";
import { useSettings } from "../store/settings";
import { registerJumper, type Place } from "../store/tabs";
import { useUi } from "../store/ui";
import { t } from "../strings";
import { languageExtension } from "./languages";
import { looks } from "./theme";

const language = new Compartment();
const preferences = new Compartment();
const naming = new Compartment();

interface Kept {
  state: EditorState;
  top: number;
}

/** Of files whose editor is not in sight. */
const kept = new Map<string, Kept>();
const mounted = new Map<string, EditorView>();

onFileEvent((event) => {
  if (event.kind === "renamed") {
    const view = mounted.get(event.from);
    const old = view ? { state: view.state, top: view.scrollDOM.scrollTop } : kept.get(event.from);
    if (old) kept.set(event.to, old);
    kept.delete(event.from);
  } else kept.delete(event.path);
});

/** Escape, then Tab leaves the editor, also when Escape closed something on its way. */
const leaveByEscape = Prec.highest(
  EditorView.domEventHandlers({
    keydown: (event, view) => {
      if (event.key === "Escape") view.setTabFocusMode(2000);
      return false;
    },
  }),
);

const base: Extension = [
  leaveByEscape,
  lineNumbers(), highlightActiveLineGutter(), highlightSpecialChars(), history(), foldGutter(), codeFolding(), drawSelection(), dropCursor(),
  EditorState.allowMultipleSelections.of(true), indentOnInput(), bracketMatching(), closeBrackets(), autocompletion(), rectangularSelection(),
  crosshairCursor(), highlightActiveLine(), highlightSelectionMatches(), search({ top: true }),
  // Ctrl+Enter runs the program; F5 and others are the page's (ide/keys.ts)
  keymap.of([...closeBracketsKeymap, ...defaultKeymap.filter((k) => k.key !== "Mod-Enter"), ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, indentWithTab]),
  looks,
];

function preferred(): Extension {
  const { editorWrap, tabSize, fontSize } = useSettings.getState();
  return [
    editorWrap ? EditorView.lineWrapping : [],
    EditorState.tabSize.of(tabSize),
    indentUnit.of(" ".repeat(tabSize)),
    EditorView.theme({ "&": { fontSize: `${fontSize}px` } }),
  ];
}

const named = (path: string): Extension => EditorView.contentAttributes.of({ tabindex: "0", "aria-label": t.editor.label(path), "aria-description": t.editor.leaveHint });

function tellCursor(path: string, state: EditorState): void {
  const head = state.selection.main.head;
  const line = state.doc.lineAt(head);
  useCursor.setState({ path, line: line.number, column: head - line.from + 1, language: languageOf(path).label });
}

function goTo(view: EditorView, { line, column }: Place): void {
  const at = view.state.doc.line(Math.min(Math.max(1, line), view.state.doc.lines));
  const position = Math.min(at.to, at.from + Math.max(0, column - 1));
  view.dispatch({ selection: { anchor: position }, effects: EditorView.scrollIntoView(position, { y: "center" }) });
  view.focus();
}

export default function CodeEditor({ path, focus }: { path: string; focus: boolean }) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);

  useEffect(() => {
    if (!host.current) return undefined;
    const listen = EditorView.updateListener.of((update: ViewUpdate) => {
      if (update.docChanged) edit(path, update.state.doc.toString());
      if (update.docChanged || update.selectionSet || update.focusChanged) tellCursor(path, update.state);
    });
    const fresh = () =>
      EditorState.create({
        doc: textOf(path) ?? "",
        extensions: [base, language.of([]), preferences.of(preferred()), naming.of([named(path), listen])],
      });
    const old = kept.get(path);
    const mine = new EditorView({ state: old?.state ?? fresh(), parent: host.current });
    view.current = mine;
    mounted.set(path, mine);
    mine.dispatch({ effects: [preferences.reconfigure(preferred()), naming.reconfigure([named(path), listen])] });
    if (old) requestAnimationFrame(() => (mine.scrollDOM.scrollTop = old.top));
    let gone = false;
    void languageExtension(path).then((extension) => gone || mine.dispatch({ effects: language.reconfigure(extension) }));
    const unregister = registerJumper(path, (place) => requestAnimationFrame(() => gone || goTo(mine, place)));
    const offFiles = onFileEvent((event) => {
      const text = event.kind === "replaced" && event.path === path ? textOf(path) : undefined;
      if (text !== undefined && text !== mine.state.doc.toString()) mine.dispatch({ changes: { from: 0, to: mine.state.doc.length, insert: text } });
    });
    const offSettings = useSettings.subscribe(() => mine.dispatch({ effects: preferences.reconfigure(preferred()) }));
    tellCursor(path, mine.state);
    return () => {
      gone = true;
      if (textOf(path) !== undefined) kept.set(path, { state: mine.state, top: mine.scrollDOM.scrollTop });
      if (mounted.get(path) === mine) mounted.delete(path);
      unregister();
      offFiles();
      offSettings();
      mine.destroy();
      view.current = null;
    };
  }, [path]);

  useEffect(() => {
    const { dialog, ask } = useUi.getState();
    if (focus && !dialog && !ask) view.current?.focus(); // a dialog has the keyboard while it is open
  }, [focus, path]);

  // Find and replace from the menu.
  useEffect(() => {
    const open = (event: Event) => {
      if (view.current && event instanceof CustomEvent && event.detail === path) openSearchPanel(view.current);
    };
    addEventListener("kernelgw-find", open);
    return () => removeEventListener("kernelgw-find", open);
  }, [path]);

  return <div ref={host} className="code-editor" data-editor={path} />;
}
