// Programs that run or have run: one a console, one console a file. Output goes to the consoles' logs, not through here.
import { create } from "zustand";
import { splitArgs } from "../lib/args";
import { ConsoleLog } from "../lib/console/log";
import { secretIn } from "../lib/console/shown";
import { sizeText } from "../lib/files/content";
import { languageOf } from "../lib/files/languages";
import { parseEnv } from "../lib/runSetup";
import { filesForRun, RUN_BYTES_MAX } from "../lib/runFiles";
import type { EndReason, RunModel, RunSink, Signal } from "../lib/transport/runLink";
import { t } from "../strings";
import { link, useConn } from "./conn";
import { clearAllShown, clearShown, moveShown, takeShown } from "./shows";
import { contentOf, onFileEvent, useFiles } from "./files";
import { sessionName, useNetwork } from "./network";
import { noteStart, takeReturned } from "./returned";
import { useSettings } from "./settings";
import { noteRan, setupOf } from "./setups";
import { clearAllTerminals, dropTerminal, moveTerminal, terminalOf } from "./terminals";
import { announce, toast } from "./ui";

export interface Run {
  path: string;
  runId: string | null; // null until the server has given one
  state: "sending" | "queued" | "starting" | "running" | "exited" | "lost" | "failed";
  /** What it waits for, or does (RunModel's step), until its program runs. */
  step: string | null;
  position: number | null;
  network: boolean;
  startedAt: number;
  stopping: boolean;
  eof: boolean;
  /** It asks for something that nobody else may read, as getpass does. */
  secret: boolean;
  /** It has a terminal in place of lines. */
  tty: boolean;
  end: RunModel | null;
}

interface RunsStore {
  byPath: Record<string, Run>;
  /** Paths that have a console, in the order in which they came. */
  consoles: string[];
}

export const useRuns = create<RunsStore>()((): RunsStore => ({ byPath: {}, consoles: [] }));

const logs = new Map<string, ConsoleLog>();
const stops = new Map<string, () => void>(); // followers, by path
const histories = new Map<string, string[]>(); // lines typed, by path

export const isLive = (run: Run | undefined): boolean => run !== undefined && run.state !== "exited" && run.state !== "lost" && run.state !== "failed";

export function logOf(path: string): ConsoleLog {
  let log = logs.get(path);
  if (!log) logs.set(path, (log = new ConsoleLog(useSettings.getState().scrollback)));
  return log;
}

export const historyOf = (path: string): readonly string[] => histories.get(path) ?? [];

function update(path: string, some: Partial<Run>): void {
  useRuns.setState((s) => {
    const old = s.byPath[path];
    return old ? { byPath: { ...s.byPath, [path]: { ...old, ...some } } } : s;
  });
}

/** Is this still the run that the console shows? */
const current = (path: string, runId: string | null): boolean => useRuns.getState().byPath[path]?.runId === runId;

function addConsole(path: string): void {
  useRuns.setState((s) => (s.consoles.includes(path) ? s : { consoles: [...s.consoles, path] }));
}

function put(run: Run): void {
  useRuns.setState((s) => ({ byPath: { ...s.byPath, [run.path]: run } }));
  addConsole(run.path);
}

const isTty = (path: string): boolean => useRuns.getState().byPath[path]?.tty ?? false;

/** A line of our own, in the console's log or on its terminal. */
function note(path: string, text: string): void {
  if (isTty(path)) terminalOf(path).note(text);
  else logOf(path).note(text);
}

/** What happens when a run speaks. path may change under it when its file is renamed. */
function sinkFor(runId: string, where: { path: string }, quiet: boolean): RunSink {
  const mine = (act: () => void) => {
    if (current(where.path, runId)) act();
  };
  return {
    output: (kind, text) => mine(() => (isTty(where.path) ? terminalOf(where.path).write(text) : logOf(where.path).write(kind, text))),
    message: (message) =>
      mine(() => {
        const secret = secretIn(message.content["data"]);
        if (secret !== null) return update(where.path, { secret });
        const at = takeShown(where.path, message);
        if (at !== null) note(where.path, t.console.shownNote(at));
      }),
    progress: (model) => mine(() => update(where.path, { state: model.state, step: model.step ?? null, position: model.position ?? null })),
    gap: (messages, bytes) => mine(() => note(where.path, t.gap(messages, bytes))),
    exit: (model) =>
      mine(() => {
        if (!isTty(where.path)) logOf(where.path).feed.endLine();
        note(where.path, `— ${t.endedAfter(model)}`);
        update(where.path, { state: model.state === "lost" ? "lost" : "exited", end: model, stopping: false });
        if (!quiet) announce(t.announceEnded(where.path, model));
        void takeReturned(model).then((lines) => mine(() => lines.forEach((line) => note(where.path, line))));
      }),
    lost: (why) =>
      mine(() => {
        note(where.path, `— ${t.lost(why)}`);
        update(where.path, { state: "lost", stopping: false });
      }),
  };
}

/** Bytes of output worth catching up with: surely more than the console keeps. */
const tailOf = (lines: number): number => Math.max(4 * 1024 * 1024, lines * 256);

const places = new Map<string, { path: string }>(); // where each followed run is shown

function follow(runId: string, path: string, quiet: boolean): void {
  stops.get(path)?.();
  const where = { path };
  places.set(runId, where);
  stops.set(path, link.follow(runId, sinkFor(runId, where, quiet), tailOf(useSettings.getState().scrollback)));
}

/** Runs a file as it is now: by a configuration, by itself (null), or as it was run last. Says what stands in the way. */
export async function startRun(path: string, config?: string | null): Promise<void> {
  const language = languageOf(path);
  const { languages } = useConn.getState();
  if (contentOf(path) === undefined) return toast(t.emptyFile, "error");
  if (!language.runs) return toast(t.nothingToRun, "error");
  if (languages && !languages.has(language.id)) return toast(t.noLanguage(language.label), "error");
  if (isLive(useRuns.getState().byPath[path])) return toast(t.alreadyRuns(path), "error");
  const { files, bytes } = filesForRun(path, Object.keys(useFiles.getState().files).map((p) => [p, contentOf(p) ?? ""]));
  if (bytes > RUN_BYTES_MAX) return toast(t.tooLarge(sizeText(bytes)), "error");
  const setup = setupOf(path, config);
  noteRan(path, setup.id);
  const log = logOf(path);
  stops.get(path)?.();
  if (!useSettings.getState().keepOutput) {
    log.clear();
    clearShown(path);
  }
  const { tty } = setup;
  if (tty) terminalOf(path).begin();
  const network = useNetwork.getState().on;
  put({ path, runId: null, state: "sending", step: null, position: null, network, startedAt: Date.now(), stopping: false, eof: false, secret: false, tty, end: null });
  announce(t.announceStarted(path));
  try {
    const model = await link.start({
      session: sessionName(),
      language: language.id,
      entry: path,
      files,
      args: splitArgs(setup.args),
      env: parseEnv(setup.env).env,
      network: network ? "session" : "none",
      workspace_files: false,
      tty: tty ? terminalOf(path).size : null,
      ...(setup.wallS === null ? {} : { limits: { wall_s: setup.wallS } }),
    });
    noteStart(model.run_id);
    // stopped, or its console closed, before the server had it
    const now = useRuns.getState().byPath[path];
    if (!now || now.runId !== null || now.state !== "sending") return void link.forget(model.run_id).catch(() => undefined);
    update(path, { runId: model.run_id, state: model.state, step: model.step ?? null, position: model.position ?? null });
    follow(model.run_id, path, false);
    if (now.stopping) await link.signal(model.run_id, "KILL");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    note(path, `— ${t.startFailed(why)}`);
    update(path, { state: "failed", stopping: false });
    announce(t.startFailed(why));
  }
}

export async function sendSignal(path: string, signal: Signal): Promise<void> {
  const run = useRuns.getState().byPath[path];
  if (!run || !isLive(run)) return;
  if (signal === "KILL") update(path, { stopping: true });
  if (run.runId === null) return; // startRun does it
  try {
    await link.signal(run.runId, signal);
  } catch (error) {
    if (!isLive(useRuns.getState().byPath[path])) return;
    update(path, { stopping: false });
    toast(t.stopRefused(error instanceof Error ? error.message : String(error)), "error");
  }
}

export const stopRun = (path: string): Promise<void> => sendSignal(path, "KILL");

/** Resolves when the run has ended, or has not within ten seconds. */
async function ended(path: string): Promise<void> {
  await new Promise<void>((done) => {
    const timer = setTimeout(done, 10_000);
    const check = () => {
      if (isLive(useRuns.getState().byPath[path])) return;
      clearTimeout(timer);
      unsubscribe();
      done();
    };
    const unsubscribe = useRuns.subscribe(check);
    check();
  });
}

/** config: as for startRun. */
export async function restartRun(path: string, config?: string | null): Promise<void> {
  if (isLive(useRuns.getState().byPath[path])) {
    await stopRun(path);
    await ended(path);
  }
  await startRun(path, config);
}

const DOTS = "••••••••"; // whatever the length of what they stand for

/** A line for the program. One that is secret stands nowhere on the page: not in the log, not in the history. */
export async function sendInput(path: string, text: string, secret = false): Promise<void> {
  const run = useRuns.getState().byPath[path];
  if (!run || run.runId === null || !isLive(run) || run.eof) return;
  logOf(path).echo(secret ? DOTS : text);
  const history = histories.get(path) ?? [];
  if (!secret && text !== "" && history[history.length - 1] !== text) histories.set(path, [...history.slice(-99), text]);
  await give(path, run.runId, `${text}\n`, false);
}

/** The end of a program's input. */
export async function endInput(path: string): Promise<void> {
  const run = useRuns.getState().byPath[path];
  if (!run || run.runId === null || !isLive(run) || run.eof) return;
  update(path, { eof: true });
  await give(path, run.runId, "", true);
}

/** Keys typed at its terminal. */
export function sendKeys(path: string, text: string): void {
  const run = useRuns.getState().byPath[path];
  if (run && run.runId !== null && isLive(run)) void give(path, run.runId, text, false);
}

async function give(path: string, runId: string, text: string, eof: boolean): Promise<void> {
  try {
    await link.input(runId, text, eof);
  } catch (error) {
    if (isLive(useRuns.getState().byPath[path])) toast(t.inputRefused(error instanceof Error ? error.message : String(error)), "error");
  }
}

/** Its terminal has another size. */
export function sendSize(path: string): void {
  const run = useRuns.getState().byPath[path];
  if (!run || run.runId === null || !isLive(run) || !run.tty) return;
  link.resize(run.runId, terminalOf(path).size).catch(() => undefined); // it has ended meanwhile, or is told at the next change
}

/** The console goes, and its program with it. */
export function closeConsole(path: string): void {
  const run = useRuns.getState().byPath[path];
  stops.get(path)?.();
  stops.delete(path);
  logs.delete(path);
  dropTerminal(path);
  clearShown(path);
  if (run?.runId) void link.forget(run.runId).catch(() => undefined);
  useRuns.setState((s) => {
    const byPath = { ...s.byPath };
    delete byPath[path]; // eslint-disable-line @typescript-eslint/no-dynamic-delete
    return { byPath, consoles: s.consoles.filter((p) => p !== path) };
  });
}

/** After a reload: the newest run of each file of this workspace, with what it has said so far. */
export async function restoreRuns(): Promise<void> {
  const models = await link.list(sessionName());
  const newest = new Map<string, RunModel>();
  for (const model of models) {
    const old = newest.get(model.entry);
    if (!old || (model.created ?? "") >= (old.created ?? "")) newest.set(model.entry, model);
  }
  for (const [path, model] of newest) {
    if (useRuns.getState().byPath[path]) continue;
    const startedAt = Date.parse(model.started ?? model.created ?? "") || Date.now();
    const network = model.network === "session";
    put({ path, runId: model.run_id, state: model.state, step: model.step ?? null, position: model.position ?? null, network, startedAt, stopping: false, eof: false, secret: false, tty: model.tty ?? false, end: null });
    follow(model.run_id, path, true);
  }
}

/** Another workspace takes this tab: its consoles go, the programs stay with their session on the server. */
export function leaveRuns(): void {
  for (const stop of stops.values()) stop();
  stops.clear();
  logs.clear();
  histories.clear();
  clearAllTerminals();
  clearAllShown();
  useRuns.setState({ byPath: {}, consoles: [] });
}

onFileEvent((event) => {
  if (event.kind !== "renamed") return;
  const { from, to } = event;
  if (!useRuns.getState().consoles.includes(from)) return;
  // The console follows its file; what runs goes on under its new name.
  const move = <T>(map: Map<string, T>) => {
    const value = map.get(from);
    if (value === undefined) return;
    map.delete(from);
    map.set(to, value);
  };
  move(logs);
  move(stops);
  move(histories);
  moveTerminal(from, to);
  moveShown(from, to);
  for (const place of places.values()) if (place.path === from) place.path = to;
  useRuns.setState((s) => {
    const { [from]: run, ...byPath } = s.byPath;
    return {
      byPath: run ? { ...byPath, [to]: { ...run, path: to } } : byPath,
      consoles: s.consoles.map((p) => (p === from ? to : p)),
    };
  });
});

useSettings.subscribe((s) => {
  for (const log of logs.values()) log.resize(s.scrollback);
});

/** For badges: the reason in a word that styles can use. */
export function toneOf(run: Run): "live" | "good" | "bad" | "neutral" {
  if (isLive(run)) return "live";
  if (run.state === "failed" || run.state === "lost") return "bad";
  const reason: EndReason | null | undefined = run.end?.reason;
  if (reason === "stopped") return "neutral";
  return reason === "exit" && run.end?.exit_code === 0 ? "good" : "bad";
}

/** In a tab: never much longer or shorter than the last one, or what is beside it would move under a person's pointer. */
export function shortLabelOf(run: Run): string {
  if (run.state === "lost") return t.runState.lost;
  return !run.stopping && run.state !== "running" && isLive(run) ? t.shortStep(run.state) : labelOf(run);
}

export function labelOf(run: Run): string {
  if (run.stopping) return t.stopping;
  switch (run.state) {
    case "sending":
      return t.step("sending", null);
    case "queued":
    case "starting":
    case "running":
      return t.step(run.step ?? run.state, run.position);
    case "failed":
      return t.runState.failed;
    case "lost":
      return run.end ? t.ended(run.end) : t.runState.lost;
    case "exited":
      return run.end ? t.ended(run.end) : t.runState.ended;
  }
}

export const counts = { live: (s: RunsStore): number => Object.values(s.byPath).filter((r) => isLive(r)).length };
