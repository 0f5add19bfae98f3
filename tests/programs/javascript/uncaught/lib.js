exports.fail = () => {
  throw new RangeError('deep down');
};
