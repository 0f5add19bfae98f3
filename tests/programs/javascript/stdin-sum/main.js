import { createInterface } from 'node:readline';

let sum = 0;
let lines = 0;
for await (const line of createInterface({ input: process.stdin })) {
  lines++;
  sum += parseInt(line, 10) || 0;
}
console.log(lines, sum);
