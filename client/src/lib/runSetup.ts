// How a program is run: what a person says of it beside the program itself.

export interface RunSetup {
  /** As typed: split by splitArgs. */
  args: string;
  /** As typed: NAME=value, one a line. */
  env: string;
  /** Seconds that it may take; null: as many as the server gives by itself. */
  wallS: number | null;
  /** It has a terminal in place of lines. */
  tty: boolean;
}

/** A setup with a name and a file of its own, which Run means whatever file is in front. */
export interface RunConfig extends RunSetup {
  id: string;
  name: string;
  entry: string;
}

/** What a workspace keeps of them. */
export interface Setups {
  /** Of files that are run as they are opened. */
  byPath: Record<string, RunSetup>;
  configs: RunConfig[];
  /** The configuration that Run means; null: the active file. */
  chosen: string | null;
  /** The configuration that a file was run by last. */
  ranWith: Record<string, string>;
}

export const PLAIN_SETUP: RunSetup = Object.freeze({ args: "", env: "", wallS: null, tty: false });
export const NO_SETUPS: Setups = Object.freeze({ byPath: {}, configs: [], chosen: null, ranWith: {} });

/** Variables of lines "NAME=value"; blank lines and those that begin with # are passed over. wrong: the first line that is neither. */
export function parseEnv(text: string): { env: Record<string, string>; wrong: string | null } {
  const env: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, name, value] = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return { env, wrong: line.trim() };
    env[name] = value;
  }
  return { env, wrong: null };
}
