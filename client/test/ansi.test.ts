import { describe, expect, it } from "vitest";
import { parseAnsi, stripAnsi, styleAfter } from "../src/lib/console/ansi";
import { applySgr, PLAIN, styleToAnsi } from "../src/lib/console/style";

const E = "\x1b";

describe("parseAnsi", () => {
  it.each([
    ["plain", [{ text: "plain", style: {} }]],
    [`${E}[31mred${E}[0m not`, [{ text: "red", style: { fg: 1 } }, { text: " not", style: {} }]],
    [`${E}[1;4;92mx`, [{ text: "x", style: { bold: true, underline: true, fg: 10 } }]],
    [`${E}[38;5;208mx${E}[48;5;17my`, [{ text: "x", style: { fg: 208 } }, { text: "y", style: { fg: 208, bg: 17 } }]],
    [`${E}[38;2;1;128;255mx`, [{ text: "x", style: { fg: "#0180ff" } }]],
    [`${E}[38:2::1:128:255mx`, [{ text: "x", style: { fg: "#0180ff" } }]],
    [`${E}[48:5:3mx`, [{ text: "x", style: { bg: 3 } }]],
    [`${E}[31m${E}[39mx`, [{ text: "x", style: {} }]],
    [`${E}[1;2mx${E}[22my`, [{ text: "x", style: { bold: true, dim: true } }, { text: "y", style: {} }]],
    [`${E}[mx`, [{ text: "x", style: {} }]],
    [`a${E}[2Kb${E}[?25lc${E}(Bd`, [{ text: "abcd", style: {} }]],
    [`${E}]0;a title\x07x`, [{ text: "x", style: {} }]],
    [`${E}]8;;https://a.example/b${E}\\here${E}]8;;${E}\\ there`, [{ text: "here", style: { link: "https://a.example/b" } }, { text: " there", style: {} }]],
    [`${E}]8;;javascript:alert(1)${E}\\x`, [{ text: "x", style: {} }]],
    [`cut ${E}[3`, [{ text: "cut ", style: {} }]],
    [`bell\x07 and \x00nul`, [{ text: "bell and nul", style: {} }]],
    ["", []],
  ])("reads %j", (text, expected) => {
    expect(parseAnsi(text)).toEqual(expected);
  });

  it("begins in the style that earlier lines left, and tells the style after", () => {
    const start = styleAfter(`${E}[1m${E}[31mred`, PLAIN);
    expect(start).toEqual({ bold: true, fg: 1 });
    expect(parseAnsi("still", start)).toEqual([{ text: "still", style: { bold: true, fg: 1 } }]);
    expect(styleAfter(`${E}[0m`, start)).toBe(PLAIN);
  });

  it("never lets a sequence into the bare text", () => {
    expect(stripAnsi(`${E}[31ma${E}]8;;http://x${E}\\b${E}]8;;${E}\\${E}[0mc`)).toBe("abc");
  });
});

describe("styles", () => {
  it("turn into a sequence that gives them back", () => {
    for (const sgr of ["1;3;31", "38;5;200;48;2;1;2;3", "4;7;9;97", "0"]) {
      const style = applySgr(PLAIN, sgr);
      expect(styleAfter(styleToAnsi(style), PLAIN)).toEqual(style);
    }
  });

  it("ignore what they don't know", () => {
    expect(applySgr(PLAIN, "38;9;1")).toEqual({ bold: true }); // 9 is no colour space: 1 counts again
    expect(applySgr(PLAIN, "999")).toBe(PLAIN);
    expect(applySgr(PLAIN, "38;5;999")).toBe(PLAIN);
  });
});
