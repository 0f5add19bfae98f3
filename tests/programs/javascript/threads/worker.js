import { parentPort, workerData } from 'node:worker_threads';

const { from, to, shared } = workerData;
if (from > to) throw new RangeError(`${from} > ${to}`);
let sum = 0;
for (let i = from; i < to; i++) {
  sum += i;
  Atomics.add(shared, 0, 1);
}
parentPort.postMessage(sum);
