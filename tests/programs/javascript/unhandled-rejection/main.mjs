async function refuse() {
  throw new Error('nobody catches this');
}

setTimeout(() => console.log('never'), 1000);
refuse();
console.log('after');
