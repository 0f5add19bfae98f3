import { describe, expect, it } from "vitest";
import { canFormat, format, FormatError } from "../src/editor/format";

describe("format", () => {
  it("knows JavaScript, TypeScript and what belongs to them", async () => {
    expect((await format("a.js", "const a={b:1}", 0, 2)).text).toBe("const a = { b: 1 };\n");
    expect((await format("a.ts", "let a:number=1", 0, 4)).text).toBe("let a: number = 1;\n");
    expect((await format("a.json", '{"a":[1,2]}', 0, 2)).text).toBe('{ "a": [1, 2] }\n');
    expect((await format("a.css", "a{color:red}", 0, 2)).text).toBe("a {\n  color: red;\n}\n");
    expect((await format("a.md", "* one\n* two", 0, 2)).text).toBe("- one\n- two\n");
    expect((await format("a.html", "<p>a<script>let  a</script>", 0, 2)).text).toContain("let a;");
    expect([canFormat("a.py"), canFormat("a.mjs")]).toEqual([false, true]);
  });

  it("keeps the cursor where it was in the text", async () => {
    const { text, cursor } = await format("a.js", "foo( 1,bar )", 7, 2);
    expect(text.slice(cursor)).toBe("bar);\n");
  });

  it("says where it could not go on", async () => {
    const failed = format("a.js", "let a = 1;\nlet = ;", 0, 2);
    await expect(failed).rejects.toThrow(FormatError);
    await expect(failed).rejects.toMatchObject({ line: 2 });
  });
});
