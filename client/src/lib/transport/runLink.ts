// How the application talks to the server about programs.
import type { JupyterMessage } from "../kgw/frames";
import type { RunModel, Signal, WorkspaceModel } from "../kgw/protocol";

export type { EndReason, Port, RunModel, RunState, Signal, WorkspaceModel } from "../kgw/protocol";

export type RunFile = { path: string; content: string } | { path: string; base64: string };

export interface RunSpec {
  session: string;
  language: string;
  entry: string;
  files: RunFile[];
  args: string[];
  env: Record<string, string>;
  /** Left out: what the server gives by itself. */
  limits?: { wall_s: number };
  network: "none" | "session";
  /** false: it finds these files and no others of its session. */
  workspace_files: boolean;
  /** A terminal of that size; null: lines. */
  tty: TerminalSize | null;
}

export interface TerminalSize {
  rows: number;
  cols: number;
}

/** What is heard of a run, in order; each piece of output once. */
export interface RunSink {
  output(kind: "out" | "err", text: string): void;
  /** What a program shows that is no text: a display_data message. */
  message(message: JupyterMessage): void;
  /** Where it has come to. */
  progress(model: RunModel): void;
  /** Output that nobody has any more, or that was passed over, stood here. null: not known how much. */
  gap(messages: number | null, bytes: number | null): void;
  /** Last. */
  exit(model: RunModel): void;
  /** Last: the server does not know the run any more, and says why. */
  lost(why: string): void;
}

export interface RunLink {
  start(spec: RunSpec): Promise<RunModel>;
  list(session: string): Promise<RunModel[]>;
  /** Tells the sink of everything from the start on, over any number of connections, until the end. tail: bytes of output
   *  that need not be told when there is more than that to catch up with. Returns a stop. */
  follow(runId: string, sink: RunSink, tail: number): () => void;
  /** All output that the server still has, as text. */
  output(runId: string): Promise<Blob>;
  /** A file that a program of the session has left. */
  file(session: string, path: string): Promise<Uint8Array>;
  /** Text for the program that is followed, in the order of the calls. */
  input(runId: string, text: string, eof: boolean): Promise<void>;
  signal(runId: string, signal: Signal): Promise<void>;
  /** Of the terminal of a run that is followed. */
  resize(runId: string, size: TerminalSize): Promise<void>;
  /** Ends it, and the server forgets it. */
  forget(runId: string): Promise<void>;
  /** Languages that the server runs programs in, by its own names. */
  languages(): Promise<string[]>;
  /** The session at each change of it. When this page stays away for long its programs end. Returns a stop. */
  attend(session: string, look: (model: WorkspaceModel) => void): () => void;
}

/** The server refused, in words. status 0: there was no answer. */
export class ServerError extends Error {
  constructor(message: string, readonly status: number) {
    super(message);
    this.name = "ServerError";
  }
}
