class AppError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'AppError';
  }
}

function risky(n) {
  try {
    if (n === 0) throw new TypeError('zero');
    if (n === 1) return JSON.parse('{');
    return n;
  } catch (error) {
    throw new AppError(`risky(${n})`, { cause: error });
  } finally {
    console.log('finally', n);
  }
}

for (const n of [0, 1, 2]) {
  try {
    console.log('value', risky(n));
  } catch (error) {
    console.log(error.name, error.message, '<-', error.cause.name, error instanceof AppError);
  }
}

Promise.allSettled([Promise.reject(new Error('no')), 1]).then((all) => console.log(all.map((s) => s.status)));
