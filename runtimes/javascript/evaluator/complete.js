// Completion: names in scope, members of what can be looked at without side effects, modules and files.
'use strict';

const { Buffer, Function, Object, Map } = require('./own');
const fs = require('fs');
const path = require('path');
const { types } = require('util');
const { builtinModules } = require('module');
const { peek, lexicalNames, release } = require('./cell');
const { tokens } = require('./syntax');
const { unitsOf, pointsOf, wordStart, expressionBefore } = require('./positions');

const MATCHES_MAX = 2000;

const KEYWORDS = `async await break case catch class const continue debugger default delete do else enum export extends
  false finally for from function get if import in instanceof interface let new null of return set static super switch
  this throw true try type typeof undefined var void while with yield`.split(/\s+/);

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

const hidden = (name) => name.startsWith('__kernelgw');

/** Names of a value's members with their kind, nearest first: a Map. */
function membersOf(value) {
  const found = new Map();
  for (let o = Object(value); o && found.size < MATCHES_MAX && !types.isProxy(o); o = Object.getPrototypeOf(o)) {
    if (types.isTypedArray(o) || Buffer.isBuffer(o)) continue; // only numbers
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(o)))
      if (IDENTIFIER.test(name) && !found.has(name)) found.set(name, kindOf(property));
  }
  return found;
}

const kindOf = ({ value }) =>
  typeof value !== 'function' ? 'instance' : /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : 'function';

function names(code) {
  const found = new Map();
  for (const [, name] of code.matchAll(/\b(?:let|const|var|function\*?|class|enum)\s+([\p{ID_Start}$_][\p{ID_Continue}$]*)/gu))
    found.set(name, 'instance');
  for (const name of lexicalNames()) found.set(name, 'instance');
  for (const [name, kind] of membersOf(globalThis)) if (!hidden(name) && !found.has(name)) found.set(name, kind);
  for (const name of KEYWORDS) if (!found.has(name)) found.set(name, 'keyword');
  return found;
}

/** Files and folders that a beginning of a path may become, as texts that take its place. */
function files(begin) {
  const slash = begin.lastIndexOf('/') + 1;
  try {
    return fs.readdirSync(path.resolve(begin.slice(0, slash) || '.'), { withFileTypes: true })
      .filter((entry) => entry.name.startsWith(begin.slice(slash)) && (slash < begin.length || !entry.name.startsWith('.')))
      .map((entry) => begin.slice(0, slash) + entry.name + (entry.isDirectory() ? '/' : ''))
      .sort();
  } catch {
    return [];
  }
}

function modules(begin) {
  if (/^\.{0,2}\//.test(begin) || begin === '.' || begin === '..') return files(begin === '.' || begin === '..' ? `${begin}/` : begin);
  const packages = files('node_modules/').map((name) => name.slice('node_modules/'.length).replace(/\/$/, ''));
  const builtin = builtinModules.filter((name) => !name.startsWith('_'));
  return [...packages, ...builtin, ...builtin.filter((n) => !n.startsWith('node:')).map((name) => `node:${name}`)]
    .filter((name) => name.startsWith(begin) && (begin.startsWith('node:') || !name.startsWith('node:') || begin === ''));
}

/** {from, found: Map of text -> kind} for code that ends where the cursor is. */
function candidates(text, code) {
  const all = (list, kind) => new Map(list.map((name) => [name, kind]));
  const module = /(?:\brequire(?:\.resolve)?\s*\(\s*|\bfrom\s*|\bimport\s*\(?\s*)(['"`])([^'"`\n]*)$/.exec(text);
  if (module) return { from: text.length - module[2].length, found: all(modules(module[2]), 'module') };
  const file = /(['"`])(\.{0,2}\/[^'"`\n]*)$/.exec(text);
  if (file && tokens(text).error) return { from: text.length - file[2].length, found: all(files(file[2]), 'path') };
  const key = /\[\s*(['"])([^'"\n]*)$/.exec(text);
  if (key && tokens(text).error) {
    const value = peek(expressionBefore(text, key.index))?.value;
    const keys = value && typeof value === 'object' && !types.isProxy(value) ? Object.keys(value) : [];
    return { from: text.length - key[2].length, found: all(keys.filter((k) => k.startsWith(key[2])), 'instance') };
  }
  const from = wordStart(text, text.length);
  const begin = text.slice(from);
  // Inside a text or a comment there is nothing to complete, nor inside a number.
  if (/Unterminated (?:string|comment|regular)/.test(tokens(text).error?.message) || /^\d/.test(begin)) return { from, found: new Map() };
  if (/\/\/[^\n]*$/.test(text) && (tokens(text).tokens.at(-1)?.end ?? 0) <= text.lastIndexOf('//')) return { from, found: new Map() };
  const dot = /(?:\?\.|(?<!\.)\.)\s*$/.exec(text.slice(0, from));
  if (!dot) return { from, found: names(code) };
  const base = expressionBefore(text, text.slice(0, dot.index).trimEnd().length);
  const looked = /^\d*$/.test(base) ? undefined : peek(base);
  return { from, found: looked && looked.value !== null && looked.value !== undefined ? membersOf(looked.value) : new Map() };
}

function complete({ code, cursor_pos: cursor }) {
  const end = unitsOf(code, cursor);
  const text = code.slice(0, end);
  const { from, found } = candidates(text, code);
  release();
  const begin = text.slice(from);
  let matches = [...found.keys()].filter((name) => name.startsWith(begin));
  if (!matches.length && begin) {
    const lower = begin.toLowerCase();
    matches = [...found.keys()].filter((name) => name.toLowerCase().startsWith(lower));
  }
  matches = matches.slice(0, MATCHES_MAX);
  const [start, stop] = [pointsOf(code, from), pointsOf(code, end)];
  return {
    status: 'ok', matches, cursor_start: start, cursor_end: stop,
    metadata: { _jupyter_types_experimental: matches.map((name) => ({ text: name, type: found.get(name), start, end: stop })) },
  };
}

module.exports = { complete };
