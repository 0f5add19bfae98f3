// RunLink over the server's REST interface, for what is asked once, and a kgw.v1 socket, for all that goes on.
import type { KgwClient, RunChannel } from "../kgw";
import { json, request } from "./http";
import { ServerError, type RunLink, type RunModel, type RunSink, type RunSpec, type Signal, type TerminalSize, type WorkspaceModel } from "./runLink";

interface Kernelspecs {
  kernelspecs: Record<string, { spec: { language?: string } }>;
}

const STOP_TAIL_BYTES = 256 * 1024; // who has pressed Stop wants to see the end

export class ServerLink implements RunLink {
  private readonly followed = new Map<string, RunChannel>();

  constructor(private readonly client: KgwClient) {}

  start(spec: RunSpec): Promise<RunModel> {
    return this.call("POST", "runs", { ...spec, stdin: null });
  }

  list(session: string): Promise<RunModel[]> {
    return this.call("GET", `runs?session=${encodeURIComponent(session)}`);
  }

  follow(runId: string, sink: RunSink, tail: number): () => void {
    const over = () => this.followed.delete(runId);
    const channel = this.client.openRun(
      runId,
      {
        run: (model) => {
          if (model.state !== "exited" && model.state !== "lost") return sink.progress(model);
          over();
          sink.exit(model);
        },
        output: (stream, text) => sink.output(stream, text),
        message: (message) => sink.message(message),
        gap: ({ messages, bytes }) => sink.gap(messages, bytes),
        gone: (why) => {
          over();
          sink.lost(why);
        },
      },
      { tail },
    );
    this.followed.set(runId, channel);
    return () => {
      channel.close();
      if (this.followed.get(runId) === channel) over();
    };
  }

  async output(runId: string): Promise<Blob> {
    return (await request("GET", `runs/${runId}/output`, { headers: { Accept: "text/plain" } })).blob();
  }

  async file(session: string, path: string): Promise<Uint8Array> {
    const parts = path.split("/").map(encodeURIComponent).join("/");
    const response = await request("GET", `workspaces/${encodeURIComponent(session)}/files/${parts}`);
    return new Uint8Array(await response.arrayBuffer());
  }

  async input(runId: string, text: string, eof: boolean): Promise<void> {
    const channel = this.followed.get(runId);
    if (!channel) throw new ServerError("it has ended", 410);
    await channel.input(text, eof);
  }

  async signal(runId: string, signal: Signal): Promise<void> {
    const channel = this.followed.get(runId);
    if (signal === "KILL") channel?.tail(STOP_TAIL_BYTES);
    if (channel) await channel.signal(signal);
    else await this.call("POST", `runs/${runId}/signal`, { signal });
  }

  async resize(runId: string, size: TerminalSize): Promise<void> {
    await this.followed.get(runId)?.resize(size);
  }

  async forget(runId: string): Promise<void> {
    await this.call("DELETE", `runs/${runId}`);
  }

  async languages(): Promise<string[]> {
    const { kernelspecs } = await this.call<Kernelspecs>("GET", "kernelspecs");
    return [...new Set(Object.values(kernelspecs).map(({ spec }) => (spec.language ?? "").toLowerCase()))].filter(Boolean);
  }

  attend(session: string, look: (model: WorkspaceModel) => void): () => void {
    return this.client.openWorkspace(session, { workspace: look });
  }

  private async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    try {
      return await json<T>(method, path, body);
    } catch (error) {
      if (error instanceof ServerError && error.status === 0) this.client.connection.failed();
      if (error instanceof ServerError && error.status === 403) this.client.connection.refused(true);
      throw error;
    }
  }
}
