// A flood arrives faster than a page can stay responsive, and promises of what is already here would never let the
// browser come to its clicks. Whoever takes in pieces awaits this between them: after some milliseconds of work it
// gives the page a turn.

const WORK_MS = 8;
let begun = 0;

function turn(): Promise<void> {
  return new Promise((done) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      done();
    };
    channel.port2.postMessage(null);
  });
}

export async function breathe(): Promise<void> {
  const now = performance.now();
  if (now - begun < WORK_MS) return;
  await turn();
  begun = performance.now();
}
