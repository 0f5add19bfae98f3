console.log('waiting');
for (;;);
