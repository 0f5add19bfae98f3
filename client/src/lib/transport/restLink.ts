// RunLink over the server's REST interface (docs/PROTOCOL.md, "Runs").
import type { Connection } from "./connection";
import { json, request } from "./http";
import { readLines } from "./ndjson";
import { ServerError, type RunLink, type RunModel, type RunSink, type RunSpec, type Signal } from "./runLink";
import { Slots } from "./slots";

const STREAMS = 4;
const TURN_MS = 700; // how long a run keeps a connection that others wait for

/** A line of the stream; of the keys only one is there besides seq. */
interface StreamLine {
  seq?: number;
  stdout?: string;
  stderr?: string;
  state?: RunModel["state"];
  phase?: string;
  gap?: { messages: number; bytes: number; before?: number };
  exit?: RunModel;
}

/** One run's place in its output; connections come and go. */
class Follower {
  private last = 0; // number of the last piece that the sink has
  private ended = false;
  private readonly stopped = new AbortController();

  constructor(
    private readonly runId: string,
    private readonly sink: RunSink,
    private readonly slots: Slots,
    private readonly connection: Connection,
  ) {}

  stop(): void {
    this.stopped.abort();
  }

  async run(): Promise<void> {
    while (!this.ended && !this.stopped.signal.aborted) {
      await this.connection.online(this.stopped.signal);
      if (this.stopped.signal.aborted) return;
      const giveBack = await this.slots.take();
      try {
        if (!this.stopped.signal.aborted) await this.read();
      } catch (error) {
        this.failed(error);
      } finally {
        giveBack();
      }
    }
  }

  private failed(error: unknown): void {
    if (this.stopped.signal.aborted) return;
    const status = error instanceof ServerError ? error.status : 0;
    if (status === 0 || status >= 500) this.connection.failed();
    else if (status === 401 || status === 403) this.connection.refused(true);
    else {
      this.ended = true;
      this.sink.lost(error instanceof Error ? error.message : String(error));
    }
  }

  private async read(): Promise<void> {
    const mine = new AbortController();
    const abort = () => mine.abort();
    this.stopped.signal.addEventListener("abort", abort);
    // A connection that died without a word is cut as soon as anybody finds the server gone.
    const unwatch = this.connection.subscribe((state) => state.kind !== "online" && abort());
    const begun = performance.now();
    let turnOver = false;
    const timer = setInterval(() => {
      turnOver = this.slots.contended && performance.now() - begun > TURN_MS;
      if (turnOver) abort();
    }, 100);
    try {
      const response = await request("GET", `runs/${this.runId}/output?from=${this.last + 1}`, {
        headers: { Accept: "application/x-ndjson" },
        signal: mine.signal,
      });
      if (!response.body) throw new ServerError("the answer has no body", 0);
      await readLines(response.body, (line) => this.take(line as StreamLine));
      if (!this.ended && !this.stopped.signal.aborted && !turnOver) this.connection.failed();
    } catch (error) {
      if (!turnOver) throw error;
    } finally {
      clearInterval(timer);
      unwatch();
      this.stopped.signal.removeEventListener("abort", abort);
    }
  }

  /** False when there is no more to come. */
  private take(line: StreamLine): boolean {
    if (this.stopped.signal.aborted) return false;
    if (line.seq !== undefined) {
      if (line.seq <= this.last) return true;
      this.last = line.seq;
    }
    if (line.stdout !== undefined) this.sink.output("out", line.stdout);
    else if (line.stderr !== undefined) this.sink.output("err", line.stderr);
    else if (line.gap) {
      if (line.gap.before !== undefined) this.last = Math.max(this.last, line.gap.before - 1);
      this.sink.gap(line.gap.messages, line.gap.bytes);
    } else if (line.state !== undefined) this.sink.state(line.state);
    else if (line.phase !== undefined) this.sink.phase(line.phase);
    else if (line.exit) {
      this.ended = true;
      this.sink.exit(line.exit);
      return false;
    }
    return true;
  }
}

interface Kernelspecs {
  kernelspecs: Record<string, { spec: { language?: string } }>;
}

export class RestLink implements RunLink {
  private readonly slots = new Slots(STREAMS);
  private readonly inputs = new Map<string, Promise<void>>(); // the last one given, so that lines keep their order

  constructor(private readonly connection: Connection) {}

  start(spec: RunSpec): Promise<RunModel> {
    return this.call("POST", "runs", { ...spec, stdin: null });
  }

  list(session: string): Promise<RunModel[]> {
    return this.call("GET", `runs?session=${encodeURIComponent(session)}`);
  }

  follow(runId: string, sink: RunSink): () => void {
    const follower = new Follower(runId, sink, this.slots, this.connection);
    void follower.run();
    return () => follower.stop();
  }

  async output(runId: string): Promise<Blob> {
    return (await request("GET", `runs/${runId}/output`, { headers: { Accept: "text/plain" } })).blob();
  }

  input(runId: string, text: string, eof: boolean): Promise<void> {
    const before = this.inputs.get(runId) ?? Promise.resolve();
    const mine = before
      .catch(() => undefined)
      .then(async () => {
        await request("POST", `runs/${runId}/stdin${eof ? "?eof=1" : ""}`, { body: text, headers: { "Content-Type": "application/octet-stream" } });
      });
    this.inputs.set(runId, mine);
    void mine.catch(() => undefined).then(() => this.inputs.get(runId) === mine && this.inputs.delete(runId));
    return mine;
  }

  async signal(runId: string, signal: Signal): Promise<void> {
    await this.call("POST", `runs/${runId}/signal`, { signal });
  }

  async forget(runId: string): Promise<void> {
    await this.call("DELETE", `runs/${runId}`);
  }

  async languages(): Promise<string[]> {
    const { kernelspecs } = await this.call<Kernelspecs>("GET", "kernelspecs");
    return [...new Set(Object.values(kernelspecs).map(({ spec }) => (spec.language ?? "").toLowerCase()))].filter(Boolean);
  }

  private async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    try {
      return await json<T>(method, path, body);
    } catch (error) {
      if (error instanceof ServerError && error.status === 0) this.connection.failed();
      if (error instanceof ServerError && error.status === 403) this.connection.refused(true);
      throw error;
    }
  }
}
