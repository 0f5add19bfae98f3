// The language's own objects as they were before any cell: cells may give the names to something else (class Map {}),
// and a name that a cell declares is seen by every function there is, this evaluator's as well.
'use strict';

module.exports = {
  Array, Buffer, Error, Function, JSON, Math, Number, Object, Promise, Proxy, RangeError, Reflect, Map, Set, String, Symbol, SyntaxError,
  TypeError, clearImmediate, clearInterval, clearTimeout, console, process, setImmediate, setInterval, setTimeout,
};
