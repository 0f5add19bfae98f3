import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoffMs } from "../src/lib/transport/backoff";
import { Connection } from "../src/lib/transport/connection";
import { readLines } from "../src/lib/transport/ndjson";
import { RestLink } from "../src/lib/transport/restLink";
import { ServerError, type RunModel, type RunSink } from "../src/lib/transport/runLink";
import { Slots } from "../src/lib/transport/slots";

const settle = () => new Promise((done) => setTimeout(done, 0));

describe("backoff", () => {
  it("is at once, grows, and stays at ten seconds for ever", () => {
    const middle = () => 0.5;
    expect([0, 1, 2, 3, 4, 5, 6, 1000].map((n) => backoffMs(n, middle))).toEqual([0, 500, 1000, 2000, 5000, 10_000, 10_000, 10_000]);
    expect(backoffMs(5, () => 0)).toBe(8000);
    expect(backoffMs(5, () => 1)).toBe(12_000);
  });
});

describe("Slots", () => {
  it("let as many in as there are, and the others in order", async () => {
    const slots = new Slots(2);
    const first = await slots.take();
    await slots.take();
    const order: number[] = [];
    const third = slots.take().then((back) => (order.push(3), back));
    void slots.take().then(() => order.push(4));
    await settle();
    expect([slots.contended, order]).toEqual([true, []]);
    first();
    first(); // given back twice is given back once
    await settle();
    expect(order).toEqual([3]);
    (await third)();
    await settle();
    expect([slots.contended, order]).toEqual([false, [3, 4]]);
  });
});

describe("Connection", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("tries for ever, tells when, and lets all go on once there is an answer", async () => {
    let answers = false;
    const ask = vi.fn(() => (answers ? Promise.resolve(true) : Promise.reject(new Error("no"))));
    const connection = new Connection(ask);
    connection.failed();
    const waiting = connection.online();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ask.mock.calls.length).toBeGreaterThan(8);
    expect(connection.state.kind === "retrying" && connection.state.nextAt).toBeGreaterThan(Date.now());
    answers = true;
    await vi.advanceTimersByTimeAsync(12_100);
    await waiting;
    expect(connection.state.kind).toBe("online");
  });

  it("tries at once when the person says so", async () => {
    let answers = false;
    const ask = vi.fn(() => (answers ? Promise.resolve(true) : Promise.reject(new Error("no"))));
    const connection = new Connection(ask);
    connection.failed();
    await vi.advanceTimersByTimeAsync(30_000);
    answers = true;
    connection.retryNow();
    await vi.advanceTimersByTimeAsync(0);
    expect(connection.state.kind).toBe("online");
  });

  it("asks nobody for a credential again and again", async () => {
    const ask = vi.fn(() => Promise.resolve(false));
    const connection = new Connection(ask);
    connection.failed();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(connection.state.kind).toBe("signedOut");
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it("finds out by itself that the server has gone", async () => {
    let answers = true;
    const connection = new Connection(() => (answers ? Promise.resolve(true) : Promise.reject(new Error("no"))));
    connection.start();
    await vi.advanceTimersByTimeAsync(30_000);
    answers = false;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(connection.state.kind).toBe("retrying");
  });
});

const bytes = (text: string) => new TextEncoder().encode(text);

function streamOf(pieces: Uint8Array[], end: "close" | "error" | "open" = "close"): ReadableStream<Uint8Array> {
  const rest = [...pieces];
  return new ReadableStream({
    pull(controller) {
      const piece = rest.shift();
      if (piece) controller.enqueue(piece);
      else if (end === "close") controller.close();
      else if (end === "error") controller.error(new TypeError("network error"));
    },
  });
}

describe("readLines", () => {
  it("puts lines and characters together, wherever they were cut", async () => {
    const text = bytes('{"a":"größe"}\n{"a":2}\n\n{"half":');
    for (let cut = 0; cut < text.length; cut += 3) {
      const got: unknown[] = [];
      await readLines(streamOf([text.slice(0, cut), text.slice(cut)]), (v) => got.push(v) > 0);
      expect(got).toEqual([{ a: "größe" }, { a: 2 }]);
    }
  });

  it("stops when there is enough", async () => {
    const got: unknown[] = [];
    await readLines(streamOf([bytes("1\n2\n3\n")], "open"), (v) => got.push(v) < 2);
    expect(got).toEqual([1, 2]);
  });
});

const exited: RunModel = { run_id: "r", session: "s", language: "python", entry: "a.py", state: "exited", exit_code: 0, reason: "exit" };

function sink() {
  const heard: unknown[] = [];
  let over: () => void = () => undefined;
  const end = new Promise<void>((done) => (over = done));
  const it: RunSink = {
    output: (kind, text) => heard.push([kind, text]),
    state: (state) => heard.push(state),
    phase: (phase) => heard.push({ phase }),
    gap: (messages, size) => heard.push({ messages, size }),
    exit: (model) => (heard.push({ exit: model.exit_code }), over()),
    lost: (why) => (heard.push({ lost: why }), over()),
  };
  return { heard, end, it };
}

/** A fetch whose answers are given one after the other. */
function answers(...list: (() => Response | Promise<Response>)[]) {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (url: string | URL) => {
    const text = url.toString();
    asked.push(text.slice(text.indexOf("/api/") + 5));
    const next = list.shift();
    return next ? Promise.resolve(next()) : Promise.reject(new TypeError("no answer"));
  });
  return asked;
}

const ndjson = (lines: object[], end?: "close" | "error") => () => new Response(streamOf([bytes(lines.map((l) => `${JSON.stringify(l)}\n`).join(""))], end));

describe("RestLink.follow", () => {
  afterEach(() => vi.unstubAllGlobals());
  const good = () => new Connection(() => Promise.resolve(true));

  it("goes on behind the last number after a break: no line twice, none missing", async () => {
    const asked = answers(
      ndjson([{ state: "running" }, { seq: 4, stdout: "one\n" }, { seq: 7, stderr: "two\n" }], "error"),
      ndjson([{ seq: 7, stderr: "two\n" }, { seq: 9, stdout: "three\n" }, { exit: exited }]),
    );
    const { heard, end, it: mine } = sink();
    new RestLink(good()).follow("r", mine);
    await end;
    expect(asked).toEqual(["runs/r/output?from=1", "runs/r/output?from=8"]);
    expect(heard).toEqual(["running", ["out", "one\n"], ["err", "two\n"], ["out", "three\n"], { exit: 0 }]);
  });

  it("does not take an answer that just ends for the end", async () => {
    const asked = answers(ndjson([{ seq: 1, stdout: "a" }]), ndjson([{ exit: exited }]));
    const { heard, end, it: mine } = sink();
    new RestLink(good()).follow("r", mine);
    await end;
    expect(asked[1]).toBe("runs/r/output?from=2");
    expect(heard).toEqual([["out", "a"], { exit: 0 }]);
  });

  it("tells a gap once and asks for what is behind it", async () => {
    const asked = answers(ndjson([{ gap: { messages: 3, bytes: 30, after: 0, before: 50 } }], "error"), ndjson([{ seq: 50, stdout: "z" }, { exit: exited }]));
    const { heard, end, it: mine } = sink();
    new RestLink(good()).follow("r", mine);
    await end;
    expect(asked[1]).toBe("runs/r/output?from=50");
    expect(heard).toEqual([{ messages: 3, size: 30 }, ["out", "z"], { exit: 0 }]);
  });

  it("gives up only when the server says that there is no such run", async () => {
    answers(() => new Response(JSON.stringify({ message: "Run does not exist: r" }), { status: 404 }));
    const { heard, end, it: mine } = sink();
    new RestLink(good()).follow("r", mine);
    await end;
    expect(heard).toEqual([{ lost: "Run does not exist: r" }]);
  });

  it("waits for the credential when that is refused", async () => {
    answers(() => new Response("{}", { status: 403 }));
    const connection = good();
    const { heard, it: mine } = sink();
    const stop = new RestLink(connection).follow("r", mine);
    await settle();
    await settle();
    expect([connection.state.kind, heard]).toEqual(["signedOut", []]);
    stop();
  });
});

describe("RestLink", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("sends input one after the other", async () => {
    const order: string[] = [];
    vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
      const body = String(init.body);
      if (body === "slow\n") await new Promise((done) => setTimeout(done, 30));
      order.push(body);
      return new Response(null, { status: 204 });
    });
    const link = new RestLink(new Connection(() => Promise.resolve(true)));
    await Promise.all([link.input("r", "slow\n", false), link.input("r", "fast\n", false)]);
    expect(order).toEqual(["slow\n", "fast\n"]);
  });

  it("says the server's own sentence", async () => {
    answers(() => new Response(JSON.stringify({ message: "files[0].path must be a string" }), { status: 400 }));
    const link = new RestLink(new Connection(() => Promise.resolve(true)));
    await expect(link.list("s")).rejects.toEqual(new ServerError("files[0].path must be a string", 400));
  });
});
