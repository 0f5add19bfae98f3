import { describe, expect, it } from "vitest";
import { splitArgs } from "../src/lib/args";
import { decode, sizeOf, toBase64 } from "../src/lib/files/content";
import { parseCsv } from "../src/lib/files/csv";
import { EXAMPLES } from "../src/lib/files/examples";
import { takeIncoming } from "../src/lib/files/incoming";
import { languageOf, previewOf, serverLanguage } from "../src/lib/files/languages";
import { extensionOf, freePath, isBelow, join, nameOf, parentOf, pathProblem, toTree } from "../src/lib/files/paths";
import { parseShared, sharedFile } from "../src/lib/files/share";
import { pack, unpack } from "../src/lib/files/zip";
import { filesForRun } from "../src/lib/runFiles";
import { rank } from "../src/ide/Palette";

describe("paths", () => {
  it("fall into parts", () => {
    expect([parentOf("a/b/c.py"), nameOf("a/b/c.py"), extensionOf("a.b/c.PY"), extensionOf(".bashrc"), parentOf("c"), join("", "x")]).toEqual(["a/b", "c.py", ".py", "", "", "x"]);
    expect([isBelow("a/b", "a"), isBelow("ab", "a"), isBelow("a", ""), isBelow("a", "a")]).toEqual([true, false, true, false]);
  });

  it.each([
    ["src/main.py", undefined],
    ["größe 1.py", undefined],
    ["", "empty"],
    ["/etc/passwd", "parts"],
    ["a//b", "parts"],
    ["../a", "parts"],
    ["a/./b", "parts"],
    ["a/", "parts"],
    ["a\\b", "characters"],
    ["a\nb", "characters"],
    ["x".repeat(256), "long"],
    ["é".repeat(128), "long"],
    [Array.from({ length: 65 }, () => "a").join("/"), "long"],
  ])("%j is judged", (path, problem) => {
    expect(pathProblem(path)).toBe(problem);
  });

  it("find a name that is free", () => {
    const taken = new Set(["a.py", "a-2.py", "dir"]);
    expect(freePath("a.py", (p) => taken.has(p))).toBe("a-3.py");
    expect(freePath("dir", (p) => taken.has(p))).toBe("dir-2");
    expect(freePath("b.py", (p) => taken.has(p))).toBe("b.py");
  });

  it("make a tree: folders first, numbers as numbers", () => {
    const show = (nodes: ReturnType<typeof toTree>): unknown => nodes.map((n) => (n.folder ? [n.name, show(n.children)] : n.name));
    expect(show(toTree(["b.py", "src/x10.py", "src/x9.py", "A.py"], ["empty", "src/deep"]))).toEqual([["empty", []], ["src", [["deep", []], "x9.py", "x10.py"]], "A.py", "b.py"]);
  });
});

describe("contents", () => {
  it("are text where they are UTF-8", () => {
    expect(decode(new TextEncoder().encode("größe ✨"))).toBe("größe ✨");
    expect(decode(new Uint8Array([0xff, 0xfe, 65]))).toBeInstanceOf(Uint8Array);
    expect(decode(new Uint8Array([65, 0, 66]))).toBeInstanceOf(Uint8Array);
  });

  it("know their size in bytes", () => {
    for (const text of ["", "abc", "größe", "日本", "😀x"]) expect(sizeOf(text)).toBe(new TextEncoder().encode(text).length);
  });

  it("become base64 of any length", () => {
    const bytes = new Uint8Array(100_001).map((_, i) => i % 251);
    expect(Uint8Array.from(atob(toBase64(bytes)), (c) => c.charCodeAt(0))).toEqual(bytes);
  });
});

describe("zip files", () => {
  it("come back as they went", async () => {
    const bytes = new Uint8Array([1, 0, 255]);
    const { files, skipped } = await unpack(await pack([["src/a.py", "print(1)"], ["logo.png", bytes]]));
    expect(new Map(files)).toEqual(new Map<string, unknown>([["src/a.py", "print(1)"], ["logo.png", bytes]]));
    expect(skipped).toEqual([]);
  });

  it("can't climb out of the workspace", async () => {
    const { files, skipped } = await unpack(await pack([["../evil.py", "x"], ["/abs.py", "x"], ["ok.py", "x"]]));
    expect(files).toEqual([["ok.py", "x"]]);
    expect(skipped.sort()).toEqual(["../evil.py", "/abs.py"]);
  });

  it("that are none are refused", async () => {
    await expect(unpack(new TextEncoder().encode("not a zip"))).rejects.toThrow();
  });

  it("are unpacked where they lie when they are uploaded", async () => {
    const zip = new File([await pack([["a/b.txt", "hello"]])], "all.zip");
    expect(await takeIncoming([{ path: "up/all.zip", file: zip }], "in")).toEqual({ files: [["in/up/a/b.txt", "hello"]], skipped: [] });
  });
});

describe("shared files", () => {
  it("come back as they went", () => {
    const files: [string, string | Uint8Array][] = [["a.py", "x"], ["b.bin", new Uint8Array([1, 2])]];
    expect(parseShared(sharedFile(files))).toEqual(files);
  });

  it.each(["", "[]", '{"kernelgw":2}', '{"kernelgw":1}', '{"kernelgw":1,"files":[{"path":"../x","content":""}]}', '{"kernelgw":1,"files":[{"path":"x"}]}'])("%j is refused", (text) => {
    expect(() => parseShared(text)).toThrow();
  });
});

describe("CSV", () => {
  it("is read with quotes, and rows are counted past those that are kept", () => {
    expect(parseCsv('a,"b, ""c""\n2"\r\n1,2\n3,4', ",", 2)).toEqual({ rows: [["a", 'b, "c"\n2'], ["1", "2"]], total: 3 });
    expect(parseCsv("", ",", 5)).toEqual({ rows: [], total: 0 });
  });
});

describe("arguments", () => {
  it.each([
    ["", []],
    ["  a  b ", ["a", "b"]],
    [`"a b" 'c "d' e\\ f`, ["a b", 'c "d', "e f"]],
    ["''", [""]],
    [`x="1 2"`, ["x=1 2"]],
  ])("%j are split", (line, expected) => {
    expect(splitArgs(line)).toEqual(expected);
  });
});

describe("languages", () => {
  it("follow from names", () => {
    expect(["a.py", "b.TS", "C.java", "d.hpp", "e.sql", "Makefile"].map((p) => languageOf(p).id)).toEqual(["python", "javascript", "java", "header", "sql", "text"]);
    expect([previewOf("a.md"), previewOf("a.svg"), previewOf("a.py")]).toEqual(["markdown", "image", undefined]);
    expect(["C++", "cpp", "MySQL", "Python"].map(serverLanguage)).toEqual(["cpp", "cpp", "sql", "python"]);
  });

  it("have examples whose entries are there", () => {
    for (const e of EXAMPLES) expect(Object.keys(e.files)).toContain(e.entry);
    expect(new Set(EXAMPLES.map((e) => e.language))).toEqual(new Set(["python", "javascript", "java", "cpp", "sql"]));
  });
});

describe("files of a run", () => {
  it("are the program's, with headers and data, without other compilers' sources", () => {
    const all: [string, string | Uint8Array][] = [["a.cpp", "1"], ["b.cpp", "2"], ["a.h", "3"], ["x.py", "4"], ["Main.java", "5"], ["d.bin", new Uint8Array([1])]];
    expect(filesForRun("a.cpp", all).files.map((f) => f.path)).toEqual(["a.cpp", "b.cpp", "a.h", "x.py", "d.bin"]);
    expect(filesForRun("x.py", all).files).toContainEqual({ path: "d.bin", base64: "AQ==" });
    expect(filesForRun("x.py", all).files.map((f) => f.path)).not.toContain("Main.java");
  });
});

describe("the palette", () => {
  it("ranks what stands together before what is scattered", () => {
    expect(rank("src/main.py", "main")).toBe(4);
    expect(rank("Run again", "rag")).toBeGreaterThanOrEqual(100);
    expect(rank("Stop", "xyz")).toBeNull();
  });
});
