const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));

function* hanoi(n, from, to, by) {
  if (n === 0) return;
  yield* hanoi(n - 1, from, by, to);
  yield `${from}${to}`;
  yield* hanoi(n - 1, by, to, from);
}

function permutations(items) {
  if (items.length < 2) return [items];
  return items.flatMap((x, i) => permutations(items.toSpliced(i, 1)).map((rest) => [x, ...rest]));
}

console.log(fib(20), [...hanoi(3, 'A', 'C', 'B')].join(' '));
console.log(permutations([...'abc']).map((p) => p.join('')).join(' '));
