const kept = [];
for (;;) kept.push(Buffer.alloc(4 << 20, 1));
