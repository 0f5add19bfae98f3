const { execFileSync, spawn } = require('child_process');

console.log(execFileSync('sh', ['-c', 'echo child; exit 0']).toString().trim());
try {
  execFileSync('sh', ['-c', 'exit 7'], { stdio: 'ignore' });
} catch (error) {
  console.log('status', error.status);
}
const sort = spawn('sort');
let sorted = '';
sort.stdout.on('data', (chunk) => (sorted += chunk));
sort.on('close', (code) => console.log(JSON.stringify(sorted), code));
sort.stdin.end('b\na\n');
