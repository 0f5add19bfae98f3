// The network of this workspace's session: whether the next run will be in it, and who listens there.
import { create } from "zustand";
import type { Port } from "../lib/transport/runLink";
import { link } from "./conn";
import { keepState, keptState, useFiles } from "./files";

interface NetworkStore {
  /** For the next run; what runs keeps what it was started with. */
  on: boolean;
  /** Programs that are in it now. */
  programs: number;
  ports: readonly Port[];
}

export const useNetwork = create<NetworkStore>()((): NetworkStore => ({ on: false, programs: 0, ports: [] }));

/** The session's name on the server. */
export const sessionName = (): string => `ide-${useFiles.getState().workspace?.id ?? "none"}`;

/** What its network is called, as far as a person cares. */
export const networkName = (): string => `kernelgw-session-${useFiles.getState().workspace?.id ?? ""}`;

export function switchNetwork(on: boolean): void {
  useNetwork.setState({ on });
  keepState({ network: on });
}

/** Where a program that listens is to be reached. */
export const portUrl = (port: number): string => new URL(`api/workspaces/${encodeURIComponent(sessionName())}/ports/${port}/`, document.baseURI).href;

let leave: (() => void) | undefined;

/** Follows the session of the workspace that this tab has now. */
export function attendSession(): void {
  leave?.();
  useNetwork.setState({ on: keptState().network === true, programs: 0, ports: [] });
  leave = link.attend(sessionName(), (model) => {
    const live = model.runs.filter((r) => r.network === "session" && r.state !== "exited" && r.state !== "lost");
    useNetwork.setState({ programs: live.length, ports: live.length > 0 || model.kernels.length > 0 ? (model.ports ?? []) : [] });
  });
}
