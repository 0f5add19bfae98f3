// Imports as TypeScript has them: without the name's end, by the name of what would be made of a file, of a folder; and
// of interfaces, beside what is there at run time.
import { area, Shape, unit as one } from './shapes';
import { Level } from './level.js';
import { RequestListener, createServer } from 'node:http';

const shapes: Shape[] = [one, { width: 2, height: 3 }];
const answer: RequestListener = (request, response) => response.end();
const named = { Shape: 'a key' };

console.log(shapes.map(area), Level.High, Level[1], named.Shape);
console.log(typeof createServer(answer).close);
