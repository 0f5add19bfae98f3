process.on('SIGINT', () => {
  console.log('interrupted');
  clearInterval(timer);
});
const timer = setInterval(() => {}, 1000);
console.log('waiting');
