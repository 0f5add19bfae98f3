import fs from 'node:fs';
import path from 'node:path';

const rows = fs.readFileSync('data/people.csv', 'utf8').trim().split('\n').map((line) => line.split(','));
fs.mkdirSync('out/deep', { recursive: true });
fs.writeFileSync('out/deep/people.json', JSON.stringify(Object.fromEntries(rows)));
fs.appendFileSync('out/deep/people.json', '\n');
console.log(fs.readFileSync(path.join('out', 'deep', 'people.json'), 'utf8').trim(), fs.statSync('out/deep/people.json').size);
console.log(fs.readdirSync('.', { recursive: true }).filter((p) => !p.startsWith('node_modules')).sort());
try {
  fs.writeFileSync('/etc/motd', 'x');
} catch (error) {
  console.log(error.code);
}
fs.writeFileSync('/tmp/ok', Buffer.from([0, 255]));
console.log([...fs.readFileSync('/tmp/ok')]);
