// The evaluator of JavaScript and TypeScript: what docs/EVALUATORS.md asks of one.
'use strict';

const { Error, Object, Promise, console, process } = require('./own');
const errors = require('./errors');
const { send, listen, broken } = require('./wire');
const { request, guarded, interruptible, Interrupted } = require('./interrupts');
const { runCell, CellError, release } = require('./cell');
const { bundleOf } = require('./rich');
const globals = require('./globals');
const display = require('./display');
const stdin = require('./stdin');

errors.install();
globals.install();

/** The reply's part for what a cell or expression ended with. */
function failure(error, n) {
  if (error instanceof Interrupted) return errors.interrupted();
  if (!(error instanceof CellError)) return errors.describe(error);
  return error.syntax ? errors.describeSyntax(error.syntax, n) : errors.describe(error.value);
}

/** A value's bundle; hooks of the user's objects are the user's code. */
const bundled = (value) => interruptible(Promise.resolve(guarded(() => bundleOf(value))));

async function userExpression(code) {
  try {
    const data = await bundled((await runCell(code, 'expression')).value);
    return { status: 'ok', data: data ?? { 'text/plain': 'undefined' }, metadata: {} };
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    return { status: 'error', ...failure(error, 'expression') };
  }
}

async function work({ code, silent, user_expressions: expressions = {} }, n) {
  const { value } = await runCell(code, n);
  await interruptible(display.settled());
  await interruptible(stdin.settled());
  if (!silent) {
    const data = await bundled(value);
    if (data && Object.keys(data).length) send({ event: 'result', data, metadata: {} });
    if (value !== undefined) globals.keepLast(value);
  }
  const found = {};
  for (const [name, expression] of Object.entries(expressions)) found[name] = await userExpression(expression);
  return { user_expressions: found, payload: [] };
}

async function execute(message) {
  const n = message.silent ? 'silent' : message.execution_count;
  let reply;
  stdin.begin(Boolean(message.allow_stdin));
  globals.settle();
  try {
    reply = { status: 'ok', ...(await request(() => work(message, n))) };
  } catch (error) {
    globals.endTimers(error instanceof Interrupted);
    reply = { status: 'error', ...failure(error, n) };
  }
  globals.endTimers(false);
  stdin.end();
  release();
  return reply;
}

function configure({ env, cwd }) {
  for (const [name, value] of Object.entries(env ?? {})) process.env[name] = value;
  if (cwd) process.chdir(cwd);
  globals.settle();
  return { status: 'ok' };
}

// Loaded by the first request that needs them.
const operations = {
  execute,
  configure,
  complete: (message) => require('./complete').complete(message),
  inspect: (message) => require('./inspect').inspect(message),
  is_complete: (message) => require('./is_complete').isComplete(message),
};

async function answer(message) {
  const { op, id } = message;
  try {
    const operation = Object.hasOwn(operations, op) ? operations[op] : undefined;
    if (!operation) throw new Error(`no such op: ${op}`);
    const reply = op === 'execute' ? await execute(message) : await request(() => operation(message));
    if (!reply?.status) broken('a promise gave something else than it was made for');
    send({ reply: id, ...reply });
  } catch (error) {
    try {
      send({ reply: id, status: 'error', ...failure(error) });
    } catch {
      broken(error);
    }
  }
}

// Errors of timers, callbacks and promises that nobody awaits: told, and survived.
function unhandled(error) {
  process.stderr.write(`${errors.describe(error).traceback.join('\n')}\n`);
}
process.on('uncaughtException', unhandled);
process.on('unhandledRejection', unhandled);

// Makes the first cell fast: what it will need is loaded and compiled, and nothing is left of it but that.
Object.defineProperty(globalThis, '__kernelgw_warm', {
  enumerable: false, configurable: true, value: () => {
    delete globalThis.__kernelgw_warm;
    errors.describe(new Error('warm'));
    bundleOf({ warm: [1, 'two'] });
    console.assert(true);
    const code = 'Math.ma';
    operations.complete({ code, cursor_pos: code.length });
    operations.inspect({ code: 'Math.max', cursor_pos: 8 });
  },
});

// Requests come one at a time, but for those of an agent in a hurry. No chain of promises: an interrupt drops whatever
// the loop's turn had still to do, and a link of the chain with it.
const waiting = [];
let busy = false;

async function next() {
  const message = waiting.shift();
  if (!message) return;
  busy = true;
  await answer(message);
  busy = false;
  next();
}

listen((message) => {
  waiting.push(message);
  if (!busy) next();
});

send({
  event: 'ready',
  implementation: 'kernelgw-javascript',
  implementation_version: require('./package.json').version,
  banner: `Node.js ${process.version}: JavaScript and TypeScript`,
  language_info: {
    name: 'javascript', version: process.versions.node, mimetype: 'text/javascript', file_extension: '.js',
    pygments_lexer: 'javascript', codemirror_mode: 'javascript', nbconvert_exporter: 'script',
  },
  help: true,
  help_links: [],
});
