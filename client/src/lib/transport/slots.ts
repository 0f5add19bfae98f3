// A browser opens six connections to one server over HTTP/1.1, and queues what is more. Runs that are followed share
// four of them, in turns when there are more, so that Stop and input always find a way.

export class Slots {
  private free: number;
  private queue: (() => void)[] = [];

  constructor(count: number) {
    this.free = count;
  }

  get contended(): boolean {
    return this.queue.length > 0;
  }

  /** Resolves with a function that gives the slot back. */
  async take(): Promise<() => void> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((turn) => this.queue.push(turn));
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = this.queue.shift();
      if (next) next();
      else this.free++;
    };
  }
}
