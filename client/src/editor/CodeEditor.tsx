// The editor of one text file: CodeMirror, whose state (text, undo, selection) outlives the tab's being in sight.
import { closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
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
import { patiently } from "../ide/lazily";
import { helpFor, useCodeHelp } from "../store/codeHelp";
import { useCursor } from "../store/cursor";
import { edit, onFileEvent, textOf } from "../store/files";
import { useSettings } from "../store/settings";
import { registerJumper, type Place } from "../store/tabs";
import { toast, useUi } from "../store/ui";
import { t } from "../strings";
import { codeHelp, hoverLooks } from "./codeHelp";
import { canFormat, format, FormatError } from "./format";
import { languageExtension } from "./languages";
import { looks } from "./theme";

const language = new Compartment();
const preferences = new Compartment();
const naming = new Compartment();
const helping = new Compartment();

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
  EditorState.allowMultipleSelections.of(true), indentOnInput(), bracketMatching(), closeBrackets(), rectangularSelection(),
  crosshairCursor(), highlightActiveLine(), highlightSelectionMatches(), search({ top: true }),
  // Ctrl+Enter runs the program; F5 and others are the page's (ide/keys.ts)
  keymap.of([...closeBracketsKeymap, ...defaultKeymap.filter((k) => k.key !== "Mod-Enter"), ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, indentWithTab]),
  looks,
  hoverLooks,
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

/** Puts the text into the order that its language's friends agree on, if somebody knows it; undone by one Ctrl+Z. */
async function formatIn(view: EditorView, path: string): Promise<void> {
  if (!canFormat(path)) return toast(t.editor.noFormat(languageOf(path).label), "error");
  const { state } = view;
  const old = state.doc.toString();
  try {
    const made = await format(path, old, state.selection.main.head, useSettings.getState().tabSize);
    if (view.state.doc !== state.doc) return toast(t.editor.changedMeanwhile, "error");
    if (made.text === old) return toast(t.editor.wellFormatted);
    view.dispatch({ changes: { from: 0, to: old.length, insert: made.text }, selection: { anchor: Math.min(made.cursor, made.text.length) }, scrollIntoView: true });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    goTo(view, { path, line: error.line, column: error.column });
    toast(t.editor.cantFormat(error.message, error.line), "error");
  }
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
        extensions: [base, language.of([]), preferences.of(preferred()), naming.of([named(path), listen]), helping.of([])],
      });
    const old = kept.get(path);
    const mine = new EditorView({ state: old?.state ?? fresh(), parent: host.current });
    view.current = mine;
    mounted.set(path, mine);
    mine.dispatch({ effects: [preferences.reconfigure(preferred()), naming.reconfigure([named(path), listen])] });
    if (old) requestAnimationFrame(() => (mine.scrollDOM.scrollTop = old.top));
    let gone = false;
    void patiently(() => languageExtension(path)).then((extension) => gone || mine.dispatch({ effects: language.reconfigure(extension) }));
    const unregister = registerJumper(path, (place) => requestAnimationFrame(() => gone || goTo(mine, place)));
    const offFiles = onFileEvent((event) => {
      const text = event.kind === "replaced" && event.path === path ? textOf(path) : undefined;
      if (text !== undefined && text !== mine.state.doc.toString()) mine.dispatch({ changes: { from: 0, to: mine.state.doc.length, insert: text } });
    });
    const { id } = languageOf(path);
    const help = () => mine.dispatch({ effects: helping.reconfigure(codeHelp(languageOf(path).runs ? helpFor(id) : null)) });
    help();
    const offHelp = useCodeHelp.subscribe((s, old) => {
      if (s.on !== old.on || s.state[id] !== old.state[id]) help();
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
      offHelp();
      mine.destroy();
      view.current = null;
    };
  }, [path]);

  useEffect(() => {
    const { dialog, ask } = useUi.getState();
    if (focus && !dialog && !ask) view.current?.focus(); // a dialog has the keyboard while it is open
  }, [focus, path]);

  // From the menu and the page's keys.
  useEffect(() => {
    const mine = (act: (view: EditorView) => void) => (event: Event) => {
      if (view.current && event instanceof CustomEvent && event.detail === path) act(view.current);
    };
    const find = mine((v) => openSearchPanel(v));
    const tidy = mine((v) => void formatIn(v, path));
    addEventListener("kernelgw-find", find);
    addEventListener("kernelgw-format", tidy);
    return () => {
      removeEventListener("kernelgw-find", find);
      removeEventListener("kernelgw-format", tidy);
    };
  }, [path]);

  return <div ref={host} className="code-editor" data-editor={path} />;
}
