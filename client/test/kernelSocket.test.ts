import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KgwClient, kernelSockets } from "../src/lib/kgw";
import { decodeFrame, decodeMessage, encodeMessage, type JupyterMessage } from "../src/lib/kgw/frames";
import { FakeSocket, fakeWebSocket } from "./fakeSocket";

const ADDRESS = "ws://here/base/api/kernels/k%2D1/channels?session_id=s1&token=t";

const message = (content: Record<string, unknown>, buffers: Uint8Array[] = []): JupyterMessage => ({
  channel: "iopub",
  header: { msg_id: "m", msg_type: "stream", session: "kernel", username: "u", version: "5.4", date: "2026-01-01T00:00:00Z" },
  parent_header: { msg_id: "p" },
  metadata: {},
  content,
  buffers,
});

describe("a kernel's WebSocket over the one socket", () => {
  let client: KgwClient;
  let Socket: typeof WebSocket;
  let said: string[];
  let got: JupyterMessage[];

  beforeEach(async () => {
    vi.useFakeTimers();
    FakeSocket.reset();
    said = [];
    got = [];
    client = new KgwClient({ url: "ws://here/api/kgw/ws", WebSocket: fakeWebSocket });
    await client.start();
    Socket = kernelSockets(client, fakeWebSocket);
  });
  afterEach(() => vi.useRealTimers());

  function dial(): WebSocket {
    const socket = new Socket(ADDRESS, ["v1.kernel.websocket.jupyter.org"]);
    socket.onopen = () => said.push("open");
    socket.onclose = (event) => said.push(`close ${event.code} ${event.reason}`);
    socket.onmessage = (event: MessageEvent<ArrayBuffer>) => got.push(decodeMessage(new Uint8Array(event.data)));
    return socket;
  }
  const channel = () => FakeSocket.last.said("open")[0]?.["ch"] as number;
  const sent = () => FakeSocket.last.frames.map((f) => (decodeFrame(f.slice().buffer) as { message: JupyterMessage }).message.content);

  it("is open when its channel is, and carries messages both ways with their buffers", () => {
    const socket = dial();
    expect(socket.protocol).toBe("v1.kernel.websocket.jupyter.org");
    expect(FakeSocket.last.said("open")[0]).toMatchObject({ kernel: "k-1", session_id: "s1" });
    expect([socket.readyState, said]).toEqual([0, []]);
    FakeSocket.last.say({ t: "open", ch: channel(), state: "idle" });
    expect([socket.readyState, said]).toEqual([1, ["open"]]);
    socket.send(encodeMessage(message({ code: "1" })));
    expect(sent()).toEqual([{ code: "1" }]);
    FakeSocket.last.message(channel(), 4, message({ text: "früh" }, [new Uint8Array([1, 2])]));
    expect(got.map((m) => [m.content, m.buffers.map((b) => [...b])])).toEqual([[{ text: "früh" }, [[1, 2]]]]);
    expect(() => socket.send("text")).toThrow(TypeError);
  });

  it("outlives breaks: what was said meanwhile is sent, and it goes on behind what it has had", async () => {
    const socket = dial();
    FakeSocket.last.say({ t: "open", ch: channel(), state: "idle" });
    FakeSocket.last.message(channel(), 7, message({ text: "a" }));
    FakeSocket.last.drop(1012, "restart");
    socket.send(encodeMessage(message({ code: "meanwhile" })));
    await vi.advanceTimersByTimeAsync(1000);
    expect(FakeSocket.last.said("open")[0]).toMatchObject({ kernel: "k-1", since: 7 });
    expect(sent()).toEqual([]);
    FakeSocket.last.say({ t: "open", ch: channel(), state: "busy" });
    expect(sent()).toEqual([{ code: "meanwhile" }]);
    FakeSocket.last.message(channel(), 7, message({ text: "a" }));
    FakeSocket.last.message(channel(), 8, message({ text: "b" }));
    expect(got.map((m) => m.content["text"])).toEqual(["a", "b"]);
    expect([socket.readyState, said]).toEqual([1, ["open"]]);
  });

  it("tells a gap as the kernel's own socket does", () => {
    dial();
    FakeSocket.last.say({ t: "open", ch: channel(), state: "busy" });
    FakeSocket.last.message(channel(), 1, message({ name: "stdout", text: "a" }));
    FakeSocket.last.say({ t: "gap", ch: channel(), after: 1, before: 9, messages: 7, bytes: 70 });
    expect(got[1]).toMatchObject({
      channel: "iopub",
      header: { msg_type: "stream", session: "kernel" },
      parent_header: { msg_id: "p" },
      metadata: { kgw: { gap: { after: 1, before: 9, messages: 7, bytes: 70 } } },
      content: { name: "stderr", text: "\n[kernelgw: 7 messages (70 bytes) of output are missing here]\n" },
    });
  });

  it("ends with its kernel, is refused where there is none, and closes its channel when it is closed", async () => {
    dial();
    FakeSocket.last.say({ t: "open", ch: channel(), state: "idle" });
    FakeSocket.last.say({ t: "closed", ch: channel(), reason: "the kernel was deleted" });
    expect(said).toEqual(["open", "close 1000 the kernel was deleted"]);
    const refused = dial();
    FakeSocket.last.say({ t: "error", ch: FakeSocket.last.said("open")[1]?.["ch"], of: "open", message: "no such kernel" });
    expect([refused.readyState, said[2]]).toEqual([3, "close 1006 no such kernel"]);
    const closed = dial();
    closed.close();
    await Promise.resolve();
    expect(FakeSocket.last.said("close").length).toBe(1);
    expect([closed.readyState, said[3]]).toEqual([3, "close 1000 "]);
  });

  it("goes on where the one before it ended, for the same client", () => {
    const first = dial();
    FakeSocket.last.say({ t: "open", ch: channel(), state: "idle" });
    FakeSocket.last.message(channel(), 12, message({ text: "a" }));
    first.close();
    dial();
    expect(FakeSocket.last.said("open")[1]).toMatchObject({ kernel: "k-1", session_id: "s1", since: 12 });
  });

  it("is a real one for every other address", () => {
    const socket = new Socket("ws://here/terminals/websocket/1");
    expect(socket).toBeInstanceOf(FakeSocket);
  });
});
