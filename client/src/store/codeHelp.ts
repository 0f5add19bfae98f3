// Kernels that help with writing: one a language, in this workspace's session, while the person wants it. They hold
// nothing, so they end with the page, and a reload starts new ones.
import { create } from "zustand";
import { serverLanguage } from "../lib/files/languages";
import { KernelHelp } from "../lib/kernelHelp";
import { apiUrl, json, request } from "../lib/transport/http";
import { t } from "../strings";
import { client } from "./conn";
import { keepState, keptState } from "./files";
import { sessionName } from "./network";
import { toast } from "./ui";

interface CodeHelpStore {
  on: boolean;
  /** Of each language that was asked for. */
  state: Readonly<Record<string, "starting" | "ready" | "failed">>;
}

export const useCodeHelp = create<CodeHelpStore>()((): CodeHelpStore => ({ on: false, state: {} }));

interface Helper {
  help: KernelHelp;
  kernelId: string | null;
}

const helpers = new Map<string, Helper>();

const tell = (language: string, state: CodeHelpStore["state"][string]) => useCodeHelp.setState((s) => ({ state: { ...s.state, [language]: state } }));

interface Kernelspecs {
  kernelspecs: Record<string, { spec: { language?: string } }>;
}

async function specOf(language: string): Promise<string | undefined> {
  const { kernelspecs } = await json<Kernelspecs>("GET", "kernelspecs");
  return Object.entries(kernelspecs).find(([, { spec }]) => serverLanguage(spec.language ?? "") === language)?.[0];
}

async function start(language: string, helper: Helper): Promise<void> {
  const name = await specOf(language);
  if (name === undefined) throw new Error(t.noLanguage(language));
  const { id } = await json<{ id: string }>("POST", "kernels", { name, kernelgw: { session: sessionName() } });
  if (helpers.get(language) !== helper) return void request("DELETE", `kernels/${id}`).catch(() => undefined); // not wanted any more
  helper.kernelId = id;
  const gone = () => {
    helper.help.close();
    if (helpers.get(language) === helper) helpers.delete(language);
    tell(language, "failed");
  };
  helper.help.begin(client.openKernel(id, { message: helper.help.hear, gap: () => undefined, gone }));
  tell(language, "ready");
}

/** Who helps with a language; started when it is on and has not been. null: nobody. */
export function helpFor(language: string): KernelHelp | null {
  if (!useCodeHelp.getState().on || useCodeHelp.getState().state[language] === "failed") return null;
  const old = helpers.get(language);
  if (old) return old.help;
  const helper: Helper = { help: new KernelHelp(language), kernelId: null };
  helpers.set(language, helper);
  tell(language, "starting");
  start(language, helper).catch((error: unknown) => {
    helpers.delete(language);
    tell(language, "failed");
    toast(t.codeHelp.refused(error instanceof Error ? error.message : String(error)), "error");
  });
  return helper.help;
}

function end(): void {
  for (const { help, kernelId } of helpers.values()) {
    help.close();
    // keepalive: also when the page goes
    if (kernelId !== null) void fetch(apiUrl(`kernels/${kernelId}`), { method: "DELETE", credentials: "same-origin", keepalive: true }).catch(() => undefined);
  }
  helpers.clear();
}

export function switchCodeHelp(on: boolean): void {
  end();
  useCodeHelp.setState({ on, state: {} });
  keepState({ codeHelp: on });
}

/** Another workspace, or the same one after a reload: as it was chosen there. */
export function openCodeHelp(): void {
  end();
  useCodeHelp.setState({ on: keptState().codeHelp === true, state: {} });
}

addEventListener("pagehide", end);
