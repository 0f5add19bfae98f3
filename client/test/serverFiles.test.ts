import { describe, expect, it } from "vitest";
import { canCopy, ServerFiles } from "../src/lib/serverFiles";
import type { json } from "../src/lib/transport/http";
import { ServerError } from "../src/lib/transport/runLink";

/** A contents API over a map; folders are its null values. */
function served(files: Map<string, { format: string; content: string } | null>) {
  const asked: string[] = [];
  const call = (method: string, address: string, body?: { type: string; format: string; content: string }): Promise<unknown> => {
    const path = decodeURIComponent(address.split("?")[0]?.replace(/^contents\/?/, "") ?? "");
    asked.push(`${method} ${path}`);
    const fail = (status: number) => Promise.reject(new ServerError("no", status));
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    if (method === "PUT") {
      if (parent !== "" && files.get(parent) !== null) return fail(404);
      files.set(path, body?.type === "directory" ? null : { format: body?.format ?? "", content: body?.content ?? "" });
      return Promise.resolve({});
    }
    if (method === "DELETE") return files.delete(path) ? Promise.resolve(undefined) : fail(404);
    if (path === "") return Promise.resolve({ type: "directory" });
    const at = files.get(path);
    if (at === undefined) return fail(404);
    if (at) return Promise.resolve({ name: path, type: "file", ...at });
    const below = [...files].filter(([p]) => p.startsWith(`${path}/`) && !p.slice(path.length + 1).includes("/"));
    return Promise.resolve({ type: "directory", content: below.map(([p, f]) => ({ name: p.slice(path.length + 1), type: f ? "file" : "directory" })) });
  };
  return { asked, it: new ServerFiles(call as typeof json) };
}

describe("ServerFiles", () => {
  it("keep what they were given, text and bytes, in folders that they make once", async () => {
    const files = new Map();
    const { asked, it: mine } = served(files);
    await mine.describe({ id: "w1", name: "Größe" });
    await mine.put("w1", "src/a b.py", "print('größe')");
    await mine.put("w1", "src/c.bin", new Uint8Array([0, 255, 7]));
    expect(asked.filter((a) => a === "PUT ide/w1/src").length).toBe(1);
    expect(await mine.list()).toEqual([{ id: "w1", name: "Größe" }]);
    const loaded = new Map(await mine.load("w1"));
    expect([loaded.get("src/a b.py"), [...(loaded.get("src/c.bin") as Uint8Array)]]).toEqual(["print('größe')", [0, 255, 7]]);
    await mine.remove("w1", "src/c.bin");
    await mine.remove("w1", "src/c.bin"); // gone is gone
    expect((await mine.load("w1")).map(([path]) => path)).toEqual(["src/a b.py"]);
  });

  it("are none at first", async () => {
    const { it: mine } = served(new Map());
    expect([await mine.list(), await mine.load("none")]).toEqual([[], []]);
  });

  it("have no names that begin with a dot", () => {
    expect([canCopy("a/b.py"), canCopy("a/.env"), canCopy(".git/x")]).toEqual([true, false, false]);
  });
});
