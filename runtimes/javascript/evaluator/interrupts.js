// Requests and what interrupts them.
'use strict';

const { Error, Promise } = require('./own');
const native = require('./native.node');

/** What a request ends with that was interrupted. */
class Interrupted extends Error {}

let onInterrupt = null;
let running = false;

native.heapGrows();
native.start(() => {
  const take = onInterrupt;
  onInterrupt = null;
  running = false;
  take?.(new Interrupted());
});

/** Calls f; throws Interrupted if an interrupt ended it. User code is only ever called through this. */
function guarded(f) {
  let value;
  const ended = native.run(() => {
    value = f();
  });
  if (!ended) throw new Interrupted();
  return value;
}

/** The promise's outcome, or Interrupted as soon as one comes. */
function interruptible(promise) {
  return new Promise((resolve, reject) => {
    onInterrupt = reject;
    promise.then(resolve, reject);
  });
}

/** Runs a request's work, which SIGINT interrupts; between requests SIGINT does nothing. */
async function request(work) {
  native.enter();
  running = true;
  let value;
  try {
    value = await work();
  } catch (error) {
    if (error instanceof Interrupted || native.leave()) throw new Interrupted();
    throw error;
  } finally {
    onInterrupt = null;
    running = false;
  }
  if (native.leave()) throw new Interrupted();
  return value;
}

const isRunning = () => running;

module.exports = { Interrupted, guarded, interruptible, request, isRunning };
