// A console's text and who looks at it. Text arrives whenever it does; lookers hear of it once an animation frame at
// most, in a flood at every third or so (four times a second in a hidden page, which has no frames).
import { stripAnsi } from "./ansi";
import { ConsoleFeed } from "./feed";
import { LineRing, type Kind } from "./ring";

const HIDDEN_MS = 250;
// More lines in one frame than anybody could see pass: drawing them all at every frame would only take the page's time.
const FLOOD = { lines: 100, pauseMs: 40 };

const dirty = new Set<ConsoleLog>();
let scheduled = false;
let calmUntil = 0; // what was told last was a flood: the next is not before then

function flush(): void {
  scheduled = false;
  const now = [...dirty];
  dirty.clear();
  for (const log of now) if (log.tell() > FLOOD.lines) calmUntil = performance.now() + FLOOD.pauseMs;
}

function schedule(log: ConsoleLog): void {
  dirty.add(log);
  if (scheduled) return;
  scheduled = true;
  const wait = calmUntil - performance.now();
  if (document.hidden) setTimeout(flush, HIDDEN_MS);
  else if (wait > 0) setTimeout(() => requestAnimationFrame(flush), wait);
  else requestAnimationFrame(flush);
}

// A frame that was asked for does not come once the page is hidden.
document.addEventListener("visibilitychange", () => {
  if (scheduled) flush();
});

export class ConsoleLog {
  readonly ring: LineRing;
  readonly feed: ConsoleFeed;
  /** Lines that the server no longer had, besides those that the ring dropped. */
  version = 0;
  /** Lines before this one were cleared by the person, not dropped. */
  clearedAt = 0;
  private readonly lookers = new Set<() => void>();
  private told = 0; // the ring's next line when lookers heard last

  constructor(cap: number) {
    this.ring = new LineRing(cap);
    this.feed = new ConsoleFeed(this.ring);
  }

  /** Lines that came and are not kept any more. */
  get dropped(): number {
    return this.ring.first - this.clearedAt;
  }

  write(kind: Kind, text: string): void {
    this.feed.write(kind, text, Date.now());
    schedule(this);
  }

  echo(text: string): void {
    this.feed.echo(text, Date.now());
    schedule(this);
  }

  note(text: string): void {
    this.feed.note(text, Date.now());
    schedule(this);
  }

  clear(): void {
    this.feed.clear();
    this.clearedAt = this.ring.next;
    schedule(this);
  }

  resize(cap: number): void {
    this.ring.resize(cap);
    schedule(this);
  }

  /** The bare text of lines from (inclusive) to (exclusive). */
  text(from = this.ring.first, to = this.ring.next): string {
    const out: string[] = [];
    for (let n = Math.max(from, this.ring.first); n < Math.min(to, this.ring.next); n++) out.push(stripAnsi(this.ring.get(n)?.text ?? ""));
    return out.join("\n");
  }

  readonly subscribe = (looker: () => void): (() => void) => {
    this.lookers.add(looker);
    return () => this.lookers.delete(looker);
  };

  readonly snapshot = (): number => this.version;

  /** Lookers hear of it. Returns how many lines came since they did last. */
  tell(): number {
    const lines = this.ring.next - this.told;
    this.told = this.ring.next;
    this.version++;
    for (const looker of this.lookers) looker();
    return lines;
  }
}
