// One connection of a kgw.v1 client: dialled, greeted, asked whether it lives, lost. What outlives connections is in
// client.ts.
import { decodeFrame, type Frame } from "./frames";
import type { FromServer, Welcome } from "./protocol";

export const PROTOCOL = "kgw.v1";
const VERSION = 1;
const NO_ANSWER = "the server does not answer";

export interface SocketEvents {
  control(message: FromServer): void;
  frame(frame: Frame): void;
  /** Once, when the connection ends after its welcome by anything but close(). */
  lost(why: string): void;
}

const words = (event: CloseEvent): string => event.reason || `the connection was closed (${event.code})`;

interface Asked {
  done: () => void;
  failed: (error: Error) => void;
}

export class KgwSocket {
  private readonly ws: WebSocket;
  private welcomed = false;
  private ended = false;
  private pings = 0;
  private readonly asked = new Map<number, Asked>();

  private constructor(
    url: string,
    private readonly events: SocketEvents,
    Socket: typeof WebSocket,
  ) {
    this.ws = new Socket(url, PROTOCOL);
    this.ws.binaryType = "arraybuffer";
  }

  /** Resolves when the server has said welcome; rejects when it does not, or the signal comes first. */
  static dial(url: string, events: SocketEvents, signal: AbortSignal, Socket: typeof WebSocket = WebSocket): Promise<{ socket: KgwSocket; welcome: Welcome }> {
    return new Promise((done, failed) => {
      const socket = new KgwSocket(url, events, Socket);
      const give = () => {
        socket.close();
        failed(new Error(NO_ANSWER));
      };
      if (signal.aborted) return give();
      signal.addEventListener("abort", give, { once: true });
      socket.ws.onopen = () => socket.say({ t: "hello", v: VERSION });
      socket.ws.onclose = (event) => {
        signal.removeEventListener("abort", give);
        failed(new Error(words(event)));
        socket.end(words(event));
      };
      socket.ws.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
        if (typeof data !== "string") return events.frame(decodeFrame(data));
        const message = JSON.parse(data) as FromServer;
        if (message.t === "welcome") {
          socket.welcomed = true;
          signal.removeEventListener("abort", give);
          done({ socket, welcome: message });
        } else if (message.t === "pong") socket.asked.get(message.n)?.done();
        else events.control(message);
      };
    });
  }

  say(message: object): void {
    this.ws.send(JSON.stringify(message));
  }

  send(frame: Uint8Array<ArrayBuffer>): void {
    this.ws.send(frame);
  }

  /** Resolves when the server has answered; when the signal comes first it rejects, and the connection is lost. */
  async ping(signal: AbortSignal): Promise<void> {
    const n = ++this.pings;
    const late = () => this.lose(NO_ANSWER);
    signal.addEventListener("abort", late, { once: true });
    try {
      await new Promise<void>((done, failed) => {
        this.asked.set(n, { done, failed });
        this.say({ t: "ping", n });
      });
    } finally {
      this.asked.delete(n);
      signal.removeEventListener("abort", late);
    }
  }

  /** By our own will: nobody is told. */
  close(): void {
    this.ended = true;
    this.ws.onmessage = this.ws.onclose = null;
    this.ws.close(1000);
    for (const { failed } of this.asked.values()) failed(new Error("closed"));
  }

  private lose(why: string): void {
    this.ws.onmessage = this.ws.onclose = null; // a dead network answers no close
    this.ws.close(1000);
    this.end(why);
  }

  private end(why: string): void {
    if (this.ended) return;
    this.ended = true;
    for (const { failed } of this.asked.values()) failed(new Error(why));
    if (this.welcomed) this.events.lost(why);
  }
}
