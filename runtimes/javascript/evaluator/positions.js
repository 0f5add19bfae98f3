// Places in code: Jupyter counts code points, JavaScript UTF-16 units. And what stands before a place.
'use strict';

const { Math } = require('./own');
const unitsOf = (code, points) => [...code].slice(0, Math.max(0, points)).join('').length;
const pointsOf = (code, units) => [...code.slice(0, units)].length;

const WORD = /[\p{ID_Continue}$\u200c\u200d]/u;

const OPENING = { ')': '(', ']': '[', '}': '{' };

/** Where the bracket or string begins that ends before `end`; -1 if nowhere. */
function skipBack(text, end) {
  const closing = text[end - 1];
  if (!OPENING[closing]) {
    for (let i = end - 2; i >= 0; i--) if (text[i] === closing && text[i - 1] !== '\\') return i;
    return -1;
  }
  const open = [];
  for (let i = end - 1; i >= 0; i--) {
    const c = text[i];
    if (OPENING[c]) open.push(OPENING[c]);
    else if (c === open.at(-1)) {
      open.pop();
      if (!open.length) return i;
    } else if (/["'`]/.test(c)) {
      i = skipBack(text, i + 1);
      if (i < 0) return -1;
    }
  }
  return -1;
}

const wordStart = (text, end) => {
  while (end > 0 && WORD.test(text[end - 1])) end--;
  return end;
};

/** The expression that ends at `end`, like a.b[0].c(1), as text: what a dot behind it would be about. */
function expressionBefore(text, end) {
  let at = end;
  for (;;) {
    if (at > 0 && /[)\]}"'`]/.test(text[at - 1])) {
      const quote = /["'`]/.test(text[at - 1]);
      at = skipBack(text, at);
      if (at < 0) return '';
      // Behind a name or another bracket it is a call or an index of that; else it is the beginning.
      if (quote || !(WORD.test(text[at - 1] ?? '') || /[)\]]/.test(text[at - 1] ?? ''))) break;
      continue;
    }
    const start = wordStart(text, at);
    if (start === at) break;
    at = start;
    const dot = /\?\.\s*$|\.\s*$/.exec(text.slice(0, at));
    if (!dot || text[dot.index - 1] === '.') break;
    at = dot.index;
    while (/\s/.test(text[at - 1] ?? '')) at--;
  }
  const fresh = /\bnew\s+$/.exec(text.slice(0, at));
  return text.slice(fresh ? fresh.index : at, end);
}

module.exports = { unitsOf, pointsOf, wordStart, expressionBefore, WORD };
