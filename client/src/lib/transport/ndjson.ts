// Lines of JSON out of a response, as they come.
import { breathe } from "./breathe";

/** Hands each whole line to take, until it says that it has enough, or there are no more. A half line is dropped. */
export async function readLines(body: ReadableStream<Uint8Array>, take: (value: unknown) => boolean): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      let at = 0;
      for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", at)) {
        const line = rest.slice(at, end);
        at = end + 1;
        if (line !== "" && !take(JSON.parse(line))) return;
        await breathe();
      }
      rest = rest.slice(at);
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}
