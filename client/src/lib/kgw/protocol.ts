// What travels on a kgw.v1 socket (docs/PROTOCOL.md, "kgw.v1: one socket for a page"). Types alone.

export type RunState = "queued" | "starting" | "running" | "exited" | "lost";
export type EndReason = "exit" | "signal" | "timeout" | "oom" | "stopped" | "output_limit" | "quota" | "lost";
export type Signal = "INT" | "TERM" | "KILL";

export interface RunModel {
  run_id: string;
  session: string | null;
  language: string;
  entry: string;
  state: RunState;
  /** While it waits for its turn: 1 is next. */
  position?: number;
  /** What it waits for, or does: queue, box, files, start, then its phase (compile, run). */
  step?: string | null;
  network?: "none" | "session";
  /** It has a terminal. */
  tty?: boolean;
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
  /** Of a lost one: why. */
  message?: string;
  /** What has become of the session's files, where anything has. */
  files?: ReturnedFiles;
}

export interface ReturnedFiles {
  changed?: { path: string; size: number; hash: string }[];
  deleted?: string[];
  conflicts?: { path: string; kept_as: string | null }[];
  left_out?: { path: string; why: string }[];
  /** There is more than is told. */
  more?: boolean;
  /** They were lost. */
  error?: string;
}

/** Who listens in a workspace's network; console is the entry file of the program. */
export interface Port {
  port: number;
  run_id?: string;
  kernel_id?: string;
  console?: string;
}

export interface KernelModel {
  id: string;
  name: string;
  execution_state: string;
}

export interface WorkspaceModel {
  name: string;
  state: string;
  network: boolean;
  runs: RunModel[];
  kernels: KernelModel[];
  ports?: Port[];
}

export interface Welcome {
  server: string;
  kernels: KernelModel[];
  runs: RunModel[];
  /** It has files: /api/contents is there. */
  files?: boolean;
}

/** Output that nobody has any more, or that was passed over: everything between two numbers. */
export interface Gap {
  after: number;
  before: number;
  messages: number | null;
  bytes: number | null;
}

export type FromServer =
  | ({ t: "welcome"; v: number } & Welcome)
  | { t: "open"; ch: number; state: string }
  | { t: "run"; ch: number; run: RunModel }
  | { t: "workspace"; ch: number; workspace: WorkspaceModel }
  | ({ t: "gap"; ch: number } & Gap)
  | { t: "closed"; ch: number; reason: string }
  | { t: "done"; ch: number; n: number }
  | { t: "error"; ch?: number; n?: number; of: string; message: string }
  | { t: "draining" }
  | { t: "pong"; n: number };
