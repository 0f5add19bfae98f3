// Makes far more garbage than the box has memory; what it then keeps fits only when the garbage is gone.
let kept = [];
let sum = 0;
for (let i = 0; i < 100; i++) {
  const rows = Array.from({ length: 5000 }, (_, j) => ({ id: i * j, name: `row ${j}`, list: [i, j] }));
  sum += rows.filter((row) => row.id % 7 === 0).length;
  kept = [...kept.slice(-5), rows];
}
const texts = Array.from({ length: 65 }, (_, i) => 'x'.repeat(1e6) + i);
console.log(sum, kept.length, texts.map((text) => text.at(-1)).join('').length);
