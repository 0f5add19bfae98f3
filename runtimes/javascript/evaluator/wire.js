// The two pipes to the agent: lines of JSON, events out on 3, requests in on 4.
'use strict';

const { Array, Buffer, Error, Function, JSON, Object, RangeError, process } = require('./own');
const fs = require('fs');
const native = require('./native.node');


// Cells may also change what the language's objects do. Where holding on to these is not enough, the evaluator ends, and the
// agent says so and starts another.
const { parse, stringify } = JSON;
const { reallyExit } = process;
const { byteLength, concat } = Buffer;
const { create, getPrototypeOf, hasOwn, keys, setPrototypeOf } = Object;
const { isArray } = Array;
const toText = Function.prototype.call.bind(Buffer.prototype.toString);
const objects = Object.prototype;
const arrays = Array.prototype;

const IN = 4;
const OUT = 3;
const LINE_BYTES_MAX = 64 << 20;

let partial = []; // the beginning of a line that has not ended yet
const lines = []; // whole ones that nobody has taken yet
let takeRequest = () => {};
let takeInput = null; // who waits for the user's line in the event loop

/** A copy that a toJSON of all objects or all arrays has no hold on; values of other classes are as they are. */
function shielded(value) {
  const kind = value !== null && typeof value === 'object' ? getPrototypeOf(value) : undefined;
  if (kind !== objects && kind !== arrays) return value;
  const copy = isArray(value) ? setPrototypeOf([], null) : create(null);
  const names = keys(value);
  for (let i = 0; i < names.length; i++) copy[names[i]] = shielded(value[names[i]]);
  return copy;
}

/** Sends one event or reply. What can't be said in JSON (a BigInt, a circle) is thrown before anything is written. */
function send(message) {
  const polluted = hasOwn(objects, 'toJSON') || hasOwn(arrays, 'toJSON');
  const line = stringify(polluted ? shielded(message) : message) + '\n';
  // Of UTF-16 units none takes more than three bytes.
  if (line.length > LINE_BYTES_MAX / 3 && byteLength(line) > LINE_BYTES_MAX)
    throw new RangeError(`this is too large to be shown: ${line.length} characters, at most ${LINE_BYTES_MAX}`);
  if (!native.write(OUT, line)) reallyExit(0);
}

function feed(chunk) {
  let begin = 0;
  for (let end; (end = chunk.indexOf(10, begin)) >= 0; begin = end + 1) {
    partial.push(chunk.subarray(begin, end));
    const line = parse(toText(concat(partial)));
    partial = [];
    if (!hasOwn(line, 'op')) throw new Error('a request without op');
    lines.push(line);
  }
  if (begin < chunk.length) partial.push(Buffer.from(chunk.subarray(begin)));
}

// Lines in the order of their coming. ack and input that nobody waits for are dropped: their wait was interrupted.
function dispatch() {
  while (lines.length) {
    const line = lines.shift();
    if (line.op === 'ack') continue;
    if (line.op !== 'input') {
      takeRequest(line);
    } else if (takeInput) {
      const take = takeInput;
      takeInput = null;
      take(line.value);
    }
  }
}

/** The end, when a cell has broken what cells are run by. */
function broken(error) {
  let why = '';
  try {
    why = `: ${error?.stack ?? error}`;
  } catch {}
  native.write(2, `JavaScript can't go on: something that it is run by has been replaced or closed${why}\n`);
  reallyExit(70);
}

/** Calls onRequest for every request; ends the process with the agent. */
function listen(onRequest) {
  takeRequest = onRequest;
  native.listen(IN, () => {
    try {
      read();
      dispatch();
    } catch (error) {
      broken(error);
    }
  });
}

function read() {
  const room = Buffer.allocUnsafe(65536);
  let n;
  try {
    n = fs.readSync(IN, room);
  } catch (error) {
    if (error.code === 'EAGAIN') return;
    throw error;
  }
  if (n === 0) process.exit(0);
  feed(room.subarray(0, n));
}

/** Waits, without the event loop, for the line that answers what was sent; an interrupt ends the code that waits. */
function waitFor(op) {
  for (;;) {
    const at = lines.findIndex((line) => line.op === op);
    if (at >= 0) return lines.splice(at, 1)[0];
    if (native.wait(IN)) read();
    else native.stop();
  }
}

/** The user's answer: waits for it without the event loop. */
function inputNow(prompt, password) {
  // An answer that the event loop waits for comes first.
  if (takeInput) {
    const take = takeInput;
    takeInput = null;
    take(waitFor('input').value);
  }
  dropStale();
  send({ event: 'input', prompt, password });
  return waitFor('input').value;
}

/** The user's answer, by callback; one at a time. */
function inputLater(take) {
  dropStale();
  takeInput = take;
  send({ event: 'input', prompt: '', password: false });
}

function dropStale() {
  for (let at; (at = lines.findIndex((line) => line.op === 'input')) >= 0; ) lines.splice(at, 1);
}

/** No answer is wanted any more. */
function forgetInput() {
  takeInput = null;
}

/** Sends what has a place among text: the agent says when it has taken all that was written before. */
function sendInOrder(message, wait) {
  send(message);
  if (wait) waitFor('ack');
}

module.exports = { send, sendInOrder, listen, inputNow, inputLater, forgetInput, broken };
