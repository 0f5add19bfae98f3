// Runs cells, on V8's inspector: it takes top-level await, and let, const and class once more in a later cell.
'use strict';

const { Error, Object, Set } = require('./own');
const inspector = require('inspector');
const { promiseHooks } = require('v8');
const { guarded, interruptible } = require('./interrupts');
const { prepare } = require('./syntax');
const { declare, redeclare } = require('./declare');
const { remember } = require('./sources');

const GROUP = 'cell';

/** What a cell threw, or its syntax error {message, line, column}. */
class CellError extends Error {
  constructor({ value, syntax }) {
    super('a cell failed');
    Object.assign(this, { value, syntax });
  }
}

const session = new inspector.Session();
session.connect();

/** A command that is answered at once. */
function post(method, params) {
  let answer;
  session.post(method, params, (error, reply) => {
    answer = { error, reply };
  });
  if (!answer || answer.error) throw new Error(answer?.error?.message ?? `${method} was not answered`);
  return answer.reply;
}

// The inspector speaks of values by ids; this object is where it puts the values themselves.
const box = {};
globalThis.__kernelgw_box = box;
const boxId = post('Runtime.evaluate', { expression: '__kernelgw_box' }).result.objectId;
delete globalThis.__kernelgw_box;

function valueOf({ objectId, value, unserializableValue }) {
  const argument = objectId ? { objectId } : unserializableValue ? { unserializableValue } : { value };
  post('Runtime.callFunctionOn', {
    objectId: boxId, functionDeclaration: 'function (v) { this.value = v; }', arguments: [argument], silent: true,
  });
  const found = box.value;
  delete box.value;
  return found;
}

// V8 runs a cell as an async function. Its promise is the first one that is made, and gives the value itself. It must be
// kept, too: V8 14 answers the inspector while it collects the promise of a cell that nothing can continue, and dies of it.
const kept = new Set();

/** Starts a cell: its promise, or what V8 says without running it. */
function start(expression) {
  let promise, refused;
  let stop = promiseHooks.onInit((first) => {
    stop?.();
    stop = null;
    promise = first;
  });
  try {
    guarded(() => session.post('Runtime.evaluate', {
      expression, replMode: true, awaitPromise: true, objectGroup: GROUP, silent: true,
    }, (error, reply) => {
      refused = reply; // of use only when it comes at once
    }));
  } finally {
    stop?.();
    if (promise && !refused) {
      kept.add(promise);
      promise.then(() => kept.delete(promise), () => kept.delete(promise));
    }
  }
  return { promise, refused: refused?.exceptionDetails };
}

/** Evaluates V8's idea of a cell: {value}, or a CellError. */
async function evaluate(expression, name) {
  const { promise, refused } = start(`${expression}\n//# sourceURL=${name}`);
  if (refused) {
    const { message } = valueOf(refused.exception);
    throw new CellError({ syntax: { message, line: refused.lineNumber + 1, column: refused.columnNumber + 1 } });
  }
  // The value stays in an object, lest a promise be awaited on its way: it is shown as what it is.
  const outcome = await interruptible(
    promise.then((result) => ({ value: result['.repl_result'] }), (thrown) => ({ thrown })));
  if ('thrown' in outcome) throw new CellError({ value: outcome.thrown });
  return outcome;
}

const isFixed = (name) => Object.getOwnPropertyDescriptor(globalThis, name)?.configurable === false;

/** Runs a cell named Cell[n] and returns its {value}. Throws CellError or Interrupted. */
async function runCell(code, n) {
  const name = `Cell[${n}]`;
  remember(name, code);
  const prepared = guarded(() => prepare(code));
  if (prepared.error) throw new CellError({ syntax: prepared.error });
  if (prepared.map) remember(name, code, prepared.map);
  const declared = guarded(() => declare(prepared.code));
  const met = new Set();
  for (let expression = declared; ; ) {
    try {
      return await evaluate(expression, name);
    } catch (error) {
      const twice = error.syntax && /^Identifier '(.+)' has already been declared$/.exec(error.syntax.message)?.[1];
      if (!twice || met.has(twice)) throw error;
      met.add(twice);
      expression = redeclare(expression, twice, isFixed(twice));
    }
  }
}

/** Lets go of what the inspector kept for the cell. */
const release = () => post('Runtime.releaseObjectGroup', { objectGroup: GROUP });

/**
 * The value of an expression that may be looked at while the user types: {value} unless it has side effects, throws, or
 * takes long.
 */
function peek(expression) {
  try {
    const { result, exceptionDetails } = post('Runtime.evaluate', {
      expression: `(${expression}\n)`, throwOnSideEffect: true, timeout: 200, silent: true, objectGroup: GROUP,
    });
    return exceptionDetails ? undefined : { value: valueOf(result) };
  } catch {
    return undefined;
  }
}

/** Names of let, const and class at the top of cells. */
const lexicalNames = () => post('Runtime.globalLexicalScopeNames').names;

module.exports = { runCell, CellError, release, peek, lexicalNames };
