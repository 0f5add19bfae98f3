import { Worker } from 'node:worker_threads';

const shared = new Int32Array(new SharedArrayBuffer(4));
const work = (from, to) => new Promise((resolve, reject) => {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: { from, to, shared } });
  worker.on('message', resolve);
  worker.on('error', reject);
});

const parts = await Promise.all([work(0, 1000), work(1000, 2000)]);
console.log(parts, Atomics.load(shared, 0));
await work(5, 1).catch((error) => console.log('refused:', error.message));
