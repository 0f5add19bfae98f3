// Console text that leaves the page: to the clipboard, to a file.
import type { ConsoleLog } from "../lib/console/log";
import { download } from "../lib/files/incoming";
import { nameOf } from "../lib/files/paths";
import { t } from "../strings";
import { link } from "./conn";
import { logOf, useRuns } from "./runs";
import { toast } from "./ui";

export async function copyOutput(log: ConsoleLog): Promise<void> {
  try {
    await navigator.clipboard.writeText(log.text());
    toast(t.console.copied(log.ring.length));
  } catch {
    toast(t.console.copyFailed, "error");
  }
}

/** All that the server keeps of the run; what this page keeps, where the server has forgotten it. */
export async function saveOutput(path: string): Promise<void> {
  const run = useRuns.getState().byPath[path];
  const name = `${nameOf(path)}.log`;
  if (run?.runId) {
    try {
      return download(name, await link.output(run.runId), "text/plain");
    } catch {
      // the page's own lines are better than nothing
    }
  }
  download(name, `${logOf(path).text()}\n`, "text/plain");
}
