const readline = require('readline');

const rl = readline.createInterface({ input: process.stdin, output: process.stdout });
rl.question('name? ', (name) => {
  rl.question('age? ', (age) => {
    console.log(`\n${name} will be ${Number(age) + 1}`);
    rl.close();
  });
});
