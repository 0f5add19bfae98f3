// What cells were made of, for tracebacks: V8 knows a cell as Cell[3], people as Cell [3].
'use strict';

const { Math, Map } = require('./own');
const { SourceMap } = require('module');

const BYTES_MAX = 4 << 20;
const sources = new Map(); // name -> {code, map}
let bytes = 0;

/** Remembers a cell's code, and how to find its lines again where it was rewritten; the oldest are forgotten. */
function remember(name, code, map) {
  bytes += code.length - (sources.get(name)?.code.length ?? 0);
  sources.delete(name);
  sources.set(name, { code, map: map && new SourceMap(map) });
  for (const [oldest, { code: text }] of sources) {
    if (bytes <= BYTES_MAX || oldest === name) break;
    bytes -= text.length;
    sources.delete(oldest);
  }
}

/** "Cell[3]:2:7" in a line of a stack as "Cell [3]:2:7", with the places of the code as it was written. */
function readable(line) {
  return line.replace(/Cell\[(\w+)\](?::(\d+):(\d+))?/g, (whole, n, row, column) => {
    if (!row) return `Cell [${n}]`;
    const entry = sources.get(`Cell[${n}]`)?.map?.findEntry(row - 1, column - 1);
    if (entry?.originalLine !== undefined) [row, column] = [entry.originalLine + 1, entry.originalColumn + 1];
    return `Cell [${n}]:${row}:${column}`;
  });
}

/** A line of code with a mark under the column, or nothing when the cell is unknown. */
function excerpt(n, row, column) {
  const line = sources.get(`Cell[${n}]`)?.code.split('\n')[row - 1];
  if (line === undefined || !line.trim()) return [];
  // Far into a long line, show what is around the place.
  const from = column > 100 ? column - 60 : 0;
  const shown = line.slice(from, from + 120);
  const indent = shown.slice(0, Math.max(0, column - 1 - from)).replace(/[^\t]/g, ' ');
  return [`Cell [${n}]:${row}`, shown, indent + '^'];
}

/** [name, code] of the cells that are remembered, newest first. */
const newestFirst = () => [...sources].reverse().map(([name, { code }]) => [name, code]);

module.exports = { remember, readable, excerpt, newestFirst };
