import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as db from "../src/lib/files/db";
import type { JupyterMessage } from "../src/lib/kgw";
import type { RunModel, RunSink, RunSpec } from "../src/lib/transport/runLink";
import { link, useConn } from "../src/store/conn";
import { addFolder, contentOf, edit, onFileEvent, putFiles, remove, rename, save, useFiles } from "../src/store/files";
import { closeConsole, endInput, historyOf, isLive, labelOf, leaveRuns, logOf, restoreRuns, sendInput, startRun, stopRun, useRuns } from "../src/store/runs";
import { PLAIN_SETUP } from "../src/lib/runSetup";
import { keepSetup } from "../src/store/setups";
import { noteStart, takeReturned } from "../src/store/returned";
import { useSettings } from "../src/store/settings";
import { heldWorkspaces, openWorkspace, switchWorkspace } from "../src/store/workspace";
import { useUi } from "../src/store/ui";

async function fresh(): Promise<string> {
  sessionStorage.clear();
  await openWorkspace();
  const id = useFiles.getState().workspace?.id;
  if (!id) throw new Error("no workspace");
  return id;
}

const stored = async (id: string) => new Map((await db.loadFiles(id)).map(([path, { content }]) => [path, content]));

describe("files", () => {
  it("are kept as they change, and dirty until then", async () => {
    const id = await fresh();
    putFiles([["a.py", "1"]]);
    await save();
    edit("a.py", "12");
    expect(useFiles.getState().files["a.py"]).toMatchObject({ dirty: true, size: 2 });
    await save();
    expect(useFiles.getState().files["a.py"]?.dirty).toBe(false);
    expect((await stored(id)).get("a.py")).toBe("12");
  });

  it("that change while they are being saved stay dirty", async () => {
    await fresh();
    putFiles([["a.py", "1"]]);
    const saving = save();
    edit("a.py", "2");
    await saving;
    expect(useFiles.getState().files["a.py"]?.dirty).toBe(true);
  });

  it("move with their folder, and whoever shows them hears of it", async () => {
    const id = await fresh();
    putFiles([["src/a.py", "a"], ["src/deep/b.py", "b"], ["srcs.py", "c"]]);
    addFolder("src/empty");
    await save();
    const heard: unknown[] = [];
    const off = onFileEvent((e) => heard.push(e));
    rename("src", "lib");
    off();
    await save();
    expect([contentOf("lib/a.py"), contentOf("lib/deep/b.py"), contentOf("srcs.py"), contentOf("src/a.py")]).toEqual(["a", "b", "c", undefined]);
    expect(useFiles.getState().folders).toContain("lib/empty");
    expect(useFiles.getState().folders.some((f) => f.startsWith("src"))).toBe(false);
    expect(heard).toEqual([{ kind: "renamed", from: "src/a.py", to: "lib/a.py" }, { kind: "renamed", from: "src/deep/b.py", to: "lib/deep/b.py" }]);
    const kept = await stored(id);
    expect([...kept.keys()].filter((k) => k.startsWith("src/"))).toEqual([]);
    expect(kept.get("lib/deep/b.py")).toBe("b");
  });

  it("that are removed are gone from the database, too", async () => {
    const id = await fresh();
    putFiles([["d/a.py", "a"], ["d/b.py", "b"], ["e.py", "e"]]);
    await save();
    remove("d");
    await save();
    const kept = await stored(id);
    expect([kept.has("d/a.py"), kept.has("d/b.py"), kept.has("e.py")]).toEqual([false, false, true]);
  });
});

describe("workspaces", () => {
  it("of a second tab are its own, and the first one's files stay", async () => {
    const first = await fresh();
    putFiles([["mine.py", "1"]]);
    await save();
    expect(await heldWorkspaces()).toContain(first);
    // The second tab: another page with the same database and locks. Here the first page's lock is still held.
    vi.resetModules();
    sessionStorage.clear();
    const other = { files: await import("../src/store/files"), workspace: await import("../src/store/workspace"), ui: await import("../src/store/ui") };
    await other.workspace.openWorkspace();
    const second = other.files.useFiles.getState().workspace?.id;
    expect(second).not.toBe(first);
    expect(other.files.contentOf("mine.py")).toBeUndefined();
    expect(await other.workspace.switchWorkspace(first)).toBe(false);
    expect((await stored(first)).get("mine.py")).toBe("1");
    await other.workspace.copyInto(first);
    expect(other.files.contentOf("mine.py")).toBe("1");
  });

  it("that nobody has can be changed to", async () => {
    await fresh();
    const mine = useFiles.getState().workspace?.id ?? "";
    await db.changeWorkspaces((list) => [...list, { id: "other", name: "Other", usedAt: 1 }]);
    await db.saveFiles("other", [["o.py", { content: "o", savedAt: 1 }]]);
    vi.spyOn(link, "list").mockResolvedValue([]);
    expect(await switchWorkspace("other")).toBe(true);
    expect(contentOf("o.py")).toBe("o");
    expect(await heldWorkspaces()).not.toContain(mine);
  });
});

const model = (some: Partial<RunModel>): RunModel => ({ run_id: "r1", session: "s", language: "python", entry: "a.py", state: "queued", ...some });

describe("runs", () => {
  let sinks: Map<string, RunSink>;
  let specs: RunSpec[];

  beforeEach(async () => {
    await fresh();
    putFiles([["a.py", "print(1)"], ["b.py", "print(2)"], ["notes.txt", "n"]]);
    sinks = new Map();
    specs = [];
    let count = 0;
    vi.spyOn(link, "start").mockImplementation((spec) => {
      specs.push(spec);
      return Promise.resolve(model({ run_id: `r${++count}`, entry: spec.entry }));
    });
    vi.spyOn(link, "follow").mockImplementation((id, sink) => {
      sinks.set(id, sink);
      return () => sinks.delete(id);
    });
    vi.spyOn(link, "signal").mockResolvedValue();
    vi.spyOn(link, "forget").mockResolvedValue();
    vi.spyOn(link, "input").mockResolvedValue();
    useConn.setState({ languages: new Set(["python"]) });
  });
  afterEach(() => leaveRuns());

  const run = (path: string) => useRuns.getState().byPath[path];
  const text = (path: string) => logOf(path).text();

  it("take the text as it is now", async () => {
    edit("a.py", "print('new')");
    await startRun("a.py");
    expect(specs[0]?.files).toContainEqual({ path: "a.py", content: "print('new')" });
    expect(specs[0]).toMatchObject({ entry: "a.py", language: "python", args: [] });
  });

  it("take their arguments", async () => {
    keepSetup("a.py", { ...PLAIN_SETUP, args: 'one "two three"' });
    await startRun("a.py");
    expect(specs[0]?.args).toEqual(["one", "two three"]);
    expect(specs[0]).not.toHaveProperty("limits");
  });

  it("are given what is secret, and nobody else sees it", async () => {
    await startRun("a.py");
    const says = (secret: unknown) =>
      sinks.get("r1")?.message({
        channel: "iopub",
        header: { msg_type: "display_data" } as JupyterMessage["header"],
        parent_header: {},
        metadata: {},
        content: { data: { "application/vnd.kernelgw.input+json": { secret } } },
        buffers: [],
      });
    sinks.get("r1")?.output("err", "Password: ");
    says(true);
    expect(run("a.py")?.secret).toBe(true);
    await sendInput("a.py", "hunter2", run("a.py")?.secret);
    expect(link.input).toHaveBeenLastCalledWith("r1", "hunter2\n", false);
    says(false);
    expect(run("a.py")?.secret).toBe(false);
    await sendInput("a.py", "plain");
    says("perhaps"); // no such thing: a picture like any other that nobody knows
    expect(historyOf("a.py")).toEqual(["plain"]);
    expect(text("a.py")).not.toContain("hunter2");
    expect(text("a.py").split("\n").slice(0, 2)).toEqual(["Password: ••••••••", "plain"]);
  });

  it("each have their own output, input and stop", async () => {
    await startRun("a.py");
    await startRun("b.py");
    sinks.get("r1")?.output("out", "from a\n");
    sinks.get("r2")?.output("out", "from b\n");
    expect([text("a.py"), text("b.py")]).toEqual(["from a", "from b"]);
    await sendInput("a.py", "for a");
    expect(link.input).toHaveBeenLastCalledWith("r1", "for a\n", false);
    await endInput("b.py");
    expect(link.input).toHaveBeenLastCalledWith("r2", "", true);
    await stopRun("a.py");
    expect(link.signal).toHaveBeenCalledWith("r1", "KILL");
    expect([run("a.py")?.stopping, run("b.py")?.stopping]).toEqual([true, false]);
  });

  it("end in words", async () => {
    await startRun("a.py");
    sinks.get("r1")?.exit(model({ state: "exited", reason: "oom", wall_ms: 1200 }));
    const ended = run("a.py");
    if (!ended) throw new Error("no run");
    expect([isLive(ended), labelOf(ended)]).toEqual([false, "killed: out of memory"]);
    expect(text("a.py")).toBe("— killed: out of memory after 1.2 s");
    expect(useUi.getState().announcement).toContain("a.py");
  });

  it("do not hear of the run before them", async () => {
    await startRun("a.py");
    const old = sinks.get("r1");
    old?.exit(model({ state: "exited", reason: "exit", exit_code: 0 }));
    await startRun("a.py");
    old?.output("out", "late\n");
    sinks.get("r2")?.output("out", "new\n");
    expect(text("a.py")).toBe("new");
  });

  it("follow their file to its new name", async () => {
    await startRun("a.py");
    sinks.get("r1")?.output("out", "before\n");
    rename("a.py", "src/c.py");
    sinks.get("r1")?.output("out", "after\n");
    expect(text("src/c.py")).toBe("before\nafter");
    expect(useRuns.getState().consoles).toEqual(["src/c.py"]);
    await stopRun("src/c.py");
    expect(link.signal).toHaveBeenCalledWith("r1", "KILL");
  });

  it("are stopped even when the server has not answered yet", async () => {
    let answer: (m: RunModel) => void = () => undefined;
    vi.spyOn(link, "start").mockReturnValue(new Promise((done) => (answer = done)));
    const starting = startRun("a.py");
    await stopRun("a.py");
    answer(model({ run_id: "r9" }));
    await starting;
    expect(link.signal).toHaveBeenCalledWith("r9", "KILL");
  });

  it("are ended with their console", async () => {
    await startRun("a.py");
    closeConsole("a.py");
    expect(link.forget).toHaveBeenCalledWith("r1");
    expect(sinks.has("r1")).toBe(false);
    expect(useRuns.getState().consoles).toEqual([]);
  });

  it("that can't be are refused in words", async () => {
    await startRun("notes.txt");
    await startRun("none.py");
    useConn.setState({ languages: new Set(["java"]) });
    await startRun("a.py");
    expect(specs).toEqual([]);
    expect(useUi.getState().toasts.slice(-3).map((t) => t.tone)).toEqual(["error", "error", "error"]);
  });

  it("that the server refuses say why in their console", async () => {
    vi.spyOn(link, "start").mockRejectedValue(new Error("too many runs are under way"));
    await startRun("a.py");
    expect(text("a.py")).toContain("too many runs are under way");
    expect(run("a.py")?.state).toBe("failed");
  });

  it("come back after a reload, the newest of each file", async () => {
    vi.spyOn(link, "list").mockResolvedValue([
      model({ run_id: "old", created: "2026-01-01T00:00:00Z", state: "exited" }),
      model({ run_id: "new", created: "2026-01-01T00:00:05Z", state: "running" }),
      model({ run_id: "b1", entry: "b.py", created: "2026-01-01T00:00:01Z", state: "exited" }),
    ]);
    await restoreRuns();
    expect([...sinks.keys()].sort()).toEqual(["b1", "new"]);
    sinks.get("new")?.output("out", "1\n2\n");
    expect(text("a.py")).toBe("1\n2");
    expect(useRuns.getState().consoles.sort()).toEqual(["a.py", "b.py"]);
  });

  it("keep as many lines as the settings say", async () => {
    await startRun("a.py");
    useSettings.getState().change({ scrollback: 100 });
    sinks.get("r1")?.output("out", Array.from({ length: 300 }, (_, i) => `${i}\n`).join(""));
    expect([logOf("a.py").ring.length, logOf("a.py").dropped]).toEqual([100, 200]);
    useSettings.getState().change({ scrollback: 2000 });
  });
});

describe("files that a program has made", () => {
  const ended = (files: RunModel["files"]): RunModel => ({ run_id: crypto.randomUUID(), session: null, language: "python", entry: "a.py", state: "exited", ...(files && { files }) });
  const bytes = (text: string) => Promise.resolve(new TextEncoder().encode(text));
  const changed = (...paths: string[]) => paths.map((path) => ({ path, size: 1, hash: "" }));

  it("come into the workspace, and those that it deleted go", async () => {
    await fresh();
    putFiles([["data.csv", "old"], ["gone.txt", "x"]]);
    const model = ended({ changed: changed("data.csv", "out/new.txt"), deleted: ["gone.txt"] });
    noteStart(model.run_id);
    vi.spyOn(link, "file").mockImplementation((_, path) => bytes(`new ${path}`));
    const lines = await takeReturned(model);
    expect([contentOf("data.csv"), contentOf("out/new.txt"), contentOf("gone.txt")]).toEqual(["new data.csv", "new out/new.txt", undefined]);
    expect(lines.join("\n")).toContain("data.csv, out/new.txt");
    edit("data.csv", "mine");
    expect(await takeReturned(model)).toEqual([]); // a reload hears of it again
    expect(contentOf("data.csv")).toBe("mine");
  });

  it("don't overwrite what was edited meanwhile, nor delete it", async () => {
    await fresh();
    putFiles([["a.txt", "1"], ["b.txt", "1"]]);
    const model = ended({ changed: changed("a.txt"), deleted: ["b.txt"] });
    noteStart(model.run_id);
    edit("a.txt", "mine");
    edit("b.txt", "mine");
    vi.spyOn(link, "file").mockImplementation(() => bytes("its"));
    await takeReturned(model);
    expect([contentOf("a.txt"), contentOf(`a.conflict-${model.run_id.slice(0, 8)}.txt`), contentOf("b.txt")]).toEqual(["mine", "its", "mine"]);
  });

  it("that can't be had are told", async () => {
    await fresh();
    const model = ended({ changed: changed("a.txt"), left_out: [{ path: "huge", why: "too large" }], more: true });
    vi.spyOn(link, "file").mockRejectedValue(new Error("gone"));
    expect((await takeReturned(model)).join("\n")).toMatch(/a\.txt: gone\n.*huge: too large\n.*more files/);
  });
});
