// Input from the user: prompt() and its like, and process.stdin.
'use strict';

const { Error, Promise, String, console, setImmediate } = require('./own');
const { Readable } = require('stream');
const { inputNow, inputLater, forgetInput } = require('./wire');
const { isRunning } = require('./interrupts');

let allowed = false;

class StdinError extends Error {
  get name() {
    return 'StdinError';
  }
}

function ask(message, password) {
  if (!allowed || !isRunning()) throw new StdinError('nobody can be asked for input here');
  const answer = inputNow(String(message), password);
  if (answer === null || answer === undefined) throw new StdinError('nobody can be asked for input here');
  return answer;
}

/** The user's line; `otherwise` for an empty one, as in browsers. */
function prompt(message = '', otherwise) {
  const answer = ask(message, false);
  return answer === '' && otherwise !== undefined ? String(otherwise) : answer;
}

function input(message = '', { password = false } = {}) {
  return ask(message, Boolean(password));
}

function confirm(message = 'Continue?') {
  return /^\s*y(?:es)?\s*$/i.test(ask(`${message} [y/N] `, false));
}

function alert(message = '') {
  console.log(String(message));
}

// Reading process.stdin asks the user for a line, as long as a cell runs; a cell that reads runs until it has read
// what it wants (rl.close(), or the end: an answer that is refused).
let waiters = [];

class AskingStdin extends Readable {
  constructor() {
    super({ highWaterMark: 0 });
    this.fd = 0;
    this.isTTY = false;
    this.owed = false; // the stream waits for a push
    this.asks = false; // the user is being asked
  }

  _read() {
    this.owed = true;
    this.ask();
  }

  ask() {
    if (!this.owed || this.asks) return;
    if (!allowed || !isRunning()) return this.give(null);
    this.asks = true;
    // What the code does with the last line comes first: it may have closed the stream.
    setImmediate(() => {
      if (!this.asks) return;
      if (!this.wanted()) return this.answered();
      inputLater((line) => {
        this.answered();
        this.give(line === null || line === undefined ? null : `${line}\n`);
      });
    });
  }

  give(chunk) {
    this.owed = false;
    this.push(chunk);
  }

  wanted() {
    return !this.destroyed && (this.listenerCount('readable') > 0 || (this.listenerCount('data') > 0 && !this.isPaused()));
  }

  answered() {
    this.asks = false;
    for (const wake of waiters.splice(0)) wake();
  }

  pause() {
    super.pause();
    if (this.asks) {
      forgetInput();
      this.answered();
    }
    return this;
  }

  // A stream that waits for a push does not call _read again for a new listener.
  on(event, listener) {
    super.on(event, listener);
    if (event === 'readable' || event === 'data') this.ask();
    return this;
  }

  addListener(event, listener) {
    return this.on(event, listener);
  }

  resume() {
    super.resume();
    this.ask();
    return this;
  }

  setRawMode() {
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }
}

let stdin = null;

/** process.stdin: a new stream after the old one has ended, so that every cell can read. */
function current() {
  if (!stdin || stdin.readableEnded || stdin.destroyed) stdin = new AskingStdin();
  return stdin;
}

function begin(allowStdin) {
  allowed = allowStdin;
}

/** Resolves when nothing of the cell waits for a line any more. */
async function settled() {
  if (!stdin) return;
  // A stream begins to read in the loop's next turn.
  for (;;) {
    await new Promise(setImmediate);
    if (!stdin.asks) return;
    await new Promise((resolve) => waiters.push(resolve));
  }
}

/** The cell is over; nobody answers any more. */
function end() {
  if (stdin?.asks) {
    forgetInput();
    stdin.asks = false;
    stdin.destroy();
  }
  waiters = [];
  allowed = false;
}

module.exports = { prompt, input, confirm, alert, current, begin, settled, end };
