// A line of arguments, split as a shell splits it, as far as a person needs: spaces, both quotes, backslash.

export function splitArgs(line: string): string[] {
  const out: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const c = line[i] ?? "";
    if (c === "\\" && quote !== "'" && i + 1 < line.length) word = (word ?? "") + (line[++i] ?? "");
    else if (quote !== "" && c === quote) quote = "";
    else if (quote === "" && (c === "'" || c === '"')) {
      quote = c;
      word ??= "";
    } else if (quote === "" && /\s/.test(c)) {
      if (word !== null) out.push(word);
      word = null;
    } else word = (word ?? "") + c;
  }
  if (word !== null) out.push(word);
  return out;
}
