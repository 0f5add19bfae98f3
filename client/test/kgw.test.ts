import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KgwClient, type RunEvents } from "../src/lib/kgw";
import { decodeFrame, decodeMessage, encodeFrame, encodeMessage, type JupyterMessage } from "../src/lib/kgw/frames";
import { Pacer } from "../src/lib/kgw/pacer";
import type { RunModel } from "../src/lib/kgw/protocol";
import { FakeSocket, fakeWebSocket } from "./fakeSocket";

const model = (some: Partial<RunModel> = {}): RunModel => ({ run_id: "r", session: "s", language: "python", entry: "a.py", state: "running", ...some });

const message = (content: Record<string, unknown>, buffers: Uint8Array[] = []): JupyterMessage => ({
  channel: "iopub",
  header: { msg_id: "m", msg_type: "display_data", session: "s", username: "u", version: "5.4", date: "2026-01-01T00:00:00Z" },
  parent_header: {},
  metadata: {},
  content,
  buffers,
});

describe("frames", () => {
  it("carry a message there and back, with its buffers", () => {
    const sent = message({ text: "größe" }, [new Uint8Array([1, 2, 3]), new Uint8Array()]);
    const got = decodeMessage(encodeMessage(sent));
    expect({ ...got, buffers: got.buffers.map((b) => [...b]) }).toEqual({ ...sent, buffers: [[1, 2, 3], []] });
  });

  it("have the layout of docs/PROTOCOL.md", () => {
    const frame = encodeFrame(0x0201, message({}));
    expect([...frame.subarray(0, 11)]).toEqual([1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(new DataView(frame.buffer, 11).getBigUint64(0, true)).toBe(6n);
    expect(decodeFrame(frame.buffer)).toMatchObject({ type: "message", channel: 0x0201, seq: 0, message: message({}) });
  });

  it("that are none are refused", () => {
    expect(() => decodeFrame(new ArrayBuffer(3))).toThrow(RangeError);
    expect(() => decodeFrame(new Uint8Array([9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).buffer)).toThrow(RangeError);
    const broken = encodeFrame(1, message({}));
    new DataView(broken.buffer).setBigUint64(11 + 16, 1_000_000n, true);
    expect(() => decodeFrame(broken.buffer)).toThrow(RangeError);
  });
});

function sink() {
  const heard: unknown[] = [];
  const it: RunEvents = {
    run: (m) => heard.push(m.state),
    output: (stream, text) => heard.push([stream, text]),
    message: (m) => heard.push(m.content),
    gap: (g) => heard.push({ gap: [g.after, g.before, g.messages] }),
    gone: (why) => heard.push({ gone: why }),
  };
  return { heard, it };
}

describe("KgwClient", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    FakeSocket.reset();
  });
  afterEach(() => vi.useRealTimers());

  const make = (signedIn?: () => Promise<boolean>) => new KgwClient({ url: "ws://x/api/kgw/ws", WebSocket: fakeWebSocket, ...(signedIn ? { signedIn } : {}) });

  async function started(client = make()) {
    await client.start();
    return client;
  }

  it("greets, and opens what was wanted before there was a connection", async () => {
    const client = make();
    client.openRun("r", sink().it, { tail: 1000 });
    await started(client);
    expect(FakeSocket.last.protocol).toBe("kgw.v1");
    expect(FakeSocket.last.heard.map((m) => m["t"])).toEqual(["hello", "open"]);
    expect(FakeSocket.last.said("open")[0]).toMatchObject({ run: "r", tail: 1000 });
    expect(FakeSocket.last.said("open")[0]).not.toHaveProperty("since");
  });

  it("goes on behind the last number after a break: nothing twice, nothing missing", async () => {
    const client = await started();
    const { heard, it: mine } = sink();
    client.openRun("r", mine);
    const first = FakeSocket.last;
    const ch = first.said("open")[0]?.["ch"] as number;
    first.say({ t: "run", ch, run: model() });
    first.text(ch, 4, "one\n");
    first.text(ch, 7, "two\n", 2);
    first.drop();
    await vi.advanceTimersByTimeAsync(100);
    const second = FakeSocket.last;
    expect(second).not.toBe(first);
    expect(second.said("open")[0]).toMatchObject({ ch, run: "r", since: 7 });
    second.text(ch, 7, "two\n", 2);
    second.say({ t: "gap", ch, after: 7, before: 20, messages: 3, bytes: 30 });
    second.message(ch, 20, message({ data: "a picture" }));
    second.drop();
    await vi.advanceTimersByTimeAsync(100);
    expect(FakeSocket.last.said("open")[0]).toMatchObject({ since: 20 });
    FakeSocket.last.say({ t: "run", ch, run: model({ state: "exited" }) });
    expect(heard).toEqual(["running", ["out", "one\n"], ["err", "two\n"], { gap: [7, 20, 3] }, { data: "a picture" }, "exited"]);
    expect(FakeSocket.last.said("close")).toEqual([{ t: "close", ch }]);
  });

  it("dials for ever, and says when", async () => {
    const client = await started();
    const states: string[] = [];
    client.connection.subscribe((s) => states.push(s.kind));
    FakeSocket.answer = "refuse";
    FakeSocket.last.drop(1012, "the server is going down");
    const before = FakeSocket.all.length;
    await vi.advanceTimersByTimeAsync(120_000);
    expect(FakeSocket.all.length - before).toBeGreaterThan(10);
    expect(client.connection.state).toMatchObject({ kind: "retrying", draining: false });
    FakeSocket.answer = "welcome";
    await vi.advanceTimersByTimeAsync(12_100);
    expect(client.connection.state.kind).toBe("online");
    expect(states).not.toContain("signedOut");
  });

  it("knows that a server which said so goes by its own will", async () => {
    const client = await started();
    FakeSocket.answer = "silence";
    FakeSocket.last.say({ t: "draining" });
    FakeSocket.last.drop(1012, "the server is going down");
    expect(client.connection.state).toMatchObject({ kind: "retrying", draining: true });
    FakeSocket.answer = "welcome";
    await vi.advanceTimersByTimeAsync(30_000);
    FakeSocket.answer = "silence";
    FakeSocket.last.drop();
    expect(client.connection.state).toMatchObject({ kind: "retrying", draining: false });
  });

  it("takes a connection that answers no ping for dead", async () => {
    const client = await started();
    const first = FakeSocket.last;
    first.answers = false;
    await vi.advanceTimersByTimeAsync(14_000);
    expect(first.closed).toBe(true);
    expect(FakeSocket.last).not.toBe(first);
    expect(client.connection.state.kind).toBe("online");
  });

  it("does not dial with a credential that is refused", async () => {
    const client = await started(make(() => Promise.resolve(false)));
    expect(client.connection.state.kind).toBe("signedOut");
    expect(FakeSocket.all).toEqual([]);
  });

  it("answers for each request, and for none that it can't know of", async () => {
    const client = await started();
    const run = client.openRun("r", sink().it);
    const socket = FakeSocket.last;
    const taken = run.input("a\n", false);
    const refused = run.signal("INT");
    const [input, signal] = [socket.said("stdin")[0], socket.said("signal")[0]];
    expect(input).toMatchObject({ text: "a\n", eof: false });
    socket.say({ t: "error", ch: signal?.["ch"], n: signal?.["n"], of: "signal", message: "run r has ended" });
    socket.say({ t: "done", ch: input?.["ch"], n: input?.["n"] });
    await taken;
    await expect(refused).rejects.toThrow("run r has ended");
    const open = run.input("b\n", false);
    FakeSocket.answer = "silence";
    socket.drop();
    await expect(open).rejects.toThrow("before it was known to have arrived");
    await expect(run.input("c\n", false)).rejects.toThrow("no connection");
    run.close();
    await expect(run.input("d\n", false)).rejects.toThrow("it has ended");
  });

  it("tells when the server does not know a run any more", async () => {
    const client = await started();
    const { heard, it: mine } = sink();
    client.openRun("r", mine);
    const ch = FakeSocket.last.said("open")[0]?.["ch"];
    FakeSocket.last.say({ t: "error", ch, of: "open", message: "Run does not exist: r" });
    expect(heard).toEqual([{ gone: "Run does not exist: r" }]);
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(100);
    expect(FakeSocket.last.said("open")).toEqual([]);
  });

  it("binds a workspace anew when it has ended, and after a break", async () => {
    const client = await started();
    const models: unknown[] = [];
    const leave = client.openWorkspace("w", { workspace: (m) => models.push(m.name) });
    const ch = FakeSocket.last.said("open")[0]?.["ch"];
    expect(FakeSocket.last.said("open")[0]).toMatchObject({ workspace: "w", attach: true });
    FakeSocket.last.say({ t: "workspace", ch, workspace: { name: "w" } });
    FakeSocket.last.say({ t: "closed", ch, reason: "the workspace has ended" });
    expect(FakeSocket.last.said("open").length).toBe(2);
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(100);
    expect(FakeSocket.last.said("open")[0]).toMatchObject({ workspace: "w" });
    leave();
    expect(FakeSocket.last.said("close").length).toBe(1);
    expect(models).toEqual(["w"]);
  });

  it("gives back credit for what it has taken", async () => {
    const client = await started();
    client.openRun("r", sink().it);
    const ch = FakeSocket.last.said("open")[0]?.["ch"] as number;
    FakeSocket.last.text(ch, 1, "x".repeat(1000));
    FakeSocket.last.text(ch, 2, "y".repeat(500));
    expect(FakeSocket.last.said("credit")).toEqual([]);
    await vi.advanceTimersByTimeAsync(50);
    expect(FakeSocket.last.said("credit")).toEqual([{ t: "credit", ch, n: 1500 }]);
  });

  it("speaks with a kernel", async () => {
    const client = await started();
    const got: unknown[] = [];
    const kernel = client.openKernel("k", { message: (m) => got.push(m.content), gap: () => undefined, gone: (why) => got.push(why) });
    const ch = FakeSocket.last.said("open")[0]?.["ch"] as number;
    expect(kernel.send(message({ code: "1" }))).toBe(true);
    expect(decodeFrame((FakeSocket.last.frames[0] ?? new Uint8Array()).slice().buffer)).toMatchObject({ channel: ch, message: { content: { code: "1" } } });
    FakeSocket.last.message(ch, 3, message({ a: 1 }));
    FakeSocket.last.say({ t: "closed", ch, reason: "the kernel was deleted" });
    expect(got).toEqual([{ a: 1 }, "the kernel was deleted"]);
    expect(kernel.send(message({}))).toBe(false);
  });
});

describe("Pacer", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("leaves the page two thirds of its time", async () => {
    let clock = 0;
    const granted: [number, number][] = [];
    const pacer = new Pacer((ch, n) => granted.push([ch, n]), () => clock);
    pacer.take(1, 100, () => (clock += 40));
    pacer.take(2, 50, () => (clock += 10));
    await vi.advanceTimersByTimeAsync(100);
    expect(granted).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(granted).toEqual([[1, 100], [2, 50]]);
  });

  it("grants nothing to who has gone", async () => {
    const granted: number[] = [];
    const pacer = new Pacer((ch) => granted.push(ch), () => 0);
    pacer.take(1, 100, () => undefined);
    pacer.take(2, 100, () => undefined);
    pacer.forget(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(granted).toEqual([2]);
  });
});
