// @jupyterlab/services, unmodified, with the WebSocket of the browser client's kgw.v1 module: two kernels over one socket, which is
// cut while both write. Prints one JSON object of what it saw. usage: node shared.mjs URL TOKEN MODULE
import { KernelManager, ServerConnection } from '@jupyterlab/services';

const [baseUrl, token, module] = process.argv.slice(2);
const { KgwClient, kernelSockets } = await import(module);
const wsUrl = baseUrl.replace(/^http/, 'ws');
const dialled = [];
class Counted extends WebSocket {
  constructor(...args) {
    super(...args);
    dialled.push(this);
  }
}
const client = new KgwClient({ url: `${wsUrl}api/kgw/ws?token=${token}`, WebSocket: Counted });
await client.start();
const serverSettings = ServerConnection.makeSettings({ baseUrl, wsUrl, token, appendToken: true, WebSocket: kernelSockets(client, Counted) });
const kernels = new KernelManager({ serverSettings });
const pair = await Promise.all([kernels.startNew({ name: 'python3' }), kernels.startNew({ name: 'python3' })]);
await Promise.all(pair.map(kernel => kernel.info));

const states = [];
pair.forEach(kernel => kernel.connectionStatusChanged.connect((_, status) => states.push(status)));
const texts = ['', ''];
const futures = pair.map((kernel, i) => {
  const future = kernel.requestExecute({ code: `import time\nfor i in range(300):\n    print(${i}, i)\n    time.sleep(0.01)` });
  future.onIOPub = message => { if (message.header.msg_type === 'stream') texts[i] += message.content.text; };
  return future;
});
const line = (i, n) => texts[i].includes(`\n${i} ${n}\n`);
for (const n of [40, 120, 200]) {
  while (!line(0, n) || !line(1, n)) await new Promise(resolve => setTimeout(resolve, 5));
  dialled.at(-1).close();
}
const replies = await Promise.all(futures.map(future => future.done));
const wanted = pair.map((_, i) => Array.from({ length: 300 }, (_, n) => `${i} ${n}\n`).join(''));
const after = await pair[1].requestExecute({ code: 'i' }).done;
console.log(JSON.stringify({
  status: [...replies, after].map(reply => reply.content.status), whole: texts.map((text, i) => text === wanted[i]),
  broken: states, sockets: dialled.length, addresses: [...new Set(dialled.map(socket => new URL(socket.url).pathname))],
}));
process.exit(0);
