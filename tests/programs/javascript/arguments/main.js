console.log(process.argv.slice(2));
console.log(process.env.GREETING, JSON.stringify(process.env.EMPTY), process.env.MISSING);
console.log(process.argv[1], process.cwd());
