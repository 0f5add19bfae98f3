import { EXAMPLES, type Example } from "../lib/files/examples";
import { LANGUAGES } from "../lib/files/languages";
import { freePath, join } from "../lib/files/paths";
import { useConn } from "../store/conn";
import { exists, putFiles } from "../store/files";
import { openFile } from "../store/tabs";
import { switchNetwork } from "../store/network";
import { openDialog, toast } from "../store/ui";
import { t } from "../strings";
import { Modal } from "./Dialogs";

function add(example: Example): void {
  const folder = freePath(example.folder, exists);
  putFiles(Object.entries(example.files).map(([name, text]) => [join(folder, name), text]));
  openDialog(null);
  for (const name of example.opens ?? []) openFile(join(folder, name));
  openFile(join(folder, example.entry));
  if (!example.network) return;
  switchNetwork(true);
  toast(t.network.nowOn);
}

export default function Examples() {
  const languages = useConn((s) => s.languages);
  const groups = LANGUAGES.filter((l) => l.runs && (!languages || languages.has(l.id)))
    .map((l) => ({ language: l, examples: EXAMPLES.filter((e) => e.language === l.id) }))
    .filter((g) => g.examples.length > 0);
  return (
    <Modal title={t.examples.title} onClose={() => openDialog(null)} wide>
      <p>{groups.length > 0 ? t.examples.text : t.examples.none}</p>
      {groups.map(({ language, examples }) => (
        <section key={language.id} aria-label={language.label}>
          <h3>{language.label}</h3>
          <ul className="cards">
            {examples.map((example) => (
              <li key={example.folder}>
                <button type="button" className="card" onClick={() => add(example)} aria-label={t.examples.add(example.title)}>
                  <strong>{example.title}</strong>
                  <span>{example.text}</span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </Modal>
  );
}
