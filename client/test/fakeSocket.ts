// A WebSocket whose other end is the test.
import { encodeMessage, type JupyterMessage } from "../src/lib/kgw/frames";

export class FakeSocket {
  static all: FakeSocket[] = [];
  /** What becomes of those that are made: they open and are welcomed, are refused, or nothing happens. */
  static answer: "welcome" | "refuse" | "silence" = "welcome";
  static readonly OPEN = 1;

  binaryType = "";
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null = null;
  readonly heard: Record<string, unknown>[] = [];
  readonly frames: Uint8Array[] = [];
  closed = false;
  /** Does it answer pings? */
  answers = true;

  constructor(readonly url: string, readonly protocol: string) {
    FakeSocket.all.push(this);
    const { answer } = FakeSocket;
    if (answer === "welcome") queueMicrotask(() => this.onopen?.());
    if (answer === "refuse") queueMicrotask(() => this.drop(1006, ""));
  }

  static get last(): FakeSocket {
    const it = FakeSocket.all[FakeSocket.all.length - 1];
    if (!it) throw new Error("nobody has dialled");
    return it;
  }

  static reset(): void {
    FakeSocket.all = [];
    FakeSocket.answer = "welcome";
  }

  // --- the page's side ---

  send(data: string | Uint8Array): void {
    if (typeof data !== "string") return void this.frames.push(data);
    const message = JSON.parse(data) as Record<string, unknown>;
    this.heard.push(message);
    if (message["t"] === "hello") this.say({ t: "welcome", v: 1, server: "0", kernels: [], runs: [] });
    if (message["t"] === "ping" && this.answers) this.say({ t: "pong", n: message["n"] });
  }

  close(): void {
    this.closed = true;
  }

  // --- the server's side ---

  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** Output of a run. */
  text(channel: number, seq: number, text: string, stream: 1 | 2 = 1): void {
    const body = new TextEncoder().encode(text);
    const frame = new Uint8Array(12 + body.length);
    const view = new DataView(frame.buffer);
    view.setUint8(0, 2);
    view.setUint16(1, channel, true);
    view.setBigUint64(3, BigInt(seq), true);
    view.setUint8(11, stream);
    frame.set(body, 12);
    this.onmessage?.({ data: frame.buffer });
  }

  message(channel: number, seq: number, message: JupyterMessage): void {
    const body = encodeMessage(message);
    const frame = new Uint8Array(11 + body.length);
    const view = new DataView(frame.buffer);
    view.setUint8(0, 1);
    view.setUint16(1, channel, true);
    view.setBigUint64(3, BigInt(seq), true);
    frame.set(body, 11);
    this.onmessage?.({ data: frame.buffer });
  }

  drop(code = 1006, reason = ""): void {
    this.onclose?.({ code, reason });
  }

  said(t: string): Record<string, unknown>[] {
    return this.heard.filter((m) => m["t"] === t);
  }
}

export const fakeWebSocket = FakeSocket as unknown as typeof WebSocket;
