// How full a console is. Twice a second is enough for a figure.
import { useSyncExternalStore } from "react";
import type { ConsoleLog } from "../lib/console/log";
import { t } from "../strings";

function everyHalfSecond(looker: () => void): () => void {
  const timer = setInterval(looker, 500);
  return () => clearInterval(timer);
}

export function Usage({ log }: { log: ConsoleLog }) {
  const length = useSyncExternalStore(everyHalfSecond, () => log.ring.length);
  return <span className={length >= log.ring.capacity * 0.9 ? "usage near" : "usage"}>{t.console.usage(length, log.ring.capacity)}</span>;
}
