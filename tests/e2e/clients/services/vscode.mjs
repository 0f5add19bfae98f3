// What VS Code's Jupyter extension says to an "Existing Jupyter Server", step by step as its source has it (vscode-jupyter 2026.6, src/standalone/userJupyterServer,
// src/kernels/jupyter), with the packages that it uses: @jupyterlab/services over node-fetch and ws. Not VS Code itself. Prints one JSON object of what it
// saw, which must be the same from every server. usage: node vscode.mjs URL TOKEN
import { randomUUID } from 'node:crypto';
import nodeFetch from 'node-fetch';
import WebSocketIsomorphic from 'isomorphic-ws';
import { ContentsManager, KernelAPI, KernelManager, KernelSpecManager, ServerConnection, SessionManager } from '@jupyterlab/services';

const [baseUrl, token] = process.argv.slice(2);
// What a hang hung behind is told on stderr.
const saw = new Proxy({}, { set: (o, k, v) => { o[k] = v; console.error(k); return true; } });
process.on('unhandledRejection', error => console.error('unhandled:', error.message));

// --- jupyterHubPasswordConnect.ts, jupyterPasswordConnect.ts: is it a hub, is a password needed, what does it give ---

const at = path => new URL(path, baseUrl).toString();
const keepAlive = { Connection: 'keep-alive' };

const isHub = async () => (await nodeFetch(at('hub/api'), { method: 'get' })).status === 200;

async function needPassword() {
  let response = await nodeFetch(baseUrl, { method: 'get', redirect: 'follow', headers: keepAlive });
  if (response.status === 200 && response.redirected) {
    if (response.url.toLowerCase().includes('/login?')) return true;
    if (response.url.toLowerCase().includes('/lab?')) return false;
  }
  response = await nodeFetch(at('tree?'), { method: 'get', redirect: 'manual', headers: keepAlive });
  return response.status !== 404 && response.status !== 200;
}

// Name and all that stands behind it, attributes too, as the extension takes them.
function cookiesOf(response) {
  return new Map((response.headers.raw()['set-cookie'] ?? []).map(c => [c.substring(0, c.indexOf('=')), c.substring(c.indexOf('=') + 1)]));
}

async function logIn(password) {
  const page = await nodeFetch(at('login?'), { method: 'get', redirect: 'manual', headers: keepAlive });
  const xsrf = page.ok ? cookiesOf(page).get('_xsrf')?.split(';')[0] : undefined;
  const answer = await nodeFetch(at('login?'), {
    method: 'post', redirect: 'manual', body: new URLSearchParams({ _xsrf: xsrf, password }).toString(),
    headers: { Cookie: `_xsrf=${xsrf}`, ...keepAlive, 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' },
  });
  const [name, value] = answer.status === 302 ? cookiesOf(answer).entries().next().value ?? [] : [];
  return name && value ? { Cookie: `_xsrf=${xsrf}; ${name}=${value}`, 'X-XSRFToken': xsrf } : undefined;
}

// --- jupyterUtils.ts (createJupyterConnectionInfo), jupyterRequestCreator.node.ts ---

let pongs = 0;

function connection(itsToken, authHeader) {
  class AuthorizingRequest extends nodeFetch.Request {
    constructor(input, init) {
      super(input, init);
      const headers = this.headers;
      Object.keys(authHeader).forEach(k => headers.append(k, authHeader[k].toString()));
      headers.set('Content-Type', 'application/json');
      const append = headers.append.bind(headers);
      headers.append = (k, v) => { if (k.toLowerCase() !== 'authorization') append(k, v); };
    }
  }
  class JupyterWebSocket extends WebSocketIsomorphic {
    constructor(url, protocols) {
      super(url, protocols, { headers: authHeader });
      this.on('pong', () => { pongs += 1; });
      const timer = setInterval(() => this.readyState === 1 && this.ping(() => {}), 20); // there each 30 s
      this.on('close', () => clearInterval(timer));
    }
  }
  return ServerConnection.makeSettings({
    baseUrl, appUrl: '', wsUrl: baseUrl.replace('http', 'ws'), token: itsToken, appendToken: true, init: { cache: 'no-store', credentials: 'same-origin' },
    WebSocket: JupyterWebSocket, fetch: nodeFetch, Request: AuthorizingRequest, Headers: nodeFetch.Headers,
  });
}

// --- jupyterLabHelper.ts ---

function helper(serverSettings) {
  const kernelManager = new KernelManager({ serverSettings });
  return {
    serverSettings, kernelManager, specs: new KernelSpecManager({ serverSettings }), contents: new ContentsManager({ serverSettings }),
    sessions: new SessionManager({ serverSettings, kernelManager }),
    runningKernels: async () => (await KernelAPI.listRunning(serverSettings)).map(m => ({
      id: m.id, active: !Number.isNaN(Date.parse(m.last_activity)), connections: parseInt(m.connections, 10) })),
    async kernelSpecs() {
      await this.sessions.ready;
      await this.specs.refreshSpecs();
      return Object.values(this.specs.specs.kernelspecs);
    },
    async runningSessions() {
      await this.sessions.ready;
      await this.sessions.refreshRunning();
      return [...this.sessions.running()];
    },
    dispose() {
      this.contents.dispose();
      this.sessions.dispose();
      this.kernelManager.dispose();
      this.specs.dispose();
    },
  };
}

// --- common/helpers.ts, execution ---

const until = (signal, object, test) => new Promise(resolve => {
  const look = () => { if (test()) { signal.disconnect(look, object); resolve(true); } };
  signal.connect(look, object);
  look();
});
const waitForIdle = session => until(session.kernel.statusChanged, {}, () => session.kernel.status === 'idle');

async function execute(kernel, code, { silently = false, answer } = {}) {
  const request = kernel.requestExecute(
    { code, silent: false, stop_on_error: false, allow_stdin: true, store_history: !silently }, silently, silently ? undefined : { cellId: randomUUID() });
  const out = { text: '', data: [], error: null };
  request.onIOPub = ({ header, content }) => {
    if (header.msg_type === 'stream') out.text += content.text;
    if (header.msg_type === 'execute_result' || header.msg_type === 'display_data') out.data.push(content.data['text/plain']);
    if (header.msg_type === 'error') out.error = content.ename;
  };
  request.onStdin = m => kernel.sendInputReply({ status: 'ok', value: answer }, m.header);
  const reply = await request.done;
  return { ...out, status: reply.content.status, count: reply.content.execution_count };
}

// --- jupyterKernelSessionFactory.ts, jupyterSession.ts: a notebook's day ---

async function work(serverSettings) {
  const out = {};
  const window1 = helper(serverSettings);
  const [running, specs, sessionsThere] = await Promise.all([window1.runningKernels(), window1.kernelSpecs(), window1.runningSessions()]);
  const python = specs.find(s => s.name === 'python3');
  out.found = { running: running.length, sessions: sessionsThere.length, language: python.language, argv: Array.isArray(python.argv), display: !!python.display_name };
  const session = await window1.sessions.startNew(
    { path: `book-jvsc-${randomUUID()}${randomUUID()}.ipynb`, kernel: { name: window1.specs.specs.default }, name: `book-${randomUUID()}.ipynb`, type: 'notebook' },
    { kernelConnectionOptions: { handleComms: true } });
  await waitForIdle(session);
  const { kernel } = session;
  out.info = (await kernel.info).language_info.name;
  out.silently = await execute(kernel, "%config Completer.use_jedi = False\nprint('startup')", { silently: true });
  out.cell = await execute(kernel, "kept = 41\nprint('cell')\nkept + 1");
  out.error = (await execute(kernel, 'nothing')).error;
  out.input = (await execute(kernel, "print(input('who? '))", { answer: 'Ada' })).text;
  out.complete = (await kernel.requestComplete({ code: 'kep', cursor_pos: 3 })).content.matches.includes('kept');
  out.inspect = (await kernel.requestInspect({ code: 'kept', cursor_pos: 2, detail_level: 0 })).content.found;
  // a widget: its comm is opened by the kernel, and answered
  const opened = new Promise(resolve => kernel.registerCommTarget('vscode.test', (comm, message) => resolve([comm, message.content.data])));
  const asked = execute(kernel, `
from comm import create_comm
heard = []
widget = create_comm(target_name='vscode.test', data={'n': 1}, buffers=[b'abc'])
widget.on_msg(lambda m: heard.append((m['content']['data'], [bytes(b) for b in m['buffers']])))`);
  const [comm, data] = await opened;
  await asked;
  await comm.send({ k: 2 }, {}, [new Uint8Array([1, 2]).buffer]).done;
  out.widget = { data, heard: (await execute(kernel, 'heard')).data[0], known: Object.keys((await kernel.requestCommInfo({ target_name: 'vscode.test' })).content.comms).length };
  const spinning = execute(kernel, "print('on', flush=True)\nwhile True: pass");
  await until(kernel.statusChanged, {}, () => kernel.status === 'busy');
  await new Promise(resolve => kernel.iopubMessage.connect((_, m) => m.header.msg_type === 'stream' && resolve()));
  await kernel.interrupt();
  out.interrupted = (await spinning).error;

  // Another window, or the same one after a reload, attaches to the live kernel; the first goes without shutting it down.
  const window2 = helper(connection(serverSettings.token, await credentials(serverSettings.token)));
  const model = (await window2.runningSessions()).find(s => s.path === session.path);
  const active = (await window2.runningKernels()).find(k => k.id === model.kernel.id);
  out.live = { name: model.name.startsWith('book-'), type: model.type, active: active.active, connections: active.connections };
  const live = window2.sessions.connectTo({ ...model.kernel, model });
  await until(live.connectionStatusChanged, {}, () => live.kernel.connectionStatus === 'connected');
  session.dispose();
  window1.dispose();
  out.reattached = (await execute(live.kernel, 'kept')).data;
  await live.kernel.restart();
  await waitForIdle(live);
  out.restarted = (await execute(live.kernel, 'kept')).error;
  await live.shutdown();
  out.left = (await window2.runningSessions()).length + (await window2.runningKernels()).length;
  window2.dispose();
  return out;
}

const credentials = async itsToken => itsToken ? { Authorization: `token ${itsToken}` } : await logIn(token);

saw.hub = await isHub();
saw.needPassword = await needPassword();
saw.wrongPassword = await logIn('wrong') ?? null;
saw.wrongToken = await helper(connection('wrong', { Authorization: 'token wrong' })).runningKernels().then(() => 'let in', e => e.response?.status);
saw.byToken = await work(connection(token, await credentials(token)));
saw.byPassword = await work(connection('', await credentials('')));
saw.pongs = pongs > 0;
console.log(JSON.stringify(saw));
process.exit(0); // timers of the managers would keep it
