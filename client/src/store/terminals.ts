// The terminals of consoles: what was written in each, for the view that draws it now or later, and how large it is.
import type { TerminalSize } from "../lib/transport/runLink";

const KEPT_CHARS = 2 * 1024 * 1024;

/** What draws a terminal. */
export interface Screen {
  write(text: string): void;
  reset(): void;
}

export class TerminalFeed {
  size: TerminalSize = { rows: 24, cols: 80 };
  private pieces: string[] = [];
  private chars = 0;
  private screen: Screen | null = null;

  /** A new program: the screen is empty. */
  begin(): void {
    this.pieces = [];
    this.chars = 0;
    this.screen?.reset();
  }

  write(text: string): void {
    this.pieces.push(text);
    this.chars += text.length;
    while (this.chars > KEPT_CHARS && this.pieces.length > 1) this.chars -= this.pieces.shift()?.length ?? 0;
    this.screen?.write(text);
  }

  /** A line of our own: on the ordinary screen, in plain colours, with the cursor and line ends as they should be. */
  note(text: string): void {
    this.write(`\x1b[?1049l\x1b[?25h\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[0m\r\n\x1b[3m${text}\x1b[0m\r\n`);
  }

  /** The screen is told what was written so far, and all that comes. Returns what ends it. */
  show(screen: Screen): () => void {
    this.screen = screen;
    for (const piece of this.pieces) screen.write(piece);
    return () => {
      if (this.screen === screen) this.screen = null;
    };
  }
}

const feeds = new Map<string, TerminalFeed>();

export function terminalOf(path: string): TerminalFeed {
  let feed = feeds.get(path);
  if (!feed) feeds.set(path, (feed = new TerminalFeed()));
  return feed;
}

export const dropTerminal = (path: string): boolean => feeds.delete(path);

export function moveTerminal(from: string, to: string): void {
  const feed = feeds.get(from);
  if (!feed) return;
  feeds.delete(from);
  feeds.set(to, feed);
}

export const clearAllTerminals = (): void => feeds.clear();
