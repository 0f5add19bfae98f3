// Values as Jupyter shows them: a bundle of forms, best known first to whoever shows it.
'use strict';

const { Array, Buffer, JSON, Object, Promise, String, Symbol, TypeError } = require('./own');
const { inspect, types } = require('util');

const JUPYTER = Symbol.for('Jupyter.display');

// What objects of other kernels and libraries are asked for; each gives a text, or bytes.
const HOOKS = [
  ['Html', 'text/html'], ['HTML', 'text/html'], ['Svg', 'image/svg+xml'], ['Png', 'image/png'], ['Jpeg', 'image/jpeg'],
  ['Markdown', 'text/markdown'], ['Latex', 'text/latex'],
];

const SIGNATURES = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]], ['image/jpeg', [0xff, 0xd8, 0xff]], ['image/gif', [0x47, 0x49, 0x46, 0x38]],
  ['image/webp', [0x52, 0x49, 0x46, 0x46]],
];

const isBytes = (value) => types.isUint8Array(value) || types.isAnyArrayBuffer(value);

const MIME = /^[a-z]+\/[\w.+-]+$/;

/** The type of an image, by its first bytes. */
const imageType = (bytes) => SIGNATURES.find(([, head]) => head.every((b, i) => bytes[i] === b))?.[0];

/** A form's value as the protocol has it: text stays, bytes are base64, JSON is itself. */
function encoded(mime, value) {
  if (isBytes(value)) {
    const bytes = Buffer.from(value);
    return mime.startsWith('text/') || /[+/](?:json|xml)$/.test(mime) ? bytes.toString() : bytes.toString('base64');
  }
  // What isn't JSON is told where it was made, not when it is sent.
  if (/[+/]json$/.test(mime)) return JSON.parse(JSON.stringify(value) ?? 'null');
  return typeof value === 'string' ? value : String(value);
}

function checkedBundle(bundle, from) {
  if (typeof bundle !== 'object' || bundle === null || Array.isArray(bundle))
    throw new TypeError(`${from} must be an object of {"mime/type": value}, not ${inspect(bundle, { depth: 0 })}`);
  const wrong = Object.keys(bundle).find((key) => !MIME.test(key));
  if (wrong !== undefined) throw new TypeError(`${from}: ${inspect(wrong)} is not a mime type`);
  return Object.fromEntries(Object.entries(bundle).map(([mime, value]) => [mime, encoded(mime, value)]));
}

const plain = (value) => ({ 'text/plain': inspect(value) });

const method = (value, name) => {
  try {
    return typeof value[name] === 'function' ? value[name] : undefined;
  } catch {
    return undefined;
  }
};

/** The bundle of a value; a promise of one when the value's own hook gives one. undefined for undefined. */
function bundleOf(value) {
  if (value === undefined) return undefined;
  if (value === null || (typeof value !== 'object' && typeof value !== 'function') || types.isProxy(value))
    return plain(value);
  const own = method(value, JUPYTER);
  if (own) {
    const bundle = own.call(value);
    const from = '[Symbol.for("Jupyter.display")]()';
    return typeof bundle?.then === 'function' ? bundle.then((b) => checkedBundle(b, from)) : checkedBundle(bundle, from);
  }
  const mime = method(value, '_toMime');
  if (mime) return checkedBundle(mime.call(value), '_toMime()');
  const forms = HOOKS.flatMap(([name, type]) => {
    const hook = method(value, `to${name}`) ?? method(value, `_to${name}`);
    return hook ? [[type, hook.call(value)]] : [];
  });
  const waiting = forms.some(([, form]) => typeof form?.then === 'function');
  const whole = (all) => ({ ...plain(value), ...Object.fromEntries(all.map(([type, v]) => [type, encoded(type, v)])) });
  if (waiting) return Promise.all(forms.map(async ([type, form]) => [type, await form])).then(whole);
  return forms.length ? whole(forms) : plain(value);
}

module.exports = { bundleOf, checkedBundle, encoded, imageType, isBytes, JUPYTER, MIME };
