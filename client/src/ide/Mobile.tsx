// A narrow screen shows one thing at a time: files, the file, or a console.
import { FileCode, Files, SquareTerminal } from "lucide-react";
import { ConsolePanel } from "../console/ConsolePanel";
import { EditorPanel } from "../editor/EditorPanel";
import { useRuns } from "../store/runs";
import { openConsole, openFile, useTabs } from "../store/tabs";
import { useUi, type MobileView } from "../store/ui";
import { t } from "../strings";
import { FileTree } from "./FileTree";
import { Boundary } from "./lazily";
import { Welcome } from "./Welcome";

function Choice({ label, value, options, onChoose }: { label: string; value: string; options: string[]; onChoose: (path: string) => void }) {
  return (
    <select className="choice" aria-label={label} value={value} onChange={(e) => onChoose(e.target.value)}>
      {options.map((o) => (
        <option key={o}>{o}</option>
      ))}
    </select>
  );
}

const ICONS: Record<MobileView, typeof Files> = { files: Files, editor: FileCode, console: SquareTerminal };

export function Mobile() {
  const view = useUi((s) => s.mobileView);
  const { activeFile, activeConsole, openFiles } = useTabs();
  const consoles = useRuns((s) => s.consoles);
  const shown = activeConsole !== null && consoles.includes(activeConsole) ? activeConsole : (consoles[consoles.length - 1] ?? null);
  return (
    <>
      <main className="mobile-view">
        {view === "files" && <FileTree />}
        {view === "editor" &&
          (activeFile ? (
            <>
              <Choice label={t.mobile.editor} value={activeFile} options={openFiles} onChoose={openFile} />
              <Boundary key={activeFile}>
                <EditorPanel path={activeFile} focus={false} />
              </Boundary>
            </>
          ) : (
            <Welcome />
          ))}
        {view === "console" &&
          (shown ? (
            <>
              <Choice label={t.mobile.console} value={shown} options={consoles} onChoose={openConsole} />
              <Boundary key={shown}>
                <ConsolePanel path={shown} />
              </Boundary>
            </>
          ) : (
            <p className="hint">{t.console.empty}</p>
          ))}
      </main>
      <nav className="mobile-nav" aria-label={t.mobile.nav}>
        {(Object.keys(ICONS) as MobileView[]).map((name) => {
          const Icon = ICONS[name];
          return (
            <button key={name} type="button" aria-current={view === name ? "page" : undefined} onClick={() => useUi.setState({ mobileView: name })}>
              <Icon size={18} aria-hidden /> {t.mobile[name]}
            </button>
          );
        })}
      </nav>
    </>
  );
}
