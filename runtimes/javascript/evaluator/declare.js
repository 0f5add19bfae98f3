// Names that cells declare again. A notebook's cells are run many times, and changed in between; V8 takes let for let and
// const for const once more, and nothing else.
'use strict';

const { Object, Map, Set, TypeError } = require('./own');
const { parse, walk, edit } = require('./syntax');

const CONSTANT = '__kernelgw_constant';

const constants = new Set(); // names that cells declared by const

Object.defineProperty(globalThis, CONSTANT, {
  value: () => {
    throw new TypeError('Assignment to constant variable.');
  },
  enumerable: false, configurable: true,
});

/** The names that a declaration's pattern binds. */
function namesOf(pattern) {
  const names = [];
  walk(pattern, (node) => {
    if (node.type === 'Identifier') names.push(node.name);
    else if (node.type === 'Property') names.push(...namesOf(node.value));
    else if (node.type === 'AssignmentPattern') names.push(...namesOf(node.left));
    else return true;
    return false;
  });
  return names;
}

/** How often a cell declares which names, in whichever scope, and the nodes that give names another value. */
function survey(tree) {
  const declared = new Map();
  const assigned = new Map(); // name -> nodes
  const count = (name) => declared.set(name, (declared.get(name) ?? 0) + 1);
  const assign = (target, node) => {
    for (const name of namesOf(target)) assigned.set(name, [...(assigned.get(name) ?? []), node]);
  };
  walk(tree, (node) => {
    if (node.type === 'VariableDeclaration') node.declarations.forEach((d) => namesOf(d.id).forEach(count));
    if (/Function|^Class/.test(node.type) && node.id) count(node.id.name);
    for (const parameter of node.params ?? []) namesOf(parameter).forEach(count);
    if (node.type === 'CatchClause' && node.param) namesOf(node.param).forEach(count);
    if (node.type === 'AssignmentExpression') assign(node.left, node);
    if (node.type === 'UpdateExpression') assign(node.argument, node);
    if (/^For(?:In|Of)Statement$/.test(node.type) && node.left.type !== 'VariableDeclaration') assign(node.left, node);
  });
  return { declared, assigned };
}

/**
 * The cell with its outermost const as let, so that a later let, const or class may take the name. That they are
 * constants is kept: what assigns to them, in this cell or a later one, is made to fail. Only where an inner scope uses the
 * name for something of its own the cell's const stays one.
 */
function declare(code) {
  if (!constants.size && !/\b(?:const|let|class|var|function)\b/.test(code)) return code;
  let tree;
  try {
    tree = parse(code);
  } catch {
    return code; // V8 has the last word on what is a cell
  }
  const { declared, assigned } = survey(tree);
  const edits = [];
  const own = new Set();
  for (const node of tree.body) {
    const names = node.type === 'VariableDeclaration' ? node.declarations.flatMap((d) => namesOf(d.id)) : [];
    if (node.id) names.push(node.id.name);
    names.forEach((name) => constants.delete(name));
    if (node.kind !== 'const' || names.some((name) => declared.get(name) > 1 && assigned.has(name))) continue;
    names.forEach((name) => own.add(name));
    edits.push([node.start, node.start + 'const'.length, 'let  ']);
  }
  const isConstant = (name) => own.has(name) || (constants.has(name) && !declared.has(name));
  for (const [name, nodes] of assigned)
    for (const { type, start, end } of nodes)
      if (isConstant(name) && /Expression$/.test(type)) edits.push([start, end, `${CONSTANT}()`]);
  for (const name of own) constants.add(name);
  return edit(code, withoutInner(edits));
}

/** Of edits inside each other the outer ones: x = (y = 1) fails at once. */
const withoutInner = (edits) =>
  edits.filter(([start, end]) => !edits.some(([s, e]) => (s < start && e >= end) || (s <= start && e > end)));

/**
 * The cell so that it may declare `name` although an earlier one has declared it the other way, which V8 lets stand for
 * ever: by var and function (asVar), or by let and class. It is then declared the earlier way.
 */
function redeclare(code, name, asVar) {
  const edits = [];
  let tree;
  try {
    tree = parse(code);
  } catch {
    return code; // it declares the name twice itself
  }
  walk(tree, (node) => {
    const named = node.id?.name === name;
    if (named && node.type === (asVar ? 'ClassDeclaration' : 'FunctionDeclaration')) {
      edits.push([node.start, node.start, `${asVar ? 'var' : 'let'} ${name} = `], [node.end, node.end, ';']);
    } else if (node.type === 'VariableDeclaration' && (node.kind === 'var') !== asVar) {
      if (node.declarations.some((d) => namesOf(d.id).includes(name)))
        edits.push([node.start, node.start + node.kind.length, (asVar ? 'var' : 'let').padEnd(node.kind.length)]);
    }
    // let of a block or of a function is no concern of ours; var of a block is.
    return !(/Function|^Class/.test(node.type) || (asVar && node.type === 'BlockStatement'));
  });
  return edit(code, edits);
}

module.exports = { declare, redeclare };
