import { useCallback, useEffect, useState } from "react";
import { listWorkspaces, type WorkspaceInfo } from "../lib/files/db";
import type { Copy } from "../lib/serverFiles";
import { useFiles } from "../store/files";
import { askText, confirm, openDialog, toast } from "../store/ui";
import { bringWorkspace, copiesElsewhere, copyInto, createWorkspace, heldWorkspaces, removeWorkspace, renameWorkspace, switchWorkspace } from "../store/workspace";
import { t } from "../strings";
import { Modal } from "./Dialogs";

export default function Workspaces() {
  const mine = useFiles((s) => s.workspace?.id);
  const [list, setList] = useState<WorkspaceInfo[]>([]);
  const [copies, setCopies] = useState<Copy[]>([]);
  const [held, setHeld] = useState<ReadonlySet<string>>(new Set());
  const load = useCallback(async () => {
    setList(await listWorkspaces());
    setHeld(await heldWorkspaces());
  }, []);
  useEffect(() => queueMicrotask(() => void load()), [load]);
  useEffect(() => {
    copiesElsewhere()
      .then(setCopies)
      .catch((error: unknown) => toast(t.workspaces.cantAsk(error instanceof Error ? error.message : String(error)), "error"));
  }, []);

  const bring = async (copy: Copy) => {
    openDialog(null);
    await bringWorkspace(copy).catch((error: unknown) => toast(t.workspaces.cantAsk(error instanceof Error ? error.message : String(error)), "error"));
  };

  const open = async (w: WorkspaceInfo) => {
    if (await switchWorkspace(w.id)) openDialog(null);
    else {
      toast(t.workspaces.elsewhere, "error");
      await load();
    }
  };
  const rename = async (w: WorkspaceInfo) => {
    const name = await askText(t.workspaces.rename(w.name), t.ok, { label: t.workspaces.name, initial: w.name, check: (v) => (v.trim() === "" ? t.files.problem.empty : undefined) });
    if (name !== null) await renameWorkspace(w.id, name.trim());
    await load();
  };
  const remove = async (w: WorkspaceInfo) => {
    if (await confirm(t.workspaces.delete(w.name), t.workspaces.deleteText, t.files.delete)) await removeWorkspace(w.id);
    await load();
  };
  return (
    <Modal title={t.workspaces.title} onClose={() => openDialog(null)} wide>
      <p>{t.workspaces.text}</p>
      <ul className="workspaces">
        {list.map((w) => {
          const here = w.id === mine;
          const elsewhere = !here && held.has(w.id);
          return (
            <li key={w.id}>
              <strong>{w.name}</strong>
              {here && <span className="badge good">{t.workspaces.current}</span>}
              {elsewhere && <span className="badge neutral">{t.workspaces.elsewhere}</span>}
              <span className="space" />
              {!here && !elsewhere && (
                <button type="button" className="small" aria-label={t.workspaces.open(w.name)} onClick={() => void open(w)}>
                  {t.files.open}
                </button>
              )}
              {!here && (
                <button type="button" className="small" aria-label={t.workspaces.copy(w.name)} onClick={() => void copyInto(w.id)}>
                  {t.workspaces.copyAction}
                </button>
              )}
              <button type="button" className="small" aria-label={t.workspaces.rename(w.name)} onClick={() => void rename(w)}>
                {t.files.rename}
              </button>
              {!here && !elsewhere && (
                <button type="button" className="small danger" aria-label={t.workspaces.delete(w.name)} onClick={() => void remove(w)}>
                  {t.files.delete}
                </button>
              )}
            </li>
          );
        })}
      </ul>
      {copies.length > 0 && (
        <section aria-label={t.workspaces.onServer}>
          <h3>{t.workspaces.onServer}</h3>
          <ul className="workspaces">
            {copies.map((c) => (
              <li key={c.id}>
                <strong>{c.name}</strong>
                <span className="space" />
                <button type="button" className="small" aria-label={t.workspaces.bring(c.name)} onClick={() => void bring(c)}>
                  {t.workspaces.bringAction}
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      <div className="dialog-actions">
        <button type="button" className="go" onClick={() => void createWorkspace().then(() => openDialog(null))}>
          {t.workspaces.create}
        </button>
      </div>
    </Modal>
  );
}
