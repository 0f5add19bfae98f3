let calls = 0;
exports.add = (a, b) => {
  calls++;
  return a + b;
};
exports.calls = () => calls;
