// @jupyterlab/services, unmodified, in Node: what JupyterLab's terminal does. Prints one JSON object of what it saw, which must be the
// same from every server. usage: node terminals.mjs URL TOKEN
import { PageConfig } from '@jupyterlab/coreutils';
import { ServerConnection, TerminalManager } from '@jupyterlab/services';

const [baseUrl, token] = process.argv.slice(2);
PageConfig.setOption('terminalsAvailable', 'true'); // as a server's page says where it has terminals
const serverSettings = ServerConnection.makeSettings({ baseUrl, wsUrl: baseUrl.replace(/^http/, 'ws'), token, appendToken: true });
const saw = new Proxy({}, { set: (o, k, v) => { o[k] = v; console.error(k, v); return true; } });

async function eventually(test) {
  for (let i = 0; i < 300; i++) {
    if (await test()) return true;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  return false;
}

function watch(terminal) {
  const seen = { text: '' };
  terminal.messageReceived.connect((_, { type, content }) => {
    if (type === 'stdout') seen.text += content.join('');
  });
  return seen;
}

const manager = new TerminalManager({ serverSettings });
await manager.ready;
const names = async () => (await manager.refreshRunning(), [...manager.running()].map(t => t.name));

const one = await manager.startNew();
const seen = watch(one);
saw.running = (await names()).includes(one.name);
one.send({ type: 'set_size', content: [33, 111, 600, 900] });
await eventually(() => one.connectionStatus === 'connected');
one.send({ type: 'stdin', content: ["stty size; echo o''ne $((6 * 7))\r"] });
saw.ran = await eventually(() => seen.text.includes('one 42\r\n'));
saw.size = await eventually(() => seen.text.includes('33 111\r\n'));

const again = manager.connectTo({ model: { name: one.name } });
const replay = watch(again);
saw.replayed = await eventually(() => replay.text.includes('one 42\r\n'));
again.send({ type: 'stdin', content: ["echo tw''o\r"] });
saw.shared = await eventually(() => seen.text.includes('two\r\n') && replay.text.includes('two\r\n'));

let dropped = 0;
one.connectionStatusChanged.connect(() => dropped++);
await one.reconnect();
saw.reconnected = one.connectionStatus === 'connected' && dropped > 0;

one.send({ type: 'stdin', content: ['exit\r'] });
saw.ended = await eventually(async () => !(await names()).includes(one.name));

const named = await manager.startNew({ name: 'mine' });
saw.named = named.name;
await named.shutdown();
saw.shutdown = await eventually(async () => !(await names()).includes('mine')) && named.isDisposed;

console.log(JSON.stringify(saw));
process.exit(0);
