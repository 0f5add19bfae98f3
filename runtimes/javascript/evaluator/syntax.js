// Parsing and rewriting: what a cell may hold that V8 does not take as a script.
'use strict';

const { Array, Buffer, JSON, Math, Number, Object, String } = require('./own');
const vm = require('vm');

// Loaded when a cell needs them: most cells need neither, and TypeScript's parser takes 12 MB.
const lazy = (load) => {
  let value;
  return () => (value ??= load());
};
const acorn = lazy(() => require('acorn'));
const stripper = lazy(() => require('module').stripTypeScriptTypes);

// The names by which rewritten cells reach what only modules have (globals.js).
const IMPORT = '__kernelgw_import';
const META = '__kernelgw_import_meta';

/** The syntax tree of a cell's JavaScript, or a SyntaxError with `pos` and `loc`. */
function parse(code, more) {
  return acorn().parse(code, {
    ecmaVersion: 'latest', sourceType: 'script', locations: true, allowAwaitOutsideFunction: true,
    allowImportExportEverywhere: true, allowHashBang: true, ...more,
  });
}

/** undefined when V8 would take code as a cell, else what it says: {message, line, column}. */
function syntaxError(code) {
  try {
    new vm.Script(`(async () => {\n${code}\n})`, { filename: 'cell', lineOffset: -1 });
  } catch (error) {
    const [, line, text, marks] = /^cell:(\d+)\n(.*)\n( *)\^/.exec(error.stack) ?? [];
    return { message: error.message, line: Number(line ?? 1), column: text === undefined ? 1 : marks.length + 1 };
  }
}

/** The same by the parser that knows import and export; V8 has the better words where it knows them. */
function moduleError(code) {
  try {
    parse(code);
  } catch (error) {
    if (!error.loc) throw error;
    const found = syntaxError(code);
    if (found && !/import|export/.test(found.message)) return found;
    return { message: error.message.replace(/ \(\d+:\d+\)$/, ''), line: error.loc.line, column: error.loc.column + 1 };
  }
}

/** Whether code is an incomplete beginning: {pos} is where the parser gave up. */
function parseError(code) {
  try {
    parse(code);
  } catch (error) {
    return error;
  }
}

/** JavaScript from TypeScript: {code, map}, or {error}. Types give way to spaces, so that places stay. */
function stripTypes(code) {
  try {
    return { code: stripper()(code, { mode: 'strip' }) };
  } catch (error) {
    if (error.code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') return { error: typesError(error) };
  }
  // enum, namespace and parameter properties make code of their own.
  try {
    const made = stripper()(code, { mode: 'transform', sourceMap: true });
    const [whole, map] = /\n*\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\s*$/.exec(made);
    return { code: made.slice(0, -whole.length), map: JSON.parse(Buffer.from(map, 'base64')) };
  } catch (error) {
    return { error: typesError(error) };
  }
}

function typesError(error) {
  // ":2", the code up to that line, and a line of marks; without one it is what comes after the end that is missing.
  const [, line, frame] = /^:(\d+)\n([\s\S]*?)\n\n/.exec(error.stack) ?? [undefined, 1, ''];
  const marks = frame.split('\n').at(-1);
  const atEnd = !/^ *\^+$/.test(marks);
  return { message: error.message, line: Number(line), column: atEnd ? marks.length + 1 : marks.indexOf('^') + 1, atEnd };
}

const later = (a, b) => a.line > b.line || (a.line === b.line && a.column > b.column);

// f<number>(x) is JavaScript, too, two comparisons; nobody writes those so.
const generic = /\w<[A-Z_a-z][\w\s,.|&[\]<>{}:;'"?]*>\(/;

/** A cell as V8 takes it: {code, map}, or {error: {message, line, column}}. */
function prepare(code) {
  const modular = /\b(?:import|export)\b/.test(code);
  const wrong = modular ? moduleError(code) : syntaxError(code);
  let made = { code };
  if (wrong || generic.test(code)) {
    const literal = wrong && objectLiteral(code);
    if (literal) return { code: literal };
    made = stripTypes(code);
    // Of two complaints the later one is about what is wrong: the other stopped at the first type.
    if (made.error && !wrong) made = { code };
    else if (made.error) return { error: later(made.error, wrong) ? made.error : wrong };
  }
  const left = wrong && made.code !== code ? (modular ? moduleError : syntaxError)(made.code) : undefined;
  if (left) return { error: left };
  if (modular) return { code: rewriteModule(made.code), map: made.map };
  return { code: objectLiteral(made.code) ?? made.code, map: made.map };
}

/** A cell that is an object and not a block, in parentheses; else nothing. */
function objectLiteral(code) {
  if (!/^\s*\{/.test(code) || /;\s*$/.test(code)) return undefined;
  const inside = `(${code}\n)`;
  return syntaxError(inside) ? undefined : inside;
}

/** The tokens of code up to its end, or to where it stops being code: {tokens, error}. */
function tokens(code) {
  const found = [];
  try {
    for (const token of acorn().tokenizer(code, { ecmaVersion: 'latest', allowHashBang: true })) found.push(token);
  } catch (error) {
    return { tokens: found, error };
  }
  return { tokens: found };
}

/** Calls visit for every node, outer ones first; a cell may be deeper than a stack. */
function walk(tree, visit) {
  const left = [tree];
  while (left.length) {
    const node = left.pop();
    if (visit(node) === false) continue;
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) left.push(...value.filter((v) => typeof v?.type === 'string'));
      else if (typeof value?.type === 'string') left.push(value);
    }
  }
}

/** code with edits [start, end, text] made; lines stay where they are. */
function edit(code, edits) {
  for (const [start, end, text] of edits.sort((a, b) => b[0] - a[0])) {
    const lost = code.slice(start, end).split('\n').length - text.split('\n').length;
    code = code.slice(0, start) + text + '\n'.repeat(Math.max(0, lost)) + code.slice(end);
  }
  return code;
}

const nameOf = (node) => (node.type === 'Identifier' ? node.name : String(node.value));

function importText(node) {
  const source = JSON.stringify(node.source.value);
  const attributes = Object.fromEntries((node.attributes ?? []).map((a) => [nameOf(a.key), a.value.value]));
  const whole = node.specifiers.find((s) => s.type === 'ImportNamespaceSpecifier');
  const named = node.specifiers.filter((s) => s !== whole)
    .map((s) => [s.type === 'ImportDefaultSpecifier' ? 'default' : nameOf(s.imported), s.local.name]);
  const names = JSON.stringify(named.map(([imported]) => imported));
  const call = `await ${IMPORT}(${source}, ${JSON.stringify({ with: attributes })}, ${names})`;
  const pattern = `{${named.map(([imported, local]) => `${JSON.stringify(imported)}: ${local}`).join(', ')}}`;
  if (whole) return `const ${whole.local.name} = ${call}${named.length ? `, ${pattern} = ${whole.local.name}` : ''};`;
  return named.length ? `const ${pattern} = ${call};` : `${call};`;
}

function exportEdits(node, code) {
  const { declaration } = node;
  if (node.source) return [[node.start, node.end, `await ${IMPORT}(${JSON.stringify(node.source.value)});`]];
  if (!declaration) return [[node.start, node.end, ';']];
  const word = [node.start, declaration.start, ' '];
  if (node.type !== 'ExportDefaultDeclaration' || (declaration.id && /Declaration$/.test(declaration.type)))
    return [word];
  const end = code.slice(node.start, node.end).endsWith(';') ? node.end - 1 : node.end;
  return [[node.start, declaration.start, '('], [end, end, ')']];
}

/** import and export, which scripts don't have, as what scripts have. */
function rewriteModule(code) {
  const edits = [];
  walk(parse(code), (node) => {
    if (node.type === 'ImportDeclaration') edits.push([node.start, node.end, importText(node)]);
    else if (node.type === 'ImportExpression') edits.push([node.start, node.start + 'import'.length, IMPORT]);
    else if (node.type === 'MetaProperty' && node.meta.name === 'import') edits.push([node.start, node.end, META]);
    else if (/^Export/.test(node.type)) edits.push(...exportEdits(node, code));
  });
  return edit(code, edits);
}

module.exports = { prepare, parse, parseError, syntaxError, moduleError, stripTypes, walk, edit, tokens, IMPORT, META };
