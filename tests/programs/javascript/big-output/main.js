for (let i = 0; i < 40000; i++) console.log(`line ${i} äö`);
process.stdout.write('x'.repeat(500000) + '\n');
