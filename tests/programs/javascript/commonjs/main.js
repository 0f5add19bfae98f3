const { add } = require('./lib/math');
const config = require('./config.json');
const again = require('./lib/math.js');
console.log(add(config.a, config.b), require.main === module, again.calls());
console.log(require('greet')('npm'));
