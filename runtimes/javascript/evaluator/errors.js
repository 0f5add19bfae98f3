// Errors as people read them: the user's frames alone, the cell's line with a mark, colours.
'use strict';

const { Error, Number, Object, String } = require('./own');
const { findSourceMap } = require('module');
const { inspect, types } = require('util');
const { readable, excerpt } = require('./sources');

const RED = '\x1b[31m';
const RESET = '\x1b[39m';
const GREY = '\x1b[90m';

// Frames of this evaluator, and what of Node calls it.
const hidden = (file) => file && (file.startsWith(__dirname) || /^node:(?:internal|inspector|diagnostics_channel)/.test(file));

/** A frame as text; those of TypeScript files, which Node rewrote, with the places in the file. */
function frameText(frame) {
  const shown = readable(String(frame)), file = frame.getFileName();
  const map = /\.[cm]?ts$/.test(file) && findSourceMap(file);
  if (!map) return shown;
  const [line, column] = [frame.getLineNumber(), frame.getColumnNumber()];
  const { lineNumber, columnNumber } = map.findOrigin(line, column);
  return lineNumber === undefined ? shown : shown.replace(`:${line}:${column}`, `:${lineNumber}:${columnNumber}`);
}

function prepareStackTrace(error, frames) {
  let head;
  try {
    head = Error.prototype.toString.call(error);
  } catch {
    head = 'Error';
  }
  // Below the outermost frame of a cell there is only what started the cell.
  const last = frames.findLastIndex((f) => /^Cell\[/.test(f.getScriptNameOrSourceURL() ?? ''));
  const shown = (last >= 0 ? frames.slice(0, last + 1) : frames).filter((f) => !hidden(f.getFileName()));
  return [head, ...shown.map((f) => `    at ${frameText(f)}`)].join('\n');
}

/** From here on every error's stack is shown so; a library that sets its own is let. */
function install() {
  Object.defineProperty(Error, 'prepareStackTrace', {
    value: prepareStackTrace, writable: true, configurable: true, enumerable: false,
  });
}

const text = (f, otherwise) => {
  try {
    return String(f());
  } catch {
    return otherwise;
  }
};

// Without a frame that is the user's, an error is shown in brackets, as in a list.
const bare = (shown, stack) => (shown.startsWith(`[${stack}]`) ? stack + shown.slice(stack.length + 2) : shown);

const isError = (value) => types.isNativeError(value) || text(() => value instanceof Error, 'false') === 'true';

/** ename, evalue and traceback of anything that was thrown. */
function describe(value) {
  if (!isError(value)) {
    const shown = text(() => inspect(value), 'a value that cannot be shown');
    return { ename: 'Uncaught', evalue: shown, traceback: [`${RED}Uncaught${RESET} ${shown}`] };
  }
  const ename = text(() => value.name, 'Error') || 'Error';
  const evalue = text(() => value.message, '');
  const shown = text(() => bare(inspect(value, { colors: true }), value.stack), `${ename}: ${evalue}`);
  const at = /Cell \[(\w+)\]:(\d+):(\d+)/.exec(text(() => value.stack, ''));
  const lines = at ? excerpt(at[1], Number(at[2]), Number(at[3])) : [];
  const name = /^(?:Uncaught )?[\w$.]+(?: \[\w+\])?/.exec(shown)?.[0] ?? '';
  return {
    ename, evalue,
    traceback: [...mark(lines), ...((name && RED + name + RESET) + shown.slice(name.length)).split('\n')],
  };
}

const mark = (lines) => (lines.length ? [GREY + lines[0] + RESET, lines[1], RED + lines[2] + RESET, ''] : []);

/** A syntax error of a cell: V8's and TypeScript's say where only outside the error. */
function describeSyntax({ message, line, column }, n) {
  const lines = excerpt(n, line, column);
  return {
    ename: 'SyntaxError', evalue: message,
    traceback: [...mark(lines), `${RED}SyntaxError${RESET}: ${message}`, `    at Cell [${n}]:${line}:${column}`],
  };
}

const interrupted = () => ({
  ename: 'KeyboardInterrupt', evalue: '', traceback: [`${RED}KeyboardInterrupt${RESET}: the cell was interrupted`],
});

module.exports = { install, describe, describeSyntax, interrupted, isError };
