// @jupyterlab/services, unmodified, in Node: what a front-end does in a day. Prints one JSON object of what it saw, which must be
// the same from every server. usage: node life.mjs URL TOKEN [contents [MODULE]]; MODULE: that of kgw.v1, over whose one socket all kernels go
import { ContentsManager, KernelManager, KernelSpecManager, ServerConnection, SessionManager } from '@jupyterlab/services';

const [baseUrl, token, withContents, module] = process.argv.slice(2);
const wsUrl = baseUrl.replace(/^http/, 'ws');
const more = {};
if (module) {
  const { KgwClient, kernelSockets } = await import(module);
  const client = new KgwClient({ url: `${wsUrl}api/kgw/ws?token=${token}` });
  await client.start();
  more.WebSocket = kernelSockets(client);
}
const serverSettings = ServerConnection.makeSettings({ baseUrl, wsUrl, token, appendToken: true, ...more });
// What a hang hung behind is told on stderr.
const saw = new Proxy({}, { set: (o, k, v) => { o[k] = v; console.error(k); return true; } });

const specs = new KernelSpecManager({ serverSettings });
await specs.ready;
saw.specs = { default: specs.specs.default, python: specs.specs.kernelspecs.python3.language };

const kernels = new KernelManager({ serverSettings });
const sessions = new SessionManager({ kernelManager: kernels, serverSettings });
await sessions.ready;

// One cell: what was published, and how it ended. answer: for input().
async function run(kernel, code, { answer, onMessage } = {}) {
  const future = kernel.requestExecute({ code, allow_stdin: answer !== undefined });
  const out = { text: '', result: null, error: null, kinds: [] };
  future.onIOPub = message => {
    const { content, header } = message;
    onMessage?.(message);
    if (header.msg_type === 'stream') out.text += content.text;
    if (header.msg_type === 'execute_result') out.result = content.data['text/plain'];
    if (header.msg_type === 'error') out.error = content.ename;
    if (!['status', 'stream'].includes(header.msg_type)) out.kinds.push(header.msg_type);
  };
  future.onStdin = message => kernel.sendInputReply({ status: 'ok', value: answer }, message.header);
  const reply = await future.done;
  return { ...out, status: reply.content.status, count: reply.content.execution_count ?? null };
}

// Until it is true, ten seconds at most.
async function eventually(test) {
  for (let i = 0; i < 200; i++) {
    if (await test()) return true;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  return false;
}

process.on('unhandledRejection', error => console.error('unhandled:', error.message)); // a page goes on, too

const session = await sessions.startNew({ path: 'life.ipynb', name: 'life', type: 'notebook', kernel: { name: 'python3' } });
const { kernel } = session;
saw.info = (await kernel.info).status;
saw.hello = await run(kernel, "print('hello'); 6 * 7");
saw.error = await run(kernel, '1/0');
saw.input = await run(kernel, "print(input('? '))", { answer: 'früh' });
saw.display = await run(kernel, 'h = display(1, display_id=True); h.update(2)');
saw.complete = (await kernel.requestComplete({ code: 'impor', cursor_pos: 5 })).content.matches.includes('import');
saw.inspect = (await kernel.requestInspect({ code: 'int', cursor_pos: 3, detail_level: 0 })).content.found;
saw.isComplete = (await kernel.requestIsComplete({ code: 'for i in x:' })).content.status;
saw.history = (await kernel.requestHistory({ output: false, raw: true, hist_access_type: 'tail', n: 2 })).content.status;

// A comm that sends buffers back.
await run(kernel, `
def target(comm, msg):
    @comm.on_msg
    def _(msg):
        comm.send({'n': len(msg['buffers'])}, buffers=[bytes(b)[::-1] for b in msg['buffers']])
get_ipython().kernel.comm_manager.register_target('echo', target)`);
const comm = kernel.createComm('echo');
const answered = new Promise(resolve => { comm.onMsg = resolve; });
await comm.open({}).done;
await comm.send({}, {}, [new Uint8Array([1, 2, 3]).buffer]).done;
const echoed = await answered;
saw.comm = { n: echoed.content.data.n, bytes: [...new Uint8Array(echoed.buffers[0].buffer ?? echoed.buffers[0])].slice(-3) };
await comm.close().done;

// A second connection to the same kernel sees what is published, and not the replies to others.
const other = kernels.connectTo({ model: kernel.model });
await other.info;
const overheard = [];
other.anyMessage.connect((_, { msg, direction }) => direction === 'recv' && overheard.push(msg.channel + ' ' + msg.header.msg_type));
await run(kernel, "print('for all')");
saw.overheard = await eventually(() => overheard.includes('iopub stream'));
saw.notOverheard = !overheard.includes('shell execute_reply');
other.dispose();

// Interrupt by REST while a cell spins.
const spinning = kernel.requestExecute({ code: "print('on', flush=True)\nwhile True: pass" });
await new Promise(resolve => { spinning.onIOPub = m => m.header.msg_type === 'stream' && resolve(); });
await kernel.interrupt();
saw.interrupted = (await spinning.done).content.ename;

// Subshells (protocol 5.5): answered while the main shell is busy.
saw.subshells = kernel.supportsSubshells;
if (kernel.supportsSubshells) {
  const beside = kernels.connectTo({ model: kernel.model });
  await beside.info;
  const busy = kernel.requestExecute({ code: 'import time; time.sleep(4)' });
  const shell = (await kernel.requestCreateSubshell({}).done).content.subshell_id;
  beside.subshellId = shell;
  let over = false;
  busy.done.then(() => { over = true; });
  const result = await beside.requestExecute({ code: '1 + 1' }).done;
  saw.subshell = { status: result.content.status, whileBusy: !over };
  await busy.done;
  saw.shells = (await kernel.requestListSubshell({}).done).content.subshell_id.length;
  await kernel.requestDeleteSubshell({ subshell_id: shell }).done;
  beside.dispose();
}

// The debugger (DAP): a breakpoint's cell stops there, and goes on.
const debug = async (command, args = {}) =>
  (await kernel.requestDebug({ seq: debug.seq = (debug.seq ?? 0) + 1, type: 'request', command, arguments: args }).done).content;
const events = [];
kernel.iopubMessage.connect((_, m) => m.header.msg_type === 'debug_event' && events.push(m.content.event));
const initialized = await debug('initialize', { clientID: 't', adapterID: '', linesStartAt1: true, columnsStartAt1: true, pathFormat: 'path' });
await debug('attach');
const code = 'x = 40\ny = x + 2\nprint(y)';
const dumped = await debug('dumpCell', { code });
await debug('setBreakpoints', { breakpoints: [{ line: 2 }], source: { path: dumped.body.sourcePath }, sourceModified: false });
await debug('configurationDone');
const stopping = kernel.requestExecute({ code });
const stopped = await eventually(() => events.includes('stopped'));
const threads = (await debug('debugInfo')).body.stoppedThreads;
const frames = (await debug('stackTrace', { threadId: threads[0] })).body.stackFrames;
const scopes = (await debug('scopes', { frameId: frames[0].id })).body.scopes;
const variables = (await debug('variables', { variablesReference: scopes[0].variablesReference })).body.variables;
await debug('continue', { threadId: threads[0] });
saw.debugger = { initialized: initialized.success, stopped, line: frames[0].line, x: variables.find(v => v.name === 'x').value,
  after: (await stopping.done).content.status };
await debug('disconnect', { restart: false, terminateDebuggee: false });

// Restart: the same connection goes on, its variables are gone.
const states = [];
kernel.statusChanged.connect((_, status) => states.push(status));
await kernel.restart();
saw.restarted = await run(kernel, "print('x' in globals())");
saw.restartSeen = states.includes('restarting') && await eventually(() => kernel.status === 'idle');

// A kernel that dies is started again by the server. The connection hears of it once, and goes on.
states.length = 0;
let dialled = 0;
kernel.connectionStatusChanged.connect((_, status) => { dialled += status === 'connecting'; });
kernel.requestExecute({ code: 'import os; os._exit(1)' }).done.catch(() => {});
saw.deathSeen = await eventually(() => states.includes('autorestarting')) && await eventually(() => kernel.status === 'idle');
saw.afterDeath = await run(kernel, "print('x' in globals())");
saw.dialledOnce = dialled === 1;

// The session: found by others, renamed, given another kernel, ended.
saw.running = [...sessions.running()].length >= 1;
saw.found = (await sessions.findByPath('life.ipynb')).id === session.id;
await session.setPath('renamed.ipynb');
await session.setName('renamed');
saw.renamed = [session.path, session.name];
const before = session.kernel.id;
const changed = await session.changeKernel({ name: 'python3' });
saw.changed = changed.id !== before && (await run(changed, '1 + 1')).result;
saw.oldKernelGone = await eventually(async () => ![...(await kernels.refreshRunning(), kernels.running())].some(k => k.id === before));
await session.shutdown();
await sessions.refreshRunning();
saw.ended = ![...sessions.running()].some(s => s.id === session.id) && session.isDisposed;

if (withContents) {
  const contents = new ContentsManager({ serverSettings });
  const made = await contents.newUntitled({ path: '', type: 'notebook' });
  const notebook = { cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 };
  const saved = await contents.save(made.path, { type: 'notebook', format: 'json', content: notebook });
  const point = await contents.createCheckpoint(made.path);
  await contents.save(made.path, { type: 'notebook', format: 'json', content: { ...notebook, metadata: { changed: true } } });
  await contents.restoreCheckpoint(made.path, point.id);
  const moved = await contents.rename(made.path, 'moved.ipynb');
  const copied = await contents.copy('moved.ipynb', '');
  const listed = (await contents.get('')).content.map(m => m.name).sort();
  const url = await contents.getDownloadUrl('moved.ipynb');
  const bytes = await ServerConnection.makeRequest(url, {}, serverSettings);
  await contents.deleteCheckpoint('moved.ipynb', point.id);
  await contents.delete('moved.ipynb');
  await contents.delete(copied.path);
  let missing = 0;
  await contents.get('moved.ipynb').catch(error => { missing = error.response.status; });
  saw.contents = { saved: saved.type, restored: (await bytes.json()).metadata, moved: moved.path, copied: copied.path, listed, missing };
  contents.dispose();
}

console.log(JSON.stringify(saw));
process.exit(0); // timers of the managers would keep it
