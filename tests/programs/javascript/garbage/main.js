// Makes far more garbage than the box has memory, and keeps little of it.
let kept = [];
let sum = 0;
for (let i = 0; i < 300; i++) {
  const rows = Array.from({ length: 5000 }, (_, j) => ({ id: i * j, name: `row ${j}`, list: [i, j] }));
  sum += rows.filter((row) => row.id % 7 === 0).length;
  kept = [...kept.slice(-5), rows];
}
console.log(sum);
