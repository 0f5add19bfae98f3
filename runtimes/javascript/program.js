// Loaded before every program (runtime.json).
'use strict';

// A worker has a limit of its own, and an error event for it.
if (require('worker_threads').isMainThread) require('./native.node').heapGrows();

// What a program has written is not lost when it ends.
//
// A pipe takes 64 KiB at once. Node queues the rest, and process.exit() throws the queue away; with pipes that block it has
// written all. Set when the streams are first used: making them takes a millisecond, which programs without output need not pay.
for (const name of ['stdout', 'stderr']) {
  const { get, ...property } = Object.getOwnPropertyDescriptor(process, name);
  const made = () => {
    const stream = get.call(process);
    stream._handle?.setBlocking?.(true);
    Object.defineProperty(process, name, { ...property, get });
    return stream;
  };
  Object.defineProperty(process, name, { ...property, get: made });
}

// Costs 2 ms, which only TypeScript need pay.
if (/\.[cm]?ts$/.test(process.argv[1] ?? '')) require('./typescript').install();
