// What TypeScript's own compiler allows between files, and Node, which takes the types away and no more, does not:
//
//   import { area } from './shapes'        for shapes.ts, or './shapes.js', or a folder's index.ts. Node wants a file's name.
//   import { Shape, area } from ...        where Shape is an interface: it is gone at run time, and Node then finds no such export.
//                                          A name that no code uses as a value is imported as a type.
'use strict';

const { Set, String } = require('./own');
const { registerHooks, stripTypeScriptTypes } = require('module');
const { parse, walk } = require('./syntax');

const TYPESCRIPT = /\.[cm]?ts$/;
const MADE_FROM = { '.js': '.ts', '.mjs': '.mts', '.cjs': '.cts' };
const MISSING = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_UNSUPPORTED_DIR_IMPORT']);
const NAMED_IMPORT = /(^|[;\n])([ \t]*import\s+(?:[\w$]+\s*,\s*)?\{)([^{}]*)(\}\s*from\b)/g;

/** Files that may be meant by a path that is none. */
function candidates(path) {
  const extension = /\.[cm]?js$/.exec(path)?.[0];
  if (extension) return [path.slice(0, -extension.length) + MADE_FROM[extension]];
  return [`${path}.ts`, `${path}.mts`, `${path}.cts`, `${path.replace(/\/$/, '')}/index.ts`];
}

/** The names that stand for values in JavaScript, and not only in its imports. */
function valuesOf(code) {
  const found = new Set(), keys = new Set();
  walk(parse(code), (node) => {
    if (node.type === 'ImportDeclaration') return false;
    if (node.type === 'MemberExpression' && !node.computed) keys.add(node.property);
    if (/^(Property|MethodDefinition|PropertyDefinition)$/.test(node.type) && !node.computed && !node.shorthand) keys.add(node.key);
    if (node.type === 'Identifier' && !keys.has(node)) found.add(node.name);
    return true;
  });
  return found;
}

/** A module's TypeScript, with the word "type" before imported names that are of use to the compiler alone. */
function withTypeImports(code) {
  if (code.search(NAMED_IMPORT) < 0) return code;
  const values = valuesOf(stripTypeScriptTypes(code, { mode: 'transform' }));
  return code.replace(NAMED_IMPORT, (whole, before, begin, names, end) => before + begin
    + names.split(',').map((name) => {
      const [, space, local] = /^(\s*)(?:[\w$]+\s+as\s+)?([\w$]+)\s*$/.exec(name) ?? [];
      return local === undefined || values.has(local) ? name : `${space}type ${name.slice(space.length)}`;
    }).join(',') + end);
}

let isTypeScript; // whether an importer, a URL, is

/** Only what Node does not find itself is looked for: what it finds keeps its meaning. */
function resolve(specifier, context, next) {
  try {
    return next(specifier, context);
  } catch (error) {
    if (!MISSING.has(error.code) || !/^\.\.?(\/|$)/.test(specifier) || !isTypeScript(context.parentURL)) throw error;
    for (const candidate of candidates(specifier)) {
      try {
        return next(candidate, context);
      } catch (other) {
        if (!MISSING.has(other.code)) throw other;
      }
    }
    throw error;
  }
}

function load(url, context, next) {
  const loaded = next(url, context);
  if (loaded.format !== 'module-typescript') return loaded;
  try {
    return { ...loaded, source: withTypeImports(String(loaded.source)) };
  } catch {
    return loaded; // Node says what is wrong with it
  }
}

/** From here on; also(url) tells of importers that may be TypeScript without the name of it. */
function install(also = () => false) {
  if (!isTypeScript) registerHooks({ resolve, load });
  isTypeScript = (url) => TYPESCRIPT.test(url) || also(url);
}

module.exports = { install };
