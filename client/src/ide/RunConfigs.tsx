// The dialog that says how programs are run: the active file by itself, and configurations with a file of their own.
import { useId, useState } from "react";
import { parseEnv, PLAIN_SETUP, type RunConfig, type RunSetup } from "../lib/runSetup";
import { languageOf } from "../lib/files/languages";
import { nameOf } from "../lib/files/paths";
import { useFiles } from "../store/files";
import { chooseConfig, keepConfig, keepSetup, removeConfig, useSetups } from "../store/setups";
import { runFile, useTabs } from "../store/tabs";
import { openDialog } from "../store/ui";
import { t } from "../strings";
import { Modal } from "./Dialogs";

const WALL_MAX_S = 86_400; // the server has a bound of its own, and names it
const ACTIVE = "";

interface Draft extends RunSetup {
  id: string; // ACTIVE: the active file by itself
  name: string;
  entry: string;
}

export default function RunConfigs() {
  const active = useTabs((s) => s.activeFile);
  const { configs, chosen, byPath } = useSetups();
  const files = useFiles((s) => s.files);
  const id = useId();
  const programs = Object.keys(files).filter((path) => languageOf(path).runs).sort();
  const own = active !== null && languageOf(active).runs ? active : null; // the file that can be run by itself

  const draftOf = (which: string): Draft => {
    const config = configs.find((c) => c.id === which);
    if (config) return config;
    return { ...PLAIN_SETUP, ...(own === null ? {} : byPath[own]), id: ACTIVE, name: "", entry: own ?? "" };
  };
  const [draft, setDraft] = useState(() => draftOf(chosen ?? ACTIVE));
  const set = (some: Partial<Draft>) => setDraft((old) => ({ ...old, ...some }));
  const named = draft.id !== ACTIVE;

  const begin = () => {
    const entry = own ?? programs[0] ?? "";
    const taken = new Set(configs.map((c) => c.name));
    let name = nameOf(entry);
    for (let n = 2; taken.has(name); n++) name = `${nameOf(entry)} ${n}`;
    setDraft({ ...(draft.entry === entry ? draft : PLAIN_SETUP), id: crypto.randomUUID(), name, entry });
  };

  const { wrong } = parseEnv(draft.env);
  const problem =
    wrong !== null ? t.runConfig.envWrong(wrong)
    : named && draft.name.trim() === "" ? t.runConfig.nameMissing
    : named && configs.some((c) => c.id !== draft.id && c.name === draft.name.trim()) ? t.runConfig.nameTaken
    : named && files[draft.entry] === undefined ? t.runConfig.entryMissing
    : undefined;
  const nothing = !named && own === null;

  const keep = (andRun: boolean) => {
    const { id: which, name, entry, ...setup } = draft;
    if (named) keepConfig({ ...setup, id: which, name: name.trim(), entry } satisfies RunConfig);
    else {
      const { args, env, wallS, tty } = setup;
      keepSetup(entry, { args, env, wallS, tty });
    }
    chooseConfig(named ? which : null);
    openDialog(null);
    if (andRun) runFile(entry, named ? which : null);
  };
  const drop = () => {
    removeConfig(draft.id);
    setDraft(draftOf(ACTIVE));
  };

  return (
    <Modal title={t.runConfig.title} onClose={() => openDialog(null)}>
      <form
        className="run-configs"
        onSubmit={(event) => {
          event.preventDefault();
          if (problem === undefined && !nothing) keep(true);
        }}
      >
        <label htmlFor={`${id}-which`}>{t.runConfig.which}</label>
        <div className="row-of-two">
          <select id={`${id}-which`} value={draft.id} onChange={(e) => setDraft(draftOf(e.target.value))} aria-describedby={`${id}-which-hint`}>
            <option value={ACTIVE}>{t.runConfig.active(own)}</option>
            {configs.map((c) => (
              <option key={c.id} value={c.id}>
                {c.name}
              </option>
            ))}
            {named && !configs.some((c) => c.id === draft.id) && <option value={draft.id}>{t.runConfig.fresh}</option>}
          </select>
          <button type="button" onClick={begin} disabled={programs.length === 0}>
            {t.runConfig.create}
          </button>
        </div>
        <p id={`${id}-which-hint`} className="hint">
          {t.runConfig.whichHint}
        </p>
        {named && (
          <>
            <label htmlFor={`${id}-name`}>{t.runConfig.name}</label>
            <input id={`${id}-name`} type="text" value={draft.name} onChange={(e) => set({ name: e.target.value })} spellCheck={false} autoComplete="off" />
            <label htmlFor={`${id}-entry`}>{t.runConfig.entry}</label>
            <select id={`${id}-entry`} value={draft.entry} onChange={(e) => set({ entry: e.target.value })}>
              {(programs.includes(draft.entry) ? programs : [draft.entry, ...programs]).map((path) => (
                <option key={path}>{path}</option>
              ))}
            </select>
          </>
        )}
        {!nothing && (
          <>
            <label htmlFor={`${id}-args`}>{t.runConfig.args}</label>
            <input id={`${id}-args`} type="text" value={draft.args} onChange={(e) => set({ args: e.target.value })} aria-describedby={`${id}-args-hint`} spellCheck={false} autoComplete="off" />
            <p id={`${id}-args-hint`} className="hint">
              {t.runConfig.argsHint}
            </p>
            <label htmlFor={`${id}-env`}>{t.runConfig.env}</label>
            <textarea id={`${id}-env`} rows={3} value={draft.env} onChange={(e) => set({ env: e.target.value })} aria-describedby={`${id}-env-hint`} aria-invalid={wrong !== null} spellCheck={false} autoComplete="off" />
            <p id={`${id}-env-hint`} className="hint">
              {t.runConfig.envHint}
            </p>
            <label htmlFor={`${id}-wall`}>{t.runConfig.wall}</label>
            <input
              id={`${id}-wall`}
              type="number"
              min={1}
              max={WALL_MAX_S}
              step={1}
              value={draft.wallS ?? ""}
              onChange={(e) => set({ wallS: e.target.value === "" ? null : Math.min(WALL_MAX_S, Math.max(1, Math.round(Number(e.target.value)))) })}
              aria-describedby={`${id}-wall-hint`}
            />
            <p id={`${id}-wall-hint`} className="hint">
              {t.runConfig.wallHint}
            </p>
            <label className="check">
              <input type="checkbox" checked={draft.tty} onChange={(e) => set({ tty: e.target.checked })} aria-describedby={`${id}-tty`} /> {t.runConfig.tty}
            </label>
            <p id={`${id}-tty`} className="hint">
              {t.runConfig.ttyHint}
            </p>
          </>
        )}
        <div className="run-configs-end">
          <p className="wrong" role="status">
            {problem ?? (nothing ? t.nothingToRun : "")}
          </p>
          <div className="dialog-actions">
            {configs.some((c) => c.id === draft.id) && (
              <>
                <button type="button" className="danger" onClick={drop}>
                  {t.files.delete}
                </button>
                <span className="space" />
              </>
            )}
            <button type="button" onClick={() => keep(false)} disabled={problem !== undefined || nothing}>
              {t.runConfig.save}
            </button>
            <button type="submit" className="go" disabled={problem !== undefined || nothing}>
              {t.runConfig.saveAndRun}
            </button>
          </div>
        </div>
      </form>
    </Modal>
  );
}
