import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KgwClient } from "../src/lib/kgw";
import { backoffMs } from "../src/lib/kgw/backoff";
import { Connection } from "../src/lib/kgw/connection";
import { ServerError, type RunModel, type RunSink } from "../src/lib/transport/runLink";
import { ServerLink } from "../src/lib/transport/serverLink";
import { FakeSocket, fakeWebSocket } from "./fakeSocket";

describe("backoff", () => {
  it("is at once, grows, and stays at ten seconds for ever", () => {
    const middle = () => 0.5;
    expect([0, 1, 2, 3, 4, 5, 6, 1000].map((n) => backoffMs(n, middle))).toEqual([0, 500, 1000, 2000, 5000, 10_000, 10_000, 10_000]);
    expect(backoffMs(5, () => 0)).toBe(8000);
    expect(backoffMs(5, () => 1)).toBe(12_000);
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
    await connection.start();
    await vi.advanceTimersByTimeAsync(30_000);
    answers = false;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(connection.state.kind).toBe("retrying");
  });
});

const exited: RunModel = { run_id: "r", session: "s", language: "python", entry: "a.py", state: "exited", exit_code: 0, reason: "exit" };

function sink() {
  const heard: unknown[] = [];
  const it: RunSink = {
    output: (kind, text) => heard.push([kind, text]),
    message: (m) => heard.push(m.content),
    progress: (m) => heard.push([m.state, m.step, m.position]),
    gap: (messages, size) => heard.push({ messages, size }),
    exit: (m) => heard.push({ exit: m.exit_code }),
    lost: (why) => heard.push({ lost: why }),
  };
  return { heard, it };
}

describe("ServerLink", () => {
  beforeEach(() => FakeSocket.reset());
  afterEach(() => vi.unstubAllGlobals());

  async function linked() {
    const client = new KgwClient({ url: "ws://x/api/kgw/ws", WebSocket: fakeWebSocket });
    await client.start();
    return { client, link: new ServerLink(client) };
  }

  const fetches = (answer: () => Response) => {
    const asked: string[] = [];
    vi.stubGlobal("fetch", (url: string | URL, init: RequestInit) => {
      const text = url.toString();
      asked.push(`${init.method} ${text.slice(text.indexOf("/api/") + 5)}`);
      return Promise.resolve(answer());
    });
    return asked;
  };

  it("tells of a run from its place in the queue to its end", async () => {
    const { link } = await linked();
    const { heard, it: mine } = sink();
    link.follow("r", mine, 1000);
    const socket = FakeSocket.last;
    const ch = socket.said("open")[0]?.["ch"] as number;
    socket.say({ t: "run", ch, run: { ...exited, state: "queued", step: "queue", position: 3 } });
    socket.say({ t: "run", ch, run: { ...exited, state: "running", step: "compile" } });
    socket.text(ch, 1, "warning", 2);
    socket.say({ t: "gap", ch, after: 1, before: 9, messages: null, bytes: null });
    socket.text(ch, 9, "done");
    socket.say({ t: "run", ch, run: exited });
    expect(heard).toEqual([
      ["queued", "queue", 3], ["running", "compile", undefined], ["err", "warning"], { messages: null, size: null }, ["out", "done"], { exit: 0 },
    ]);
    await expect(link.input("r", "late\n", false)).rejects.toThrow("it has ended");
  });

  it("asks for the end of the output when a person stops the program", async () => {
    const { link } = await linked();
    link.follow("r", sink().it, 1000);
    void link.signal("r", "KILL");
    expect(FakeSocket.last.heard.map((m) => m["t"])).toEqual(["hello", "open", "tail", "signal"]);
  });

  it("stops by REST what it does not follow", async () => {
    const { link } = await linked();
    const asked = fetches(() => new Response(null, { status: 204 }));
    await link.signal("other", "KILL");
    expect(asked).toEqual(["POST runs/other/signal"]);
  });

  it("says the server's own sentence, and that a credential was refused", async () => {
    const { client, link } = await linked();
    fetches(() => new Response(JSON.stringify({ message: "files[0].path must be a string" }), { status: 400 }));
    await expect(link.list("s")).rejects.toEqual(new ServerError("files[0].path must be a string", 400));
    fetches(() => new Response("{}", { status: 403 }));
    await expect(link.list("s")).rejects.toThrow();
    expect(client.connection.state.kind).toBe("signedOut");
  });
});
