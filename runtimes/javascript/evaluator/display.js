// display() and clearOutput(): what a cell shows besides its value.
'use strict';

const { Buffer, JSON, Object, Promise, String, TypeError } = require('./own');
const fs = require('fs');
const { randomUUID } = require('crypto');
const { bundleOf, checkedBundle, encoded, imageType, isBytes, JUPYTER, MIME } = require('./rich');
const { sendInOrder } = require('./wire');
const { isRunning } = require('./interrupts');

let pending = []; // what a cell has yet to show before it is done

function show(data, id, update) {
  const event = { event: 'display', data, metadata: {}, update };
  if (id !== undefined) event.display_id = id;
  // After the cell nobody may be there to say that it has been taken.
  sendInOrder(event, isRunning());
}

/** What display() returns: the thing on the page, which can be changed. As a cell's value it shows nothing more. */
class Shown {
  constructor(id) {
    Object.defineProperty(this, 'id', { value: id, enumerable: true });
  }

  update(value) {
    showValue(value, this.id, true);
    return this;
  }

  [JUPYTER]() {
    return {};
  }
}

function bundleToShow(value) {
  if (typeof value === 'string') return { 'text/plain': value };
  if (isBytes(value)) {
    const mime = imageType(Buffer.from(value));
    if (mime) return { 'text/plain': `<${mime}>`, [mime]: encoded(mime, value) };
  }
  const proto = value && typeof value === 'object' && Object.getPrototypeOf(value);
  if (proto === Object.prototype && Object.keys(value).length && Object.keys(value).every((key) => MIME.test(key)))
    return checkedBundle(value, 'display()');
  return bundleOf(value) ?? { 'text/plain': 'undefined' };
}

function showValue(value, id, update) {
  const bundle = bundleToShow(value);
  if (typeof bundle.then !== 'function') return show(bundle, id, update);
  const shown = bundle.then((data) => show(data, id, update));
  if (!isRunning()) return;
  pending.push(shown);
  shown.catch(() => {}); // the cell tells it
}

function checkedId(id) {
  if (id !== undefined && (typeof id !== 'string' || !id)) throw new TypeError('the id of a display must be a text');
  return id ?? randomUUID();
}

const isOptions = (value) => {
  const keys = value && typeof value === 'object' ? Object.keys(value) : [];
  return keys.length > 0 && keys.every((key) => ['id', 'display_id', 'update', 'raw'].includes(key));
};

/** display(value), display(value, {id, update}), display(value, value, ...): each as richly as it can be. */
function display(...values) {
  let options = {};
  if (values.length === 2 && isOptions(values[1])) options = values.pop();
  let last;
  for (const value of values.length ? values : [undefined]) {
    last = new Shown(checkedId(options.id ?? options.display_id));
    showValue(value, last.id, Boolean(options.update));
  }
  return last;
}

// display.html`<b>${x}</b>` is the same as display.html('<b>' + x + '</b>')
const textOf = (args) => (args[0]?.raw ? String.raw({ raw: args[0] }, ...args.slice(1)) : args[0]);

const shower = (mime, plain) => (...args) => {
  const value = textOf(args);
  const id = checkedId(args[0]?.raw ? undefined : args[1]?.id);
  const data = { [mime]: encoded(mime, value) };
  if (plain) data['text/plain'] = plain(value);
  show(data, id, false);
  return new Shown(id);
};

const asText = (value) => String(value);

// An image is bytes, base64, or the path of a file.
const image = (mime) => (source, options = {}) => {
  let bytes = source;
  if (typeof source === 'string' && source.length < 4096 && fs.existsSync(source)) bytes = fs.readFileSync(source);
  const type = mime ?? (isBytes(bytes) ? imageType(Buffer.from(bytes)) : undefined);
  if (!type) {
    if (isBytes(bytes) && /^\s*<(?:\?xml|svg)/.test(Buffer.from(bytes).toString('latin1', 0, 200)))
      return display.svg(Buffer.from(bytes).toString());
    throw new TypeError('display.image takes the bytes or the file of a PNG, JPEG, GIF, WebP or SVG image');
  }
  if (typeof bytes === 'string' && !/^[\w+/=\s-]+$/.test(bytes))
    throw new TypeError(`this is neither a file nor base64: ${JSON.stringify(bytes.slice(0, 60))}`);
  const id = checkedId(options.id);
  show({ 'text/plain': `<${type}>`, [type]: encoded(type, bytes) }, id, false);
  return new Shown(id);
};

const math = (text) => (/\$|\\begin\b/.test(text) ? text : `$$${text}$$`);

Object.assign(display, {
  html: shower('text/html'),
  svg: shower('image/svg+xml'),
  markdown: shower('text/markdown', asText),
  md: shower('text/markdown', asText),
  latex: (...args) => {
    // Its backslashes are its own, in a template, too.
    const [text, options] = args[0]?.raw ? [String.raw(...args)] : args;
    return shower('text/latex', asText)(math(String(text)), options);
  },
  json: shower('application/json', (value) => JSON.stringify(value)),
  text: shower('text/plain'),
  javascript: shower('application/javascript'),
  png: image('image/png'),
  jpeg: image('image/jpeg'),
  gif: image('image/gif'),
  image: image(),
  mime(bundle, options = {}) {
    const id = checkedId(options.id);
    show(checkedBundle(bundle, 'display.mime()'), id, false);
    return new Shown(id);
  },
  /** Changes what was shown under an id, from whichever cell. */
  update(id, value) {
    if (id === undefined) throw new TypeError('display.update takes the id of a display and its new value');
    showValue(value, checkedId(id), true);
    return new Shown(id);
  },
});

function clearOutput(wait = false) {
  sendInOrder({ event: 'clear', wait: Boolean(wait) }, isRunning());
}

/** Resolves when everything that the cell displays has been shown; throws what a hook threw. */
async function settled() {
  while (pending.length) {
    const all = pending;
    pending = [];
    await Promise.all(all);
  }
}

module.exports = { display, clearOutput, settled };
