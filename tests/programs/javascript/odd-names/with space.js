module.exports = 'spaced';
