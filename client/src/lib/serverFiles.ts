// Copies of workspaces in the folder that the server keeps for its users (Jupyter's contents API): ide/ID/ holds a
// workspace's files, and ide/ID.json says what it is called.
import { decode, toBase64, type Content } from "./files/content";
import { json } from "./transport/http";
import { ServerError } from "./transport/runLink";

const ROOT = "ide";

export interface Copy {
  id: string;
  name: string;
}

interface Model {
  name: string;
  type: "file" | "directory" | "notebook";
  format: "text" | "base64" | "json" | null;
  content: unknown;
}

const address = (path: string): string => `contents/${path.split("/").map(encodeURIComponent).join("/")}`;

/** Names that begin with a dot are not the contents API's. */
export const canCopy = (path: string): boolean => !path.split("/").some((part) => part.startsWith("."));

function missing(error: unknown): boolean {
  return error instanceof ServerError && error.status === 404;
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll("\n", "")), (c) => c.charCodeAt(0));
}

export class ServerFiles {
  private readonly folders = new Set<string>();

  constructor(private readonly call: typeof json = json) {}

  async put(id: string, path: string, content: Content): Promise<void> {
    await this.folder(`${ROOT}/${id}/${path}`);
    const body = typeof content === "string" ? { type: "file", format: "text", content } : { type: "file", format: "base64", content: toBase64(content) };
    await this.call("PUT", address(`${ROOT}/${id}/${path}`), body);
  }

  async remove(id: string, path: string): Promise<void> {
    try {
      await this.call("DELETE", address(`${ROOT}/${id}/${path}`));
    } catch (error) {
      if (!missing(error)) throw error;
    }
  }

  async describe({ id, name }: Copy): Promise<void> {
    await this.folder(`${ROOT}/${id}.json`);
    await this.call("PUT", address(`${ROOT}/${id}.json`), { type: "file", format: "text", content: JSON.stringify({ name }) });
  }

  async list(): Promise<Copy[]> {
    let all: Model[];
    try {
      all = (await this.call<Model>("GET", `${address(ROOT)}?content=1`)).content as Model[];
    } catch (error) {
      if (missing(error)) return [];
      throw error;
    }
    const copies = all.filter((m) => m.type === "file" && m.name.endsWith(".json")).map(async (m): Promise<Copy> => {
      const said = JSON.parse((await this.read(`${ROOT}/${m.name}`)) as string) as { name?: string };
      const id = m.name.slice(0, -5);
      return { id, name: said.name ?? id };
    });
    return Promise.all(copies);
  }

  async load(id: string): Promise<[string, Content][]> {
    const files: [string, Content][] = [];
    const walk = async (folder: string): Promise<void> => {
      const { content } = await this.call<Model>("GET", `${address(folder)}?content=1`);
      for (const m of content as Model[]) {
        const path = `${folder}/${m.name}`;
        if (m.type === "directory") await walk(path);
        else files.push([path.slice(`${ROOT}/${id}/`.length), await this.read(path)]);
      }
    };
    try {
      await walk(`${ROOT}/${id}`);
    } catch (error) {
      if (!missing(error)) throw error; // a workspace without files
    }
    return files;
  }

  private async read(path: string): Promise<Content> {
    const { format, content } = await this.call<Model>("GET", `${address(path)}?type=file`);
    return format === "base64" ? decode(fromBase64(content as string)) : (content as string);
  }

  /** The folders above a file are there afterwards. */
  private async folder(path: string): Promise<void> {
    const parts = path.split("/").slice(0, -1);
    for (let n = 1; n <= parts.length; n++) {
      const folder = parts.slice(0, n).join("/");
      if (this.folders.has(folder)) continue;
      await this.call("PUT", address(folder), { type: "directory" });
      this.folders.add(folder);
    }
  }
}
