import { beforeEach, describe, expect, it, vi } from "vitest";
import * as db from "../src/lib/files/db";
import { parseEnv, PLAIN_SETUP, type RunConfig } from "../src/lib/runSetup";
import type { RunModel, RunSpec } from "../src/lib/transport/runLink";
import { link, useConn } from "../src/store/conn";
import { putFiles, remove, rename, useFiles } from "../src/store/files";
import { closeConsole, restartRun, startRun, useRuns } from "../src/store/runs";
import { chooseConfig, keepConfig, keepSetup, openSetups, removeConfig, setupOf, useSetups, whatRuns } from "../src/store/setups";
import { useTabs, runChosen } from "../src/store/tabs";
import { useUi } from "../src/store/ui";
import { openWorkspace } from "../src/store/workspace";

describe("lines of variables", () => {
  it.each([
    ["", {}],
    ["A=1\nb_2=x y = z\n", { A: "1", b_2: "x y = z" }],
    ["# a note\n\n  A=\r\nB=2", { A: "", B: "2" }],
    ["A=1\nA=2", { A: "2" }],
  ])("%j are read", (text, env) => expect(parseEnv(text)).toEqual({ env, wrong: null }));

  it.each(["A", "1A=2", "A B=2", "=2", "export A=1"])("%j is refused", (line) => expect(parseEnv(`OK=1\n${line}`).wrong).toBe(line));
});

const slow: RunConfig = { id: "s", name: "slow", entry: "src/a.py", args: "--slow", env: "MODE=slow\nN=2", wallS: 90, tty: false };

describe("run configurations", () => {
  let specs: RunSpec[];
  let id: string;
  beforeEach(async () => {
    specs = [];
    vi.spyOn(link, "start").mockImplementation((spec) => {
      specs.push(spec);
      return Promise.resolve({ run_id: `r${specs.length}`, session: spec.session, language: spec.language, entry: spec.entry, state: "running" } as RunModel);
    });
    vi.spyOn(link, "follow").mockReturnValue(() => undefined);
    vi.spyOn(link, "forget").mockResolvedValue(undefined);
    useConn.setState({ languages: new Set(["python"]) });
    sessionStorage.clear();
    await openWorkspace();
    id = useFiles.getState().workspace?.id ?? "";
    for (const path of useRuns.getState().consoles) closeConsole(path);
    putFiles([["src/a.py", "a"], ["b.py", "b"]]);
  });

  it("pin what Run means, whichever file is in front", () => {
    useTabs.setState({ activeFile: "b.py" });
    keepConfig(slow);
    chooseConfig("s");
    expect(whatRuns("b.py")).toEqual({ path: "src/a.py", config: slow });
    expect(runChosen()).toBe(true);
    expect(specs[0]).toMatchObject({ entry: "src/a.py", args: ["--slow"], env: { MODE: "slow", N: "2" }, limits: { wall_s: 90 } });
    chooseConfig(null);
    runChosen();
    expect(specs[1]).toMatchObject({ entry: "b.py", args: [], env: {} });
    expect(specs[1]).not.toHaveProperty("limits");
  });

  it("are used again by what runs the same once more, and not by a file that is run by itself", async () => {
    keepConfig(slow);
    keepSetup("src/a.py", { ...PLAIN_SETUP, args: "own" });
    await startRun("src/a.py", "s");
    closeConsole("src/a.py");
    await restartRun("src/a.py");
    closeConsole("src/a.py");
    await startRun("src/a.py", null);
    closeConsole("src/a.py");
    await restartRun("src/a.py");
    expect(specs.map((s) => s.args)).toEqual([["--slow"], ["--slow"], ["own"], ["own"]]);
  });

  it("are kept with the workspace", async () => {
    keepConfig(slow);
    chooseConfig("s");
    useSetups.setState({ configs: [], chosen: null });
    openSetups();
    expect(useSetups.getState()).toMatchObject({ configs: [slow], chosen: "s" });
    await vi.waitFor(async () => expect((await db.loadState(id)).setups).toMatchObject({ configs: [slow], chosen: "s" }));
  });

  it("follow their file to another name", () => {
    keepConfig(slow);
    keepSetup("b.py", { ...PLAIN_SETUP, tty: true });
    rename("src", "lib");
    rename("b.py", "c.py");
    expect(useSetups.getState().configs[0]?.entry).toBe("lib/a.py");
    expect([setupOf("c.py", null).tty, setupOf("b.py", null).tty]).toEqual([true, false]);
  });

  it("say so when their file is gone, and Run means the active file when they are", async () => {
    keepConfig(slow);
    chooseConfig("s");
    remove("src/a.py");
    await startRun("src/a.py", "s");
    expect(specs).toEqual([]);
    expect(useUi.getState().toasts.at(-1)?.text).toContain("no file of this name");
    removeConfig("s");
    expect(whatRuns("b.py")).toEqual({ path: "b.py", config: null });
  });
});
