// Whether a cell of a console is whole, or goes on in the next line.
'use strict';

const { Math } = require('./own');
const { parseError, syntaxError, moduleError, stripTypes, tokens } = require('./syntax');

/** Two spaces for every bracket that is open. */
function indentOf(code) {
  let depth = 0;
  for (const { type } of tokens(code).tokens) {
    if (/^(?:\(|\[|\{|\$\{)$/.test(type.label)) depth++;
    else if (/^[)\]}]$/.test(type.label)) depth = Math.max(0, depth - 1);
  }
  return '  '.repeat(depth);
}

function goesOn(code) {
  const error = parseError(code);
  if (error) {
    if (error.pos >= code.trimEnd().length || /^Unterminated (?:template|comment)/.test(error.message)) return true;
    if (/^Unterminated string/.test(error.message) && /\\$/.test(code)) return true;
  }
  // The parser of JavaScript stopped at the first type; TypeScript's knows the rest.
  const { atEnd, message } = stripTypes(code).error ?? {};
  return Boolean(atEnd) || /^Unterminated (?:template|block comment)/i.test(message);
}

function isComplete({ code }) {
  const wrong = /\b(?:import|export)\b/.test(code) ? moduleError(code) : syntaxError(code);
  if (!wrong || !stripTypes(code).error) return { status: 'complete' };
  return goesOn(code) ? { status: 'incomplete', indent: indentOf(code) } : { status: 'invalid' };
}

module.exports = { isComplete };
