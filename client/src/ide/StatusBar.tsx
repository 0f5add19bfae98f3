import { languageOf } from "../lib/files/languages";
import { useCodeHelp } from "../store/codeHelp";
import { useConn } from "../store/conn";
import { useCursor } from "../store/cursor";
import { useFiles } from "../store/files";
import { networkName, useNetwork } from "../store/network";
import { counts, useRuns } from "../store/runs";
import { useServerCopy } from "../store/serverCopy";
import { useTabs } from "../store/tabs";
import { t } from "../strings";

export function StatusBar() {
  const cursor = useCursor();
  const active = useTabs((s) => s.activeFile);
  const dirty = useFiles((s) => Object.values(s.files).some((f) => f.dirty));
  const error = useFiles((s) => s.saveError);
  const copy = useServerCopy();
  const live = useRuns(counts.live);
  const network = useNetwork((s) => s.on || s.programs > 0);
  const help = useCodeHelp((s) => (s.on && active !== null ? s.state[languageOf(active).id] : undefined));
  const kind = useConn((s) => s.state.kind);
  return (
    <footer className="status" aria-label={t.status.label}>
      <span className={kind === "online" ? "good" : "bad"}>
        <span className={`dot ${kind === "online" ? "good" : "bad"}`} aria-hidden /> {t.status[kind]}
      </span>
      {live > 0 && <span>{t.status.runs(live)}</span>}
      {network && <span className="net-name">{t.status.network(networkName())}</span>}
      <span className="space" />
      {active !== null && cursor.path === active && (
        <>
          <span>{t.status.position(cursor.line, cursor.column)}</span>
          <span>{cursor.language}</span>
          {help !== undefined && <span>{t.codeHelp[help]}</span>}
        </>
      )}
      <span className={error ? "bad" : undefined}>{error ? t.status.notSaved(error) : dirty ? t.status.saving : t.status.saved}</span>
      {copy.state !== "off" && copy.state !== "unknown" && (
        <span className={copy.state === "failed" ? "bad" : undefined} title={copy.why}>
          {t.status.copy[copy.state]}
        </span>
      )}
    </footer>
  );
}
