// How the application talks to the server about programs. One implementation stands on REST (restLink.ts); another,
// over one multiplexed socket, may take its place without the application noticing.

export type Signal = "INT" | "TERM" | "KILL";
export type RunState = "queued" | "starting" | "running" | "exited" | "lost";
export type EndReason = "exit" | "signal" | "timeout" | "oom" | "stopped" | "output_limit" | "lost";

export type RunFile = { path: string; content: string } | { path: string; base64: string };

export interface RunSpec {
  session: string;
  language: string;
  entry: string;
  files: RunFile[];
  args: string[];
}

export interface RunModel {
  run_id: string;
  session: string | null;
  language: string;
  entry: string;
  state: RunState;
  created?: string | null;
  started?: string | null;
  ended?: string | null;
  exit_code?: number | null;
  signal?: number | null;
  reason?: EndReason | null;
  phase?: string | null;
  wall_ms?: number | null;
  cpu_ms?: number | null;
  rss_kb?: number | null;
}

/** What is heard of a run, in order; each piece of output once. */
export interface RunSink {
  output(kind: "out" | "err", text: string): void;
  state(state: RunState): void;
  phase(phase: string): void;
  /** Output that nobody has any more stood here. */
  gap(messages: number, bytes: number): void;
  /** Last. */
  exit(model: RunModel): void;
  /** Last: the server does not know the run any more, and says why. */
  lost(why: string): void;
}

export interface RunLink {
  start(spec: RunSpec): Promise<RunModel>;
  list(session: string): Promise<RunModel[]>;
  /** Tells the sink of everything from the start on, over any number of connections, until the end. Returns a stop. */
  follow(runId: string, sink: RunSink): () => void;
  /** All output that the server still has, as text. */
  output(runId: string): Promise<Blob>;
  /** Bytes for the program, in the order of the calls. */
  input(runId: string, text: string, eof: boolean): Promise<void>;
  signal(runId: string, signal: Signal): Promise<void>;
  /** Ends it, and the server forgets it. */
  forget(runId: string): Promise<void>;
  /** Languages that the server runs programs in, by its own names. */
  languages(): Promise<string[]>;
}

/** The server refused, in words. status 0: there was no answer. */
export class ServerError extends Error {
  constructor(message: string, readonly status: number) {
    super(message);
    this.name = "ServerError";
  }
}
