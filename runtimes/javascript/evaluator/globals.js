// What cells find in the global scope besides Node's own.
'use strict';

const { Object, Reflect, Set, SyntaxError, clearImmediate, clearInterval, clearTimeout, console, process } = require('./own');
const vm = require('vm');
const path = require('path');
const { Console } = require('console');
const { builtinModules, createRequire } = require('module');
const { pathToFileURL } = require('url');
const { IMPORT, META } = require('./syntax');
const { display, clearOutput } = require('./display');
const stdin = require('./stdin');
const { isRunning } = require('./interrupts');

function define(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

// Seen by V8's inspector, Node's own console would keep the last thousand messages and what they hold.
function installConsole() {
  const ours = new Console({ stdout: process.stdout, stderr: process.stderr, colorMode: false });
  for (const name of Object.keys(console)) if (typeof ours[name] === 'function') console[name] = ours[name].bind(ours);
  console.clear = () => clearOutput();
  console.Console = Console;
}

let cellFile; // where cells seem to lie: what they require and import is found from there
let dynamicImport;

/** Cells lie in the current directory, wherever one of them has gone. */
function settle() {
  let here;
  try {
    here = path.join(process.cwd(), 'cell.js');
  } catch {
    return; // the directory has been removed
  }
  if (here === cellFile) return;
  cellFile = here;
  const require = createRequire(cellFile);
  define('require', require);
  define('__dirname', path.dirname(cellFile));
  define('__filename', cellFile);
  // The rewritten import() of cells: V8 gives the real one to no code of the inspector.
  dynamicImport = vm.compileFunction('return import(what, options)', ['what', 'options'], {
    filename: cellFile, importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const url = pathToFileURL(cellFile).href;
  define(META, {
    url, filename: cellFile, dirname: path.dirname(cellFile), main: true,
    resolve: (what) => {
      const found = require.resolve(what);
      return path.isAbsolute(found) ? pathToFileURL(found).href : found;
    },
  });
}

function moduleGlobals() {
  // import {a} from 'm' promises that m has an a.
  define(IMPORT, async (what, options, names = []) => {
    require('./typescript').install((url) => url === pathToFileURL(cellFile).href);
    const module = await dynamicImport(what, options);
    const missing = names.find((name) => !(name in module));
    if (missing !== undefined)
      throw new SyntaxError(`The requested module '${what}' does not provide an export named '${missing}'`);
    return module;
  });
  const module = { exports: {} };
  define('module', module);
  define('exports', module.exports);
  // As in Node's own prompt: fs.readFileSync() without require.
  for (const name of builtinModules) {
    if (name.startsWith('_') || name.includes('/') || name in globalThis) continue;
    Object.defineProperty(globalThis, name, {
      get: () => require(name), set: (value) => define(name, value), configurable: true, enumerable: false,
    });
  }
}

// The last cell's value, until the user gives the name another meaning.
let last;
let lastIsOurs = true;

function lastValue() {
  Object.defineProperty(globalThis, '_', {
    get: () => last,
    set: (value) => {
      lastIsOurs = false;
      define('_', value);
    },
    configurable: true, enumerable: false,
  });
}

function keepLast(value) {
  if (lastIsOurs) last = value;
}

// What an interrupted cell has set going would go on behind the user's back.
const timers = new Set();

function watchTimers() {
  for (const [name, clear] of [['setTimeout', clearTimeout], ['setInterval', clearInterval], ['setImmediate', clearImmediate]]) {
    const real = globalThis[name];
    const ours = function (f, ...more) {
      if (!isRunning() || typeof f !== 'function') return real(f, ...more);
      const entry = { clear: () => clear(timer) };
      const timer = real(name === 'setInterval' ? f : (...args) => {
        timers.delete(entry);
        return f(...args);
      }, ...more);
      timers.add(entry);
      return timer;
    };
    for (const key of Reflect.ownKeys(real))
      if (!(key in ours) || typeof key === 'symbol') Object.defineProperty(ours, key, Object.getOwnPropertyDescriptor(real, key));
    Object.defineProperty(ours, 'name', { value: name });
    define(name, ours);
  }
}

/** The cell is over; its timers go on, or are cleared when it was interrupted. */
function endTimers(interrupted) {
  if (interrupted) for (const { clear } of timers) clear();
  timers.clear();
}

function install() {
  // A pipe takes 64 KiB at once; with the rest queued, events would overtake text, and process.exit() lose it.
  for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);
  installConsole();
  process.argv = [process.execPath];
  process.execArgv = [];
  Object.defineProperty(process, 'stdin', { get: stdin.current, configurable: true, enumerable: true });
  moduleGlobals();
  settle();
  lastValue();
  watchTimers();
  for (const [name, value] of Object.entries({
    display, clearOutput, prompt: stdin.prompt, input: stdin.input, confirm: stdin.confirm, alert: stdin.alert,
  })) define(name, value);
}

module.exports = { install, settle, keepLast, endTimers };
