// The console of one file: how its program is doing, its output, and a line to type to it.
import { ArrowDown, ArrowUp, Ban, Clock, Copy, Download, Eraser, Play, RotateCw, Search, Square, Wifi, WrapText, X } from "lucide-react";
import { useCallback, useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import type { Query } from "../lib/console/search";
import { MATCHES_MAX } from "../lib/console/search";
import { lazily } from "../ide/lazily";
import { copyOutput, saveOutput } from "../store/output";
import { isLive, labelOf, logOf, restartRun, sendSignal, shortLabelOf, startRun, stopRun, toneOf, useRuns, type Run } from "../store/runs";
import { useSettings } from "../store/settings";
import { t } from "../strings";
import { terminalOf } from "../store/terminals";
import { LogView } from "./LogView";
import { Shows } from "./Shows";
import { StdinLine } from "./StdinLine";
import { Usage } from "./Usage";

const TerminalView = lazily(() => import("./TerminalView"), <div className="terminal-area" />);

function Tool({ label, pressed, onClick, children }: { label: string; pressed?: boolean; onClick: () => void; children: ReactNode }) {
  return (
    <button type="button" className="icon" title={label} aria-label={label} aria-pressed={pressed} onClick={onClick}>
      {children}
    </button>
  );
}

/** How long it has run, counting while it does. */
function Elapsed({ run }: { run: Run }) {
  const [now, setNow] = useState(() => Date.now());
  const live = isLive(run);
  useEffect(() => {
    if (!live) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [live]);
  const ms = live ? Math.max(0, now - run.startedAt) : run.end?.wall_ms;
  return ms == null ? null : <span className="elapsed">{t.seconds(ms)}</span>;
}

export function Badge({ run, short = false }: { run: Run | undefined; short?: boolean }) {
  if (!run) return null;
  return (
    <span className={`badge ${toneOf(run)}`}>
      <span className="dot" aria-hidden />
      {short ? shortLabelOf(run) : labelOf(run)}
    </span>
  );
}

/** index: of the current match, from 0, where whoever searches says so. */
interface Found {
  count: number;
  problem?: string | undefined;
  index?: number | undefined;
}

interface SearchBarProps {
  query: Query;
  found: Found;
  at: number;
  onChange: (query: Query) => void;
  onStep: (by: number) => void;
  onClose: () => void;
}

function SearchBar({ query, found, at, onChange, onStep, onClose }: SearchBarProps) {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") onStep(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") onClose();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const n = found.count;
  const shown = n === 0 ? 0 : (found.index ?? ((at % n) + n) % n) + 1;
  return (
    <div className="console-search" role="search">
      <input
        type="text"
        value={query.text}
        aria-label={t.console.searchField}
        placeholder={t.console.searchField}
        aria-invalid={found.problem !== undefined}
        onChange={(e) => onChange({ ...query, text: e.target.value })}
        onKeyDown={onKeyDown}
        autoFocus
      />
      <Tool label={t.console.caseSensitive} pressed={query.caseSensitive} onClick={() => onChange({ ...query, caseSensitive: !query.caseSensitive })}>
        <span aria-hidden>Aa</span>
      </Tool>
      <Tool label={t.console.regex} pressed={query.regex} onClick={() => onChange({ ...query, regex: !query.regex })}>
        <span aria-hidden>.*</span>
      </Tool>
      <span className="found" role="status">
        {found.problem ?? (query.text === "" ? "" : t.console.matches(shown, n, n >= MATCHES_MAX))}
      </span>
      <Tool label={t.console.previous} onClick={() => onStep(-1)}>
        <ArrowUp size={16} aria-hidden />
      </Tool>
      <Tool label={t.console.next} onClick={() => onStep(1)}>
        <ArrowDown size={16} aria-hidden />
      </Tool>
      <Tool label={t.close} onClick={onClose}>
        <X size={16} aria-hidden />
      </Tool>
    </div>
  );
}

const EMPTY_QUERY: Query = { text: "", caseSensitive: false, regex: false };

export function ConsolePanel({ path }: { path: string }) {
  const run = useRuns((s) => s.byPath[path]);
  const { wrap, times, change } = useSettings();
  const log = logOf(path);
  const live = isLive(run);
  const input = useRef<HTMLInputElement>(null);
  const [query, setQuery] = useState<Query | null>(null);
  const [at, setAt] = useState(0);
  const [found, setFound] = useState<Found>({ count: 0 });
  const onMatches = useCallback((count: number, problem?: string, index?: number) => setFound({ count, problem, index }), []);
  const find = useCallback(() => setQuery((old) => old ?? EMPTY_QUERY), []);
  const interrupt = useCallback(() => void sendSignal(path, "INT"), [path]);

  const tty = run?.tty ?? false;

  const onKeyDown = (event: KeyboardEvent) => {
    const mod = event.ctrlKey || event.metaKey;
    if (tty ? mod && event.shiftKey && event.code === "KeyF" : mod && event.key === "f") find();
    else if (tty) return; // its keys are the program's
    else if (mod && (event.key === "l" || event.key === "k")) log.clear();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <section className="console" aria-label={t.console.label(path)} data-console={path} onKeyDown={onKeyDown}>
      <div className="console-tools" role="toolbar" aria-label={t.console.tools(path)}>
        {live ? (
          <>
            <button type="button" className="danger small" onClick={() => void stopRun(path)} disabled={run?.stopping}>
              <Square size={13} aria-hidden /> {t.stop}
            </button>
            <Tool label={t.console.interrupt} onClick={interrupt}>
              <Ban size={16} aria-hidden />
            </Tool>
          </>
        ) : (
          <button type="button" className="go small" onClick={() => void startRun(path)}>
            <Play size={13} aria-hidden /> {t.run}
          </button>
        )}
        <Tool label={t.restart} onClick={() => void restartRun(path)}>
          <RotateCw size={16} aria-hidden />
        </Tool>
        <Badge run={run} />
        {run && <Elapsed run={run} />}
        {run?.network && (
          <span className="in-network" role="img" aria-label={t.network.inIt} title={t.network.inIt}>
            <Wifi size={14} aria-hidden />
          </span>
        )}
        <span className="space" />
        {!tty && <Usage log={log} />}
        <Tool label={tty ? t.console.searchTerminal : t.console.search} pressed={query !== null} onClick={() => setQuery((old) => (old ? null : EMPTY_QUERY))}>
          <Search size={16} aria-hidden />
        </Tool>
        {!tty && (
          <>
            <Tool label={t.console.wrap} pressed={wrap} onClick={() => change({ wrap: !wrap })}>
              <WrapText size={16} aria-hidden />
            </Tool>
            <Tool label={t.console.times} pressed={times} onClick={() => change({ times: !times })}>
              <Clock size={16} aria-hidden />
            </Tool>
            <Tool label={t.console.copy} onClick={() => void copyOutput(log)}>
              <Copy size={16} aria-hidden />
            </Tool>
          </>
        )}
        <Tool label={t.console.save} onClick={() => void saveOutput(path)}>
          <Download size={16} aria-hidden />
        </Tool>
        <Tool label={t.console.clear} onClick={() => (tty ? terminalOf(path).begin() : log.clear())}>
          <Eraser size={16} aria-hidden />
        </Tool>
      </div>
      {query && (
        <SearchBar
          query={query}
          found={found}
          at={at}
          onChange={(q) => {
            setQuery(q);
            setAt(0);
          }}
          onStep={(by) => setAt((n) => n + by)}
          onClose={() => {
            setQuery(null);
            if (tty) document.querySelector<HTMLElement>(`[data-terminal="${CSS.escape(path)}"] textarea`)?.focus();
            else input.current?.focus();
          }}
        />
      )}
      {tty ? (
        <TerminalView key={path} path={path} live={live} query={query} matchAt={at} onMatches={onMatches} />
      ) : (
        <LogView key={path} path={path} log={log} query={query} matchAt={at} onMatches={onMatches} onFind={find} onInterrupt={interrupt} />
      )}
      <Shows path={path} />
      {live && run && !tty && <StdinLine ref={input} run={run} />}
    </section>
  );
}
