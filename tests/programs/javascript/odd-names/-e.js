const fs = require('fs');
console.log(process.argv.slice(2), __filename);
console.log(require('./with space.js'), fs.readFileSync('--help', 'utf8').trim());
