process.stdout.write('number? ');
process.stdin.once('data', (text) => {
  console.log(`twice that is ${2 * Number(text)}`);
  process.abort();
});
