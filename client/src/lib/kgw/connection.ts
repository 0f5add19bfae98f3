// Whether the server answers. One place for the whole page: whoever fails to reach it says so, all wait here, and one
// question is asked again and again, for ever, until there is an answer.
import { backoffMs } from "./backoff";

export type ConnectionState =
  | { kind: "online" }
  /** nextAt: ms since 1970; 0: being tried now. draining: the server said that it would go. */
  | { kind: "retrying"; attempt: number; since: number; nextAt: number; draining: boolean }
  | { kind: "signedOut"; wrong: boolean };

const ASK_MS = 15_000; // no answer by then is none
const IDLE_MS = 8000; // between questions when all is well

export class Connection {
  state: ConnectionState = { kind: "online" };
  private readonly lookers = new Set<(state: ConnectionState) => void>();
  private waiting: (() => void)[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking = false;
  private goes = false;

  /** ask: resolves when the server answers (true: signed in, false: not), rejects when it does not. */
  constructor(private readonly ask: (signal: AbortSignal) => Promise<boolean>) {}

  /** Asks for the first time; resolves when there was an answer, or none. */
  async start(): Promise<void> {
    // a page hears of its network; Node.js has no such thing
    if (typeof addEventListener === "function") {
      addEventListener("online", () => this.retryNow());
      addEventListener("offline", () => this.failed());
    }
    await this.probe(0, Date.now());
  }

  readonly subscribe = (looker: (state: ConnectionState) => void): (() => void) => {
    this.lookers.add(looker);
    return () => this.lookers.delete(looker);
  };

  /** Somebody got no answer. */
  failed(): void {
    if (this.state.kind === "online" && !this.asking) this.schedule(0, Date.now());
  }

  /** The server has said that it is about to go: what follows is no accident. */
  draining(): void {
    this.goes = true;
  }

  /** Somebody was told that the credential is missing or wrong. */
  refused(wrong: boolean): void {
    clearTimeout(this.timer);
    this.set({ kind: "signedOut", wrong });
  }

  /** The person does not want to wait, or has signed in. */
  retryNow(): void {
    if (this.state.kind === "online" || this.asking) return;
    clearTimeout(this.timer);
    void this.probe(0, this.state.kind === "retrying" ? this.state.since : Date.now());
  }

  /** Until the server answers again; at once when it does now. */
  async online(signal?: AbortSignal): Promise<void> {
    while (this.state.kind !== "online" && !signal?.aborted)
      await new Promise<void>((done) => {
        this.waiting.push(done);
        signal?.addEventListener("abort", () => done(), { once: true });
      });
  }

  private schedule(attempt: number, since: number): void {
    clearTimeout(this.timer);
    const wait = backoffMs(attempt);
    this.timer = setTimeout(() => void this.probe(attempt, since), wait);
    this.set({ kind: "retrying", attempt, since, nextAt: Date.now() + wait, draining: this.goes });
  }

  private async probe(attempt: number, since: number): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    if (this.state.kind === "retrying") this.set({ ...this.state, nextAt: 0 });
    try {
      const signedIn = await this.ask(AbortSignal.timeout(ASK_MS));
      this.asking = false;
      if (signedIn) {
        this.goes = false;
        this.set({ kind: "online" });
        this.idle();
      } else this.refused(false);
    } catch {
      this.asking = false;
      this.schedule(attempt + 1, since);
    }
  }

  /** A quiet page finds out by itself that the server has gone. */
  private idle(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.state.kind === "online") void this.probe(0, Date.now());
    }, IDLE_MS);
  }

  private set(state: ConnectionState): void {
    this.state = state;
    if (state.kind === "online") {
      const waiting = this.waiting;
      this.waiting = [];
      for (const done of waiting) done();
    }
    for (const looker of this.lookers) looker(state);
  }
}
