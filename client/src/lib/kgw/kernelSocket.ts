// Jupyter's own clients over the one socket: what they take for a WebSocket to /api/kernels/{id}/channels is a channel of a KgwClient.
// They see one that never breaks: where the connection does, the channel goes on behind what they have had.
//
//     const client = new KgwClient({ url });
//     const serverSettings = ServerConnection.makeSettings({ baseUrl, wsUrl, token, WebSocket: kernelSockets(client) });
import type { KernelChannel, KgwClient } from "./client";
import { decodeMessage, encodeMessage, type JupyterHeader, type JupyterMessage } from "./frames";
import type { Gap } from "./protocol";

const PROTOCOL = "v1.kernel.websocket.jupyter.org";
const ADDRESS = /\/api\/kernels\/([^/?#]+)\/channels(?:\?([^#]*))?/;
const DONE = 1000; // a normal end: stock clients do not dial again
const REFUSED = 1006; // at once: they ask by REST what has become of the kernel

const bytesOf = (data: ArrayBuffer | ArrayBufferView): Uint8Array =>
  data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** A gap as the server tells it on a WebSocket of the kernel's own: text on stderr. Such clients know no other word for it. */
function gapMessage(gap: Gap, last: JupyterHeader, parent: Partial<JupyterHeader>): JupyterMessage {
  const { after, before, messages, bytes } = gap;
  const what = messages === null ? "output is" : `${messages} messages (${bytes ?? 0} bytes) of output are`;
  return {
    channel: "iopub",
    header: { ...last, msg_id: crypto.randomUUID(), msg_type: "stream", date: new Date().toISOString() },
    parent_header: parent,
    metadata: { kgw: { gap: { after, before, messages, bytes } } },
    content: { name: "stderr", text: `\n[kernelgw: ${what} missing here]\n` },
    buffers: [],
  };
}

/** As much of a WebSocket as clients of kernels use: binary frames of v1.kernel.websocket.jupyter.org. */
class KernelSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;

  readonly protocol = PROTOCOL;
  readonly extensions = "";
  readonly bufferedAmount = 0;
  binaryType = "arraybuffer";
  readyState: number = KernelSocket.CONNECTING;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent<ArrayBuffer>) => void) | null = null;
  onclose: ((event: Event) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;

  private readonly channel: KernelChannel;
  private readonly key: string;
  private waiting: JupyterMessage[] = []; // said while there was no connection
  private there = false;
  private last: JupyterMessage | null = null; // who speaks, and to what
  private readonly forget: () => void;

  /** had: by kernel and session, the number behind which a client that dials again goes on. It does so when its kernel has been restarted;
   *  what it has had must not come to it again, or it would dial again for it. */
  constructor(client: KgwClient, readonly url: string, kernel: string, sessionId: string | null, private readonly had: Map<string, number>) {
    super();
    this.key = `${kernel} ${sessionId ?? ""}`;
    const since = sessionId === null ? undefined : had.get(this.key);
    this.channel = client.openKernel(
      kernel,
      {
        open: () => this.opened(),
        message: (message) => this.hear(message),
        gap: (gap) => this.last && this.hear(gapMessage(gap, this.last.header, this.last.parent_header)),
        gone: (why) => this.end(this.readyState === KernelSocket.CONNECTING ? REFUSED : DONE, why),
      },
      { ...(sessionId === null ? {} : { sessionId }), ...(since === undefined ? {} : { since }) },
    );
    this.forget = client.connection.subscribe((state) => {
      if (state.kind !== "online") this.there = false;
    });
  }

  send(data: ArrayBuffer | ArrayBufferView): void {
    if (typeof data === "string") throw new TypeError(`${PROTOCOL} has binary frames alone`);
    const message = decodeMessage(bytesOf(data));
    if (!this.there || !this.channel.send(message)) this.waiting.push(message);
  }

  close(code = DONE, reason = ""): void {
    if (this.readyState >= KernelSocket.CLOSING) return;
    this.readyState = KernelSocket.CLOSING;
    const { last } = this.channel;
    if (last !== undefined) this.had.set(this.key, last);
    this.channel.close();
    queueMicrotask(() => this.end(code, reason));
  }

  private opened(): void {
    this.there = true;
    if (this.readyState === KernelSocket.CONNECTING) {
      this.readyState = KernelSocket.OPEN;
      this.tell(new Event("open"), this.onopen);
    }
    const waiting = this.waiting;
    this.waiting = [];
    for (const message of waiting) if (!this.channel.send(message)) this.waiting.push(message);
  }

  private hear(message: JupyterMessage): void {
    this.last = message;
    this.tell(new MessageEvent("message", { data: encodeMessage(message).buffer }), this.onmessage);
  }

  private end(code: number, reason: string): void {
    if (this.readyState === KernelSocket.CLOSED) return;
    if (this.readyState !== KernelSocket.CLOSING) this.had.delete(this.key); // the kernel is gone
    this.forget();
    this.readyState = KernelSocket.CLOSED;
    // Node.js has no CloseEvent in all of its versions
    this.tell(Object.assign(new Event("close"), { code, reason, wasClean: code === DONE }), this.onclose);
  }

  private tell<E extends Event>(event: E, on: ((event: E) => void) | null): void {
    on?.call(this, event);
    this.dispatchEvent(event);
  }
}

/** What to give a client in the place of WebSocket: addresses of kernels' channels go over the client's one socket, all others to Fallback. */
export function kernelSockets(client: KgwClient, Fallback: typeof WebSocket = WebSocket): typeof WebSocket {
  const had = new Map<string, number>();
  const make = function (url: string | URL, protocols?: string | string[]): WebSocket | KernelSocket {
    const [, kernel, query] = ADDRESS.exec(String(url)) ?? [];
    if (kernel === undefined) return new Fallback(url, protocols);
    return new KernelSocket(client, String(url), decodeURIComponent(kernel), new URLSearchParams(query ?? "").get("session_id"), had);
  };
  return Object.assign(make, { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 }) as unknown as typeof WebSocket;
}
