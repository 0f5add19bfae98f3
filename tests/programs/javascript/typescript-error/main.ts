interface Node1 {
  next?: Node1;
}

enum Limit { Depth = 2 }

function depth(n: Node1 | undefined, d: number = 0): number {
  if (d > Limit.Depth) throw new RangeError('too deep');
  return n ? depth(n.next, d + 1) : d;
}

console.log(depth({ next: {} }));
depth({ next: { next: { next: {} } } });
