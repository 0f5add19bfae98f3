import fs from 'node:fs';
import area, { Circle } from './shapes/index.js';
import data from './data.json' with { type: 'json' };
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
console.log(area(new Circle(data.radius)).toFixed(2));
console.log(require('../lib/old.cjs').name, fs.existsSync(import.meta.filename));
const { late } = await import('./late.mjs');
console.log(await late());
