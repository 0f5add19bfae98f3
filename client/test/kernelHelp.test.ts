import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fromPoints, importsOf, KernelHelp, toPoints } from "../src/lib/kernelHelp";
import type { JupyterMessage } from "../src/lib/kgw";

function helped(language = "python") {
  const sent: JupyterMessage[] = [];
  const help = new KernelHelp(language);
  help.begin({ send: (m) => sent.push(m) > 0, close: () => undefined });
  const answer = (content: Record<string, unknown>) => {
    const asked = sent[sent.length - 1];
    if (!asked) throw new Error("nothing was asked");
    help.hear({ ...asked, header: { ...asked.header, msg_type: asked.header.msg_type.replace("_request", "_reply") }, parent_header: asked.header, content });
  };
  return { help, sent, answer };
}

describe("KernelHelp", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("counts as kernels count", () => {
    expect([toPoints("😀a", 2), toPoints("😀a", 3), fromPoints("😀a", 1), fromPoints("😀a", 2)]).toEqual([1, 2, 2, 3]);
  });

  it("offers what the kernel offers, with what it is", async () => {
    const { help, sent, answer } = helped();
    const offered = help.complete("s = '😀'; s.up", 13);
    expect(sent[0]).toMatchObject({ channel: "shell", header: { msg_type: "complete_request" }, content: { cursor_pos: 12 } });
    answer({
      status: "ok", matches: ["upper", "x"], cursor_start: 10, cursor_end: 12,
      metadata: { _jupyter_types_experimental: [{ text: "upper", type: "function", signature: "()" }, { text: "x", type: "<unknown>", signature: "" }] },
    });
    expect(await offered).toEqual({
      from: 11, to: 13, offers: [{ text: "upper", type: "function", signature: "()" }, { text: "x", type: undefined, signature: undefined }],
    });
  });

  it("offers attributes without their dot, and no notebook's commands", async () => {
    const { help, answer } = helped();
    const offered = help.complete("os.pa", 5);
    answer({ status: "ok", matches: [".path", ".pardir", "%pastebin"], cursor_start: 2, cursor_end: 5, metadata: {} });
    expect(await offered).toMatchObject({ from: 3, to: 5, offers: [{ text: "path" }, { text: "pardir" }] });
  });

  it("explains in plain text, or says that it can't", async () => {
    const { help, answer } = helped("javascript");
    const told = help.inspect("print", 5);
    answer({ status: "ok", found: true, data: { "text/plain": "\x1b[31mSignature:\x1b[0m print()\n" } });
    expect(await told).toBe("Signature: print()");
    const nothing = help.inspect("x", 1);
    answer({ status: "ok", found: false, data: {} });
    expect(await nothing).toBeNull();
  });

  it("waits for no kernel that does not answer", async () => {
    const { help } = helped();
    const late = help.complete("x", 1);
    await vi.advanceTimersByTimeAsync(5000);
    expect(await late).toBeNull();
    const open = help.complete("y", 1);
    help.close();
    expect(await open).toBeNull();
    expect(await help.complete("z", 1)).toBeNull();
  });

  it("runs a Python text's imports, once, and nothing else of it", () => {
    const { help, sent } = helped();
    const code = "import math, os.path as p\nfrom a.b import (c,\n  d)\nprint('no')\n  import inner\nfrom x import *\n";
    expect(importsOf(code)).toEqual(["import math, os.path as p", "from a.b import (c,\n  d)", "from x import *"]);
    void help.complete(code, 3);
    void help.complete(code, 4);
    expect(sent.map((m) => m.header.msg_type)).toEqual(["execute_request", "complete_request", "complete_request"]);
    expect(sent[0]?.content["code"]).not.toContain("print");
    const other = helped("javascript");
    void other.help.complete("import fs", 3);
    expect(other.sent.length).toBe(1);
  });
});
