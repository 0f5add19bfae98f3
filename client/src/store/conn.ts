import { create } from "zustand";
import { serverLanguage } from "../lib/files/languages";
import { KgwClient, type ConnectionState } from "../lib/kgw";
import { signedIn, socketUrl } from "../lib/transport/http";
import type { RunLink } from "../lib/transport/runLink";
import { ServerLink } from "../lib/transport/serverLink";

export const client = new KgwClient({ url: socketUrl(), signedIn });
export const connection = client.connection;
export const link: RunLink = new ServerLink(client);

interface ConnStore {
  state: ConnectionState;
  /** Languages that the server runs, by our names; null until it has said so. */
  languages: ReadonlySet<string> | null;
}

export const useConn = create<ConnStore>()((): ConnStore => ({ state: connection.state, languages: null }));

connection.subscribe((state) => useConn.setState({ state }));

export async function loadLanguages(): Promise<void> {
  const names = await link.languages();
  useConn.setState({ languages: new Set(names.map(serverLanguage)) });
}
