// The editor's looks, by the page's own variables (styles/theme.css): a change of theme needs no word to the editor.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags as g } from "@lezer/highlight";

const view = EditorView.theme({
  "&": { height: "100%", color: "var(--fg)", backgroundColor: "var(--editor-bg)" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
  ".cm-content": { caretColor: "var(--fg)" },
  "&.cm-focused": { outline: "none" },
  "&.cm-focused .cm-cursor": { borderLeftColor: "var(--fg)" },
  ".cm-gutters": { backgroundColor: "var(--editor-bg)", color: "var(--fg-dim)", border: "none" },
  ".cm-activeLine": { backgroundColor: "var(--line)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--line)", color: "var(--fg)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--selection) !important" },
  ".cm-selectionMatch": { backgroundColor: "var(--line-strong)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--line-strong)", outline: "1px solid var(--fg-dim)" },
  ".cm-searchMatch": { backgroundColor: "var(--match)" },
  ".cm-searchMatch.cm-searchMatch-selected": { backgroundColor: "var(--match-current)" },
  ".cm-panels": { backgroundColor: "var(--panel)", color: "var(--fg)", borderColor: "var(--border)" },
  ".cm-panels.cm-panels-top": { borderBottom: "1px solid var(--border)" },
  ".cm-textfield": { backgroundColor: "var(--input-bg)", color: "var(--fg)", border: "1px solid var(--border-strong)", borderRadius: "4px" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--button)", color: "var(--fg)", border: "1px solid var(--border-strong)", borderRadius: "4px" },
  ".cm-tooltip": { backgroundColor: "var(--panel)", color: "var(--fg)", border: "1px solid var(--border-strong)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--line-strong)", border: "none", color: "var(--fg)" },
});

const highlight = HighlightStyle.define([
  { tag: [g.keyword, g.modifier, g.controlKeyword, g.operatorKeyword, g.definitionKeyword], color: "var(--tok-keyword)" },
  { tag: [g.string, g.special(g.string), g.regexp, g.character], color: "var(--tok-string)" },
  { tag: [g.number, g.bool, g.null, g.atom], color: "var(--tok-number)" },
  { tag: [g.comment, g.lineComment, g.blockComment, g.docComment], color: "var(--tok-comment)", fontStyle: "italic" },
  { tag: [g.function(g.variableName), g.function(g.propertyName), g.macroName], color: "var(--tok-function)" },
  { tag: [g.typeName, g.className, g.namespace, g.tagName], color: "var(--tok-type)" },
  { tag: [g.propertyName, g.attributeName, g.definition(g.variableName)], color: "var(--tok-name)" },
  { tag: [g.meta, g.processingInstruction, g.annotation], color: "var(--tok-meta)" },
  { tag: [g.heading], color: "var(--tok-keyword)", fontWeight: "600" },
  { tag: [g.strong], fontWeight: "600" },
  { tag: [g.emphasis], fontStyle: "italic" },
  { tag: [g.link, g.url], color: "var(--link)", textDecoration: "underline" },
  { tag: [g.invalid], color: "var(--bad)" },
]);

export const looks = [view, syntaxHighlighting(highlight)];
