import { setTimeout as sleep } from 'node:timers/promises';
import { EventEmitter, once } from 'node:events';

process.nextTick(() => console.log('tick'));
Promise.resolve().then(() => console.log('microtask'));
setImmediate(() => console.log('immediate'));
console.log('sync');
await sleep(20);
const bus = new EventEmitter();
setTimeout(() => bus.emit('ready', 42), 5);
console.log(await once(bus, 'ready'));
const slow = async (name, ms) => {
  await sleep(ms);
  return name;
};
console.log(await Promise.race([slow('slow', 500), slow('fast', 10)]));
process.exit(0);
