process.on('exit', (code) => console.log('exit', code));
setTimeout(() => process.exit(42), 10);
console.log('wait');
