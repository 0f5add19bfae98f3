// The terminal of a program, drawn by xterm.js, which is loaded with this file and not before.
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon, type ISearchOptions } from "@xterm/addon-search";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { useEffect, useRef } from "react";
import { toPattern, type Query } from "../lib/console/search";
import { sendKeys, sendSize } from "../store/runs";
import { useSettings } from "../store/settings";
import { terminalOf } from "../store/terminals";
import { t } from "../strings";
import { TerminalKeys } from "./TerminalKeys";

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

const colorOf = (at: HTMLElement, name: string): string => getComputedStyle(at).getPropertyValue(name).trim();

/** How matches look; the addon counts them only when it is told. */
function marks(at: HTMLElement): NonNullable<ISearchOptions["decorations"]> {
  const [match, current] = [colorOf(at, "--match"), colorOf(at, "--match-current")];
  return { matchBackground: match, matchOverviewRuler: match, activeMatchBackground: current, activeMatchColorOverviewRuler: current };
}

/** The console's colours, as the page's theme has them now. */
function themeNow(at: HTMLElement): ITheme {
  const color = (name: string) => colorOf(at, name);
  const theme: Record<string, string> = {
    background: color("--console-bg"),
    foreground: color("--console-fg"),
    cursor: color("--console-fg"),
    cursorAccent: color("--console-bg"),
    selectionBackground: color("--selection"),
  };
  NAMES.forEach((name, i) => {
    theme[name] = color(`--ansi-${i}`);
    theme[`bright${name.charAt(0).toUpperCase()}${name.slice(1)}`] = color(`--ansi-${i + 8}`);
  });
  return theme;
}

export interface TerminalViewProps {
  path: string;
  live: boolean;
  /** What is looked for; null: nothing. */
  query: Query | null;
  /** Rises with each step to the next match, falls with each to the one before. */
  matchAt: number;
  /** index: of the match that is in sight, from 0. */
  onMatches: (count: number, problem?: string, index?: number) => void;
}

export default function TerminalView({ path, live, query, matchAt, onMatches }: TerminalViewProps) {
  const box = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal | null>(null);
  const search = useRef<SearchAddon | null>(null);
  const { fontSize, scrollback, screenReader, theme } = useSettings();

  useEffect(() => {
    const el = box.current;
    if (!el) return undefined;
    const settings = useSettings.getState();
    const feed = terminalOf(path);
    const term = new Terminal({
      ...feed.size,
      fontSize: settings.fontSize,
      fontFamily: getComputedStyle(el).getPropertyValue("--mono").trim(),
      scrollback: settings.scrollback,
      screenReaderMode: settings.screenReader,
      theme: themeNow(el),
      minimumContrastRatio: 4.5,
      allowProposedApi: true, // how the search marks what it finds
    });
    const fit = new FitAddon();
    term.loadAddon(fit);
    const finder = new SearchAddon();
    term.loadAddon(finder);
    term.open(el);
    term.textarea?.setAttribute("aria-label", t.console.terminal(path));
    term.attachCustomKeyEventHandler((event) => {
      const mod = event.ctrlKey || event.metaKey;
      if (event.key === "Escape" && event.shiftKey) {
        if (event.type === "keydown") el.closest(".console")?.querySelector<HTMLElement>(".console-tools button")?.focus();
        return false;
      }
      if (mod && event.shiftKey && event.code === "KeyF") return false; // the console's own
      // the browser's own copy and paste
      if (mod && event.code === "KeyC" && term.hasSelection()) return false;
      return !(mod && event.code === "KeyV");
    });
    // What was written before may hold questions (where is the cursor?) that have had their answers.
    let replaying = true;
    term.onData((text) => {
      if (!replaying) sendKeys(path, text);
    });
    const fitNow = () => {
      const size = fit.proposeDimensions();
      if (!size || !Number.isFinite(size.rows) || !Number.isFinite(size.cols) || el.clientHeight === 0) return;
      const now = { rows: Math.min(1000, Math.max(2, size.rows)), cols: Math.min(1000, Math.max(10, size.cols)) };
      if (now.rows === term.rows && now.cols === term.cols && feed.size.rows === now.rows && feed.size.cols === now.cols) return;
      term.resize(now.cols, now.rows);
      feed.size = now;
      sendSize(path);
    };
    const stop = feed.show({ write: (text) => term.write(text), reset: () => term.reset() });
    term.write("", () => {
      replaying = false;
    });
    const observer = new ResizeObserver(fitNow);
    observer.observe(el);
    fitNow();
    terminal.current = term;
    search.current = finder;
    term.focus();
    return () => {
      stop();
      observer.disconnect();
      terminal.current = search.current = null;
      term.dispose();
    };
  }, [path]);

  useEffect(() => {
    const term = terminal.current;
    if (!term || !box.current) return;
    term.options.fontSize = fontSize;
    term.options.scrollback = scrollback;
    term.options.screenReaderMode = screenReader;
    // the page puts its theme on after this
    const timer = setTimeout(() => {
      if (box.current) term.options.theme = themeNow(box.current);
    });
    return () => clearTimeout(timer);
  }, [fontSize, scrollback, screenReader, theme]);

  const wasAt = useRef(0);
  useEffect(() => {
    const [finder, el] = [search.current, box.current];
    if (!finder || !el) return undefined;
    const pattern = query && query.text !== "" ? toPattern(query) : null;
    if (!query || !(pattern instanceof RegExp)) {
      finder.clearDecorations();
      onMatches(0, pattern && "error" in pattern ? pattern.error : undefined);
      return undefined;
    }
    const results = finder.onDidChangeResults(({ resultCount, resultIndex }) => onMatches(resultCount, undefined, resultIndex));
    const by = matchAt - wasAt.current;
    wasAt.current = matchAt;
    const options: ISearchOptions = { caseSensitive: query.caseSensitive, regex: query.regex, decorations: marks(el) };
    if (by < 0) finder.findPrevious(query.text, options);
    else finder.findNext(query.text, { ...options, incremental: by === 0 });
    return () => results.dispose();
  }, [query, matchAt, onMatches]);

  // Its size is known once it is there, and its program may have begun with another.
  useEffect(() => {
    if (live) sendSize(path);
  }, [path, live]);

  return (
    <>
      <div ref={box} className="terminal-area" data-terminal={path} />
      {live && <TerminalKeys onKeys={(text) => sendKeys(path, text)} application={() => terminal.current?.modes.applicationCursorKeysMode ?? false} />}
      <div className="terminal-hint">{t.console.terminalHint}</div>
    </>
  );
}
