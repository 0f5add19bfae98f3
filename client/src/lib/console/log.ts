// A console's text and who looks at it. Text arrives whenever it does; lookers hear of it once an animation frame at
// most (four times a second in a hidden page, which has no frames).
import { stripAnsi } from "./ansi";
import { ConsoleFeed } from "./feed";
import { LineRing, type Kind } from "./ring";

const HIDDEN_MS = 250;

const dirty = new Set<ConsoleLog>();
let scheduled = false;

function flush(): void {
  scheduled = false;
  const now = [...dirty];
  dirty.clear();
  for (const log of now) log.tell();
}

function schedule(log: ConsoleLog): void {
  dirty.add(log);
  if (scheduled) return;
  scheduled = true;
  if (document.hidden) setTimeout(flush, HIDDEN_MS);
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

  tell(): void {
    this.version++;
    for (const looker of this.lookers) looker();
  }
}
