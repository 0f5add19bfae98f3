const { fail } = require('./lib');

function run() {
  fail();
}

console.log('before');
run();
console.log('never');
