import { create } from "zustand";
import { Connection, type ConnectionState } from "../lib/transport/connection";
import { signedIn } from "../lib/transport/http";
import { RestLink } from "../lib/transport/restLink";
import type { RunLink } from "../lib/transport/runLink";
import { serverLanguage } from "../lib/files/languages";

export const connection = new Connection(signedIn);
export const link: RunLink = new RestLink(connection);

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
