// What a kernel knows of code that is being written: how it could go on, and what a name is. Nothing of the code is run,
// but for Python's imports, without which a kernel knows no names but the built-in ones.
import { stripAnsi } from "./console/ansi";
import type { JupyterMessage } from "./kgw";

const ANSWER_MS = 4000;

export interface Offer {
  text: string;
  type: string | undefined; // function, module, class, ... as the kernel calls it
  signature: string | undefined;
}

export interface Offers {
  from: number; // what they replace: places in the text, as strings count
  to: number;
  offers: Offer[];
}

/** The way to one kernel. */
export interface KernelWay {
  send(message: JupyterMessage): boolean;
  close(): void;
}

interface Typed {
  text?: string;
  type?: string;
  signature?: string;
}

/** Jupyter counts characters; strings count halves of those beyond the first 65,536. */
export const toPoints = (text: string, at: number): number => [...text.slice(0, at)].length;
export const fromPoints = (text: string, points: number): number => [...text].slice(0, points).join("").length;

/** Import statements at the margin, each of which may fail by itself. */
export function importsOf(code: string): string[] {
  return code.match(/^(?:import[ \t]+[\w., \t]+|from[ \t]+[\w.]+[ \t]+import[ \t]+(?:\([^)]*\)|[\w., \t*]+))/gm) ?? [];
}

export class KernelHelp {
  private readonly waiting = new Map<string, (content: Record<string, unknown>) => void>();
  private readonly session = crypto.randomUUID();
  private way: KernelWay | null = null;
  private imported = "";

  constructor(private readonly language: string) {}

  /** From now on requests go this way; its messages come to hear(). */
  begin(way: KernelWay): void {
    this.way = way;
  }

  readonly hear = (message: JupyterMessage): void => {
    const id = message.parent_header.msg_id;
    if (id === undefined || !message.header.msg_type.endsWith("_reply")) return;
    this.waiting.get(id)?.(message.content);
    this.waiting.delete(id);
  };

  async complete(code: string, at: number): Promise<Offers | null> {
    this.prepare(code);
    const reply = await this.ask("complete_request", { code, cursor_pos: toPoints(code, at) });
    if (reply?.["status"] !== "ok" || !Array.isArray(reply["matches"])) return null;
    const metadata = reply["metadata"] as { _jupyter_types_experimental?: Typed[] } | undefined;
    const known = new Map((metadata?._jupyter_types_experimental ?? []).map((t) => [t.text ?? "", t]));
    const named = (type: string | undefined) => (type === undefined || type === "<unknown>" ? undefined : type);
    const from = fromPoints(code, Number(reply["cursor_start"]));
    const matches = (reply["matches"] as string[]).filter((text) => !text.startsWith("%")); // a notebook's commands are none of a program's
    // IPython may give attributes with their dot
    const dot = code[from] === "." && matches.every((text) => text.startsWith(".")) ? 1 : 0;
    return {
      from: from + dot,
      to: fromPoints(code, Number(reply["cursor_end"])),
      offers: matches.map((text) => ({ text: text.slice(dot), type: named(known.get(text)?.type), signature: known.get(text)?.signature || undefined })),
    };
  }

  /** What stands at that place, in words; null when the kernel does not know. */
  async inspect(code: string, at: number): Promise<string | null> {
    this.prepare(code);
    const reply = await this.ask("inspect_request", { code, cursor_pos: toPoints(code, at), detail_level: 0 });
    const text = (reply?.["data"] as Record<string, unknown> | undefined)?.["text/plain"];
    return reply?.["found"] === true && typeof text === "string" ? stripAnsi(text).trim() : null;
  }

  close(): void {
    this.way?.close();
    this.way = null;
    for (const done of this.waiting.values()) done({});
    this.waiting.clear();
  }

  private prepare(code: string): void {
    if (this.language !== "python") return;
    const imports = importsOf(code);
    const wanted = imports.join("\n");
    if (wanted === this.imported) return;
    this.imported = wanted;
    const each = imports.map((line) => `try:\n    ${line}\nexcept Exception:\n    pass\n`).join("");
    void this.ask("execute_request", { code: each, silent: true, store_history: false, user_expressions: {}, allow_stdin: false, stop_on_error: false });
  }

  private ask(type: string, content: Record<string, unknown>): Promise<Record<string, unknown> | null> {
    const id = crypto.randomUUID();
    const sent = this.way?.send({
      channel: "shell",
      header: { msg_id: id, msg_type: type, session: this.session, username: "ide", version: "5.4", date: new Date().toISOString() },
      parent_header: {},
      metadata: {},
      content,
      buffers: [],
    });
    if (!sent) return Promise.resolve(null);
    return new Promise((done) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        done(null);
      }, ANSWER_MS);
      this.waiting.set(id, (reply) => {
        clearTimeout(timer);
        done(reply);
      });
    });
  }
}
