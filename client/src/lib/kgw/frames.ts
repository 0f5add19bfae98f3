// The binary frames of kgw.v1, and in them Jupyter's own v1.kernel.websocket.jupyter.org frames.

const HEAD = 11; // u8 type, u16 channel, u64 seq; little endian
const MESSAGE = 1;
const TEXT = 2;

export interface JupyterHeader {
  msg_id: string;
  msg_type: string;
  session: string;
  username: string;
  version: string;
  date: string;
}

export interface JupyterMessage {
  channel: string; // shell, control, stdin, iopub
  header: JupyterHeader;
  parent_header: Partial<JupyterHeader>;
  metadata: Record<string, unknown>;
  content: Record<string, unknown>;
  buffers: Uint8Array[];
}

export type Frame =
  | { type: "text"; channel: number; seq: number; stream: "out" | "err"; text: string; bytes: number }
  | { type: "message"; channel: number; seq: number; message: JupyterMessage; bytes: number };

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Offsets of the parts of a v1 frame: u64 count, then that many u64; the last one is the frame's end. */
function parts(data: Uint8Array): Uint8Array[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const at = (i: number) => Number(view.getBigUint64(8 * i, true));
  const count = at(0);
  if (count < 6 || 8 * (count + 1) > data.length) throw new RangeError("a message frame without its parts");
  return Array.from({ length: count - 1 }, (_, i) => {
    const [from, to] = [at(i + 1), at(i + 2)];
    if (from > to || to > data.length) throw new RangeError("a message frame whose parts are out of order");
    return data.subarray(from, to);
  });
}

export function decodeMessage(data: Uint8Array): JupyterMessage {
  const [channel, header, parent, metadata, content, ...buffers] = parts(data);
  const json = (part: Uint8Array | undefined): unknown => JSON.parse(decoder.decode(part));
  return {
    channel: decoder.decode(channel),
    header: json(header) as JupyterHeader,
    parent_header: json(parent) as Partial<JupyterHeader>,
    metadata: json(metadata) as Record<string, unknown>,
    content: json(content) as Record<string, unknown>,
    buffers,
  };
}

export function encodeMessage(m: JupyterMessage): Uint8Array<ArrayBuffer> {
  const json = (value: unknown) => encoder.encode(JSON.stringify(value));
  const all = [encoder.encode(m.channel), json(m.header), json(m.parent_header), json(m.metadata), json(m.content), ...m.buffers];
  const head = 8 * (all.length + 2);
  const out = new Uint8Array(head + all.reduce((n, p) => n + p.length, 0));
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(all.length + 1), true);
  let at = head;
  all.forEach((part, i) => {
    view.setBigUint64(8 * (i + 1), BigInt(at), true);
    out.set(part, at);
    at += part.length;
  });
  view.setBigUint64(8 * (all.length + 1), BigInt(at), true);
  return out;
}

/** Throws a RangeError for what is no frame of kgw.v1. */
export function decodeFrame(data: ArrayBuffer): Frame {
  if (data.byteLength < HEAD) throw new RangeError("a frame without a head");
  const view = new DataView(data);
  const channel = view.getUint16(1, true);
  const seq = Number(view.getBigUint64(3, true));
  switch (view.getUint8(0)) {
    case MESSAGE:
      return { type: "message", channel, seq, message: decodeMessage(new Uint8Array(data, HEAD)), bytes: data.byteLength - HEAD };
    case TEXT: {
      const text = new Uint8Array(data, HEAD + 1);
      return { type: "text", channel, seq, stream: view.getUint8(HEAD) === 2 ? "err" : "out", text: decoder.decode(text), bytes: text.length };
    }
    default:
      throw new RangeError(`a frame of type ${view.getUint8(0)}`);
  }
}

/** A message for a kernel's channel. */
export function encodeFrame(channel: number, message: JupyterMessage): Uint8Array<ArrayBuffer> {
  const body = encodeMessage(message);
  const out = new Uint8Array(HEAD + body.length);
  const view = new DataView(out.buffer);
  view.setUint8(0, MESSAGE);
  view.setUint16(1, channel, true);
  out.set(body, HEAD);
  return out;
}
