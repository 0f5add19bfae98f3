// What jsdom lacks of a browser.
import "fake-indexeddb/auto";

Object.defineProperty(globalThis, "matchMedia", {
  value: (media: string) => ({ media, matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }),
});

class Locks {
  private readonly held = new Map<string, Promise<unknown>>();

  async request<T>(name: string, second: { ifAvailable?: boolean } | ((lock: unknown) => T), third?: (lock: unknown) => T): Promise<T> {
    const act = typeof second === "function" ? second : third;
    if (!act) throw new TypeError("no callback");
    if (typeof second === "object" && second.ifAvailable && this.held.has(name)) return act(null);
    while (this.held.has(name)) await this.held.get(name);
    const done = Promise.resolve(act({ name }));
    this.held.set(name, done);
    try {
      return await done;
    } finally {
      this.held.delete(name);
    }
  }

  query(): Promise<{ held: { name: string }[] }> {
    return Promise.resolve({ held: [...this.held.keys()].map((name) => ({ name })) });
  }
}

Object.defineProperty(navigator, "locks", { value: new Locks() });
