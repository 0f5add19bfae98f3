// A kgw.v1 client: one socket for all that a page follows, dialled again for as long as it takes. Each channel goes on
// behind the last number that it has seen, so nothing comes twice, and what is missing has been told as a gap.
import { Connection } from "./connection";
import { encodeFrame, type Frame, type JupyterMessage } from "./frames";
import { Pacer } from "./pacer";
import type { FromServer, Gap, RunModel, Signal, Welcome, WorkspaceModel } from "./protocol";
import { KgwSocket } from "./socket";

const CREDIT_BYTES = 512 * 1024; // on its way to one channel at most
const DIAL_MS = 10_000;
const PING_MS = 5000;
const CHANNELS = 65_536;

export interface RunEvents {
  run(model: RunModel): void;
  output(stream: "out" | "err", text: string): void;
  /** What is no text: a picture, say. */
  message(message: JupyterMessage): void;
  gap(gap: Gap): void;
  /** Last, when the server does not know the run (any more). The other end is run() with state exited or lost. */
  gone(why: string): void;
}

export interface KernelEvents {
  /** The server has opened the channel: at first, and after each break of the connection. What is sent from now on arrives. */
  open?(): void;
  message(message: JupyterMessage): void;
  gap(gap: Gap): void;
  /** Last: the kernel is gone, in the server's words. */
  gone(why: string): void;
}

export interface WorkspaceEvents {
  workspace(model: WorkspaceModel): void;
}

interface Channel {
  number: number;
  target: { run: string } | { kernel: string } | { workspace: string };
  more: Record<string, unknown>; // of its open
  last: number | undefined; // the number to go on behind; undefined: as the server begins
  run?: RunEvents;
  kernel?: KernelEvents;
  workspace?: WorkspaceEvents;
}

interface Request {
  channel: number;
  done: () => void;
  failed: (error: Error) => void;
}

export interface KgwClientOptions {
  /** ws: or wss: address of /api/kgw/ws. */
  url: string;
  /** Asked before each dialling, since a browser does not say why a socket was refused: false, the credential is bad. */
  signedIn?: (signal: AbortSignal) => Promise<boolean>;
  WebSocket?: typeof WebSocket;
}

/** Aborted with the other signal, and when the time is over. */
function within(ms: number, signal: AbortSignal): AbortSignal {
  const mine = new AbortController();
  const timer = setTimeout(() => mine.abort(), ms);
  const early = () => {
    clearTimeout(timer);
    mine.abort();
  };
  if (signal.aborted) early();
  else signal.addEventListener("abort", early, { once: true });
  return mine.signal;
}

export class RefusedError extends Error {}

export class KgwClient {
  readonly connection: Connection;
  /** What the server said when it was reached last. */
  welcome: Welcome | null = null;
  private socket: KgwSocket | null = null;
  private readonly channels = new Map<number, Channel>();
  private readonly requests = new Map<number, Request>();
  private next = 0;
  private asked = 0;
  private readonly pacer = new Pacer((ch, n) => this.socket?.say({ t: "credit", ch, n }));

  constructor(private readonly options: KgwClientOptions) {
    this.connection = new Connection((signal) => this.ask(signal));
  }

  /** Resolves at the first answer, whichever; from then on the connection is watched and made again. */
  start(): Promise<void> {
    return this.connection.start();
  }

  /** Follows a run from its start, or from behind a number. tail: bytes that the page may be behind before what it
   *  would not show anyway is passed over, and told as a gap. */
  openRun(runId: string, events: RunEvents, { since, tail }: { since?: number; tail?: number } = {}): RunChannel {
    const channel = this.add({ run: runId }, { tail }, since);
    channel.run = events;
    this.opened(channel);
    return new RunChannel(this, channel.number);
  }

  /** Messages of a kernel: from now on, or from behind a number. */
  openKernel(kernelId: string, events: KernelEvents, { since, sessionId }: { since?: number; sessionId?: string } = {}): KernelChannel {
    const channel = this.add({ kernel: kernelId }, { session_id: sessionId }, since);
    channel.kernel = events;
    this.opened(channel);
    return new KernelChannel(this, channel.number);
  }

  /** A workspace's model at each change. It is made if need be, and bound to this connection: when that stays away its
   *  programs end. Returns what ends the watch. */
  openWorkspace(name: string, events: WorkspaceEvents): () => void {
    const channel = this.add({ workspace: name }, { attach: true }, undefined);
    channel.workspace = events;
    this.opened(channel);
    return () => this.close(channel.number);
  }

  // --- for the channels ---

  close(number: number): void {
    if (!this.channels.delete(number)) return;
    this.pacer.forget(number);
    this.socket?.say({ t: "close", ch: number });
  }

  lastOf(number: number): number | undefined {
    return this.channels.get(number)?.last;
  }

  say(number: number, message: object): void {
    if (this.channels.has(number)) this.socket?.say({ ...message, ch: number });
  }

  /** Resolves when the server has taken it. Rejects with a RefusedError in its words, or when that can't be known. */
  request(number: number, message: object): Promise<void> {
    const { socket } = this;
    if (!this.channels.has(number)) return Promise.reject(new RefusedError("it has ended"));
    if (!socket) return Promise.reject(new Error("there is no connection"));
    const n = ++this.asked;
    return new Promise((done, failed) => {
      this.requests.set(n, { channel: number, done, failed });
      socket.say({ ...message, ch: number, n });
    });
  }

  send(number: number, message: JupyterMessage): boolean {
    if (!this.socket || !this.channels.has(number)) return false;
    this.socket.send(encodeFrame(number, message));
    return true;
  }

  // --- within ---

  private add(target: Channel["target"], more: Channel["more"], last: number | undefined): Channel {
    do this.next = (this.next + 1) % CHANNELS;
    while (this.channels.has(this.next));
    const channel: Channel = { number: this.next, target, more, last };
    this.channels.set(channel.number, channel);
    return channel;
  }

  private opened({ number, target, more, last }: Channel): void {
    this.socket?.say({ t: "open", ch: number, ...target, ...more, ...(last === undefined ? {} : { since: last }), credit: CREDIT_BYTES });
  }

  /** Does the server answer? For the connection, which asks now and then, and again and again while it does not. */
  private async ask(signal: AbortSignal): Promise<boolean> {
    if (this.socket) {
      await this.socket.ping(within(PING_MS, signal));
      return true;
    }
    if (this.options.signedIn && !(await this.options.signedIn(signal))) return false;
    await this.dial(within(DIAL_MS, signal));
    return true;
  }

  private async dial(signal: AbortSignal): Promise<void> {
    const events = {
      control: (message: FromServer) => this.control(message),
      frame: (frame: Frame) => this.frame(frame),
      lost: (why: string) => this.lost(why),
    };
    const { socket, welcome } = await KgwSocket.dial(this.options.url, events, signal, this.options.WebSocket);
    this.socket = socket;
    this.welcome = welcome;
    for (const channel of this.channels.values()) this.opened(channel);
  }

  private lost(why: string): void {
    this.socket = null;
    this.pacer.forget();
    const requests = [...this.requests.values()];
    this.requests.clear();
    for (const { failed } of requests) failed(new Error(`${why}, before it was known to have arrived`));
    this.connection.failed();
  }

  private control(message: FromServer): void {
    if (message.t === "draining") return this.connection.draining();
    if (message.t === "done") return this.answer(message.n)?.done();
    if (message.t === "error" && message.n !== undefined) return this.answer(message.n)?.failed(new RefusedError(message.message));
    const channel = "ch" in message && message.ch !== undefined ? this.channels.get(message.ch) : undefined;
    if (!channel) return;
    switch (message.t) {
      case "run":
        channel.run?.run(message.run);
        if (message.run.state === "exited" || message.run.state === "lost") this.close(channel.number);
        break;
      case "open":
        channel.kernel?.open?.();
        break;
      case "workspace":
        channel.workspace?.workspace(message.workspace);
        break;
      case "gap":
        channel.last = Math.max(channel.last ?? 0, message.before - 1);
        (channel.run ?? channel.kernel)?.gap(message);
        break;
      case "error":
        if (message.of === "open") this.gone(channel, message.message);
        break;
      case "closed":
        // a workspace that was idle for long is there again when it is wanted; what was asked to close is not known here
        if (channel.workspace) this.opened(channel);
        else this.gone(channel, message.reason);
        break;
      default:
    }
  }

  private gone(channel: Channel, why: string): void {
    this.channels.delete(channel.number);
    this.pacer.forget(channel.number);
    (channel.run ?? channel.kernel)?.gone(why);
  }

  private answer(n: number): Request | undefined {
    const request = this.requests.get(n);
    this.requests.delete(n);
    return request;
  }

  private frame(frame: Frame): void {
    const channel = this.channels.get(frame.channel);
    if (!channel) return; // closed while this was on its way
    this.pacer.take(frame.channel, frame.bytes, () => {
      if (frame.seq !== 0) {
        if (channel.last !== undefined && frame.seq <= channel.last) return;
        channel.last = frame.seq;
      }
      if (frame.type === "text") channel.run?.output(frame.stream, frame.text);
      else (channel.run ?? channel.kernel)?.message(frame.message);
    });
  }
}

export class RunChannel {
  constructor(private readonly client: KgwClient, private readonly number: number) {}

  /** A line for the program, in the order of the calls. */
  input(text: string, eof: boolean): Promise<void> {
    return this.client.request(this.number, { t: "stdin", text, eof });
  }

  signal(signal: Signal): Promise<void> {
    return this.client.request(this.number, { t: "signal", signal });
  }

  /** Of its terminal, in characters. */
  resize(tty: { rows: number; cols: number }): Promise<void> {
    return this.client.request(this.number, { t: "resize", tty });
  }

  /** From now on at most so many bytes behind. */
  tail(bytes: number): void {
    this.client.say(this.number, { t: "tail", tail: bytes });
  }

  close(): void {
    this.client.close(this.number);
  }
}

export class KernelChannel {
  constructor(private readonly client: KgwClient, private readonly number: number) {}

  /** The number behind which it goes on; undefined: nothing has come. */
  get last(): number | undefined {
    return this.client.lastOf(this.number);
  }

  /** False: there is no connection; what was not sent is not kept. */
  send(message: JupyterMessage): boolean {
    return this.client.send(this.number, message);
  }

  close(): void {
    this.client.close(this.number);
  }
}
