console.error('last words');
process.stdout.write('x'.repeat(1000000));
process.exit(5);
