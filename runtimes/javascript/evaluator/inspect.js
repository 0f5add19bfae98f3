// Inspection: what the name at the cursor is, its signature, its comment, its source.
'use strict';

const { Array, Function, Object, Map } = require('./own');
const { inspect: show } = require('util');
const { peek, release } = require('./cell');
const { newestFirst } = require('./sources');
const { unitsOf, expressionBefore, WORD } = require('./positions');

const DOCS = require('./docs.json');

/** The expression at the cursor, or, behind an opening parenthesis, the one that is called. */
function expressionAt(code, at) {
  let end = at;
  while (end < code.length && WORD.test(code[end])) end++;
  const here = expressionBefore(code, end);
  if (here && WORD.test(code[end - 1] ?? '')) return here;
  let depth = 0;
  for (let i = at - 1; i >= 0; i--) {
    if (/[)\]}]/.test(code[i])) depth++;
    else if (/[([{]/.test(code[i]) && depth-- === 0)
      return code[i] === '(' ? expressionBefore(code, code.slice(0, i).trimEnd().length) : '';
  }
  return here;
}

const sourceOf = (f) => Function.prototype.toString.call(f);

/** "name(a, b = 1)", "class X(a)" of a function as it was written. */
function signature(f, name) {
  const source = sourceOf(f);
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) return undefined;
  if (/^class\b/.test(source)) {
    const begin = /(?<![\w$.])constructor\s*(?=\()/.exec(source);
    return `class ${f.name || name}${begin ? parenthesised(source, begin.index + begin[0].length) : '()'}`;
  }
  const arrow = /^(?:async\s*)?([\w$]+)\s*=>/.exec(source);
  if (arrow) return `${f.name || name}(${arrow[1]})`;
  const kind = /^async\b/.test(source) ? 'async ' : '';
  return `${kind}${f.name || name}${/^(?:async\s*)?(?:function\s*)?\*/.test(source) ? '*' : ''}${parenthesised(source, source.indexOf('('))}`;
}

function parenthesised(source, begin) {
  for (let i = begin, depth = 0; i >= 0 && i < source.length; i++) {
    if (/[([{]/.test(source[i])) depth++;
    else if (/[)\]}]/.test(source[i]) && --depth === 0) return source.slice(begin, i + 1).replace(/\s+/g, ' ');
  }
  return '()';
}

/** The comment right before a function in the cell that it comes from. */
function comment(f) {
  const source = sourceOf(f);
  for (const [, code] of newestFirst()) {
    const at = code.indexOf(source);
    if (at < 0) continue;
    // Between the two may stand "const name =" and the like.
    const before = code.slice(0, at).replace(/(?:export\s+)?(?:default\s+)?(?:(?:const|let|var)\s+[\w$]+\s*=\s*)?$/, '');
    const block = /\/\*\*?((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(before) ?? /((?:^[ \t]*\/\/[^\n]*\n)+)[ \t]*$/m.exec(before);
    return block?.[1].replace(/^[ \t]*(?:\*|\/\/) ?/gm, '').trim() || undefined;
  }
}

function describe(expression, value, detail) {
  const name = /[\p{ID_Continue}$]+$/u.exec(expression)?.[0] ?? expression;
  const known = documentation(expression, value);
  const parts = [];
  if (typeof value === 'function') {
    parts.push(known?.[0] ?? signature(value, name) ?? `${value.name || name}(${Array.from({ length: value.length }, (_, i) => `arg${i + 1}`).join(', ')})`);
    const text = known?.[1] ?? comment(value);
    if (text) parts.push(text);
    if (detail > 0 && !/\[native code\]/.test(sourceOf(value))) parts.push(`Source:\n${sourceOf(value)}`);
    const members = Object.keys(value);
    if (members.length) parts.push(`Members: ${members.join(', ')}`);
  } else {
    const of = value !== null && typeof value === 'object' ? value.constructor?.name : undefined;
    parts.push(`${expression}: ${of ?? (value === null ? 'null' : typeof value)}`);
    if (known) parts.push(known[1]);
    parts.push(show(value, { depth: detail > 0 ? 4 : 1, maxArrayLength: 20, maxStringLength: 2000 }));
  }
  return parts.join('\n\n');
}

/** Names of functions of the language and of Node that have an entry in docs.json, by the function itself. */
let entries;
function documentation(expression, value) {
  if (!entries) {
    entries = new Map();
    for (const [name, entry] of Object.entries(DOCS)) {
      const found = peek(name)?.value;
      if (typeof found === 'function') entries.set(found, entry);
      else if (found !== undefined) entries.set(name, entry);
    }
  }
  return entries.get(typeof value === 'function' ? value : expression);
}

function inspect({ code, cursor_pos: cursor, detail_level: detail = 0 }) {
  const expression = expressionAt(code, unitsOf(code, cursor));
  const looked = expression && peek(expression);
  const found = Boolean(looked) && (looked.value !== undefined || expression === 'undefined');
  const reply = { status: 'ok', found, data: found ? { 'text/plain': describe(expression, looked.value, detail) } : {}, metadata: {} };
  release();
  return reply;
}

module.exports = { inspect };
