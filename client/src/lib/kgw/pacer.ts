// Gives a channel the right to send more, no faster than the page can take. A browser buffers whatever arrives; so
// what has been taken in is given back as credit only after a pause that grows with the time that it took.

const PAUSE_MS = { min: 16, max: 250 };
const REST = 2; // for each millisecond of work so many are left to the page

export class Pacer {
  private readonly owed = new Map<number, number>();
  private workMs = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** grant: sends the credit. now: a clock in milliseconds. */
  constructor(
    private readonly grant: (channel: number, bytes: number) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Runs what takes in so many bytes that came on a channel. */
  take(channel: number, bytes: number, work: () => void): void {
    const begun = this.now();
    try {
      work();
    } finally {
      this.workMs += this.now() - begun;
      this.owed.set(channel, (this.owed.get(channel) ?? 0) + bytes);
      // a hidden page has nobody to stay responsive for, and its timers may come once a minute
      if (typeof document !== "undefined" && document.hidden) this.flush();
      else this.timer ??= setTimeout(() => this.flush(), PAUSE_MS.min);
    }
  }

  /** The channel, or with no number every one, is gone. */
  forget(channel?: number): void {
    if (channel === undefined) this.owed.clear();
    else this.owed.delete(channel);
  }

  private flush(): void {
    clearTimeout(this.timer);
    const pause = Math.min(PAUSE_MS.max, this.workMs * REST);
    this.workMs = 0;
    if (pause > PAUSE_MS.min && !(typeof document !== "undefined" && document.hidden)) {
      this.timer = setTimeout(() => this.flush(), pause);
      return;
    }
    this.timer = undefined;
    const owed = [...this.owed];
    this.owed.clear();
    for (const [channel, bytes] of owed) this.grant(channel, bytes);
  }
}
