// Dialogs of the page. One is open at a time; Radix keeps the keyboard in it and gives it back after.
import { X } from "lucide-react";
import { Dialog } from "radix-ui";
import { useId, useRef, useState, type FormEvent, type ReactNode } from "react";
import { FONT, SCROLLBACK, useSettings, type Theme } from "../store/settings";
import { openDialog, useUi, type Ask } from "../store/ui";
import { t } from "../strings";
import { commands } from "./commands";
import { lazily } from "./lazily";

const RunConfigs = lazily(() => import("./RunConfigs"), null);
const Examples = lazily(() => import("./Examples"), null);
const Workspaces = lazily(() => import("./Workspaces"), null);

/** Gives the keyboard back to what had it when the dialog opened: Radix does so only for dialogs with a button of their own. */
export function useReturn(): (event: Event) => void {
  const [before] = useState(() => document.activeElement);
  return (event) => {
    event.preventDefault();
    // unless what the dialog led to has taken it already: an editor, say
    if (document.activeElement === document.body && before instanceof HTMLElement && before.isConnected) before.focus();
  };
}

interface ModalProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
  /** What has the keyboard first; else the first thing that can. */
  onOpen?: () => void;
}

export function Modal({ title, onClose, children, wide = false, onOpen }: ModalProps) {
  const giveBack = useReturn();
  const open = (event: Event) => {
    if (!onOpen) return;
    event.preventDefault();
    onOpen();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => open || onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className={wide ? "dialog wide" : "dialog"} aria-describedby={undefined} onOpenAutoFocus={open} onCloseAutoFocus={giveBack}>
          <div className="dialog-head">
            <Dialog.Title>{title}</Dialog.Title>
            <Dialog.Close className="icon" aria-label={t.close} title={t.close}>
              <X size={18} aria-hidden />
            </Dialog.Close>
          </div>
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function AskDialog({ ask }: { ask: Ask }) {
  const [value, setValue] = useState(ask.field?.initial ?? "");
  const input = useRef<HTMLInputElement>(null);
  const yes = useRef<HTMLButtonElement>(null);
  const id = useId();
  const wrong = ask.field?.check?.(value);
  const finish = (answer: string | null) => {
    useUi.setState({ ask: null });
    ask.done(answer);
  };
  const begin = () => {
    (input.current ?? yes.current)?.focus();
    if (ask.field?.select) input.current?.setSelectionRange(...ask.field.select);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (wrong === undefined) finish(value);
  };
  return (
    <Modal title={ask.title} onClose={() => finish(null)} onOpen={begin}>
      <form onSubmit={submit}>
        {ask.text && <p>{ask.text}</p>}
        {ask.field && (
          <>
            <label htmlFor={id}>{ask.field.label}</label>
            <input id={id} ref={input} type="text" value={value} onChange={(e) => setValue(e.target.value)} aria-invalid={wrong !== undefined} aria-describedby={`${id}-wrong`} spellCheck={false} autoComplete="off" />
            <p id={`${id}-wrong`} className="wrong" role="status">
              {value !== ask.field.initial || wrong ? wrong : ""}
            </p>
          </>
        )}
        <div className="dialog-actions">
          <button type="button" onClick={() => finish(null)}>
            {t.cancel}
          </button>
          <button ref={yes} type="submit" className={ask.danger ? "danger" : "go"} disabled={wrong !== undefined}>
            {ask.confirm}
          </button>
        </div>
      </form>
    </Modal>
  );
}

function Settings() {
  const s = useSettings();
  const id = useId();
  const check = (key: "wrap" | "times" | "editorWrap" | "keepOutput" | "screenReader") => (
    <label className="check">
      <input type="checkbox" checked={s[key]} onChange={(e) => s.change({ [key]: e.target.checked })} /> {t.settings[key]}
    </label>
  );
  const figure = (key: "fontSize" | "scrollback" | "tabSize", min: number, max: number, step: number) => (
    <div className="setting">
      <label htmlFor={`${id}-${key}`}>{t.settings[key]}</label>
      <input
        id={`${id}-${key}`}
        type="number"
        key={s[key]}
        defaultValue={s[key]}
        min={min}
        max={max}
        step={step}
        onBlur={(e) => s.change({ [key]: Math.min(max, Math.max(min, Number(e.target.value) || s[key])) })}
        onKeyDown={(e) => e.key === "Enter" && e.currentTarget.blur()}
      />
    </div>
  );
  return (
    <Modal title={t.settings.title} onClose={() => openDialog(null)}>
      <div className="setting">
        <label htmlFor={`${id}-theme`}>{t.settings.theme}</label>
        <select id={`${id}-theme`} value={s.theme} onChange={(e) => s.change({ theme: e.target.value as Theme })}>
          {Object.entries(t.settings.themes).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </div>
      {figure("fontSize", FONT.min, FONT.max, 1)}
      {figure("scrollback", SCROLLBACK.min, SCROLLBACK.max, 100)}
      {figure("tabSize", 1, 8, 1)}
      {check("wrap")}
      {check("times")}
      {check("editorWrap")}
      {check("keepOutput")}
      {check("screenReader")}
    </Modal>
  );
}

function Keys({ keys }: { keys: string }) {
  return (
    <>
      {keys.split(" / ").map((k, i) => (
        <span key={k}>
          {i > 0 && " / "}
          <kbd>{k}</kbd>
        </span>
      ))}
    </>
  );
}

function Shortcuts() {
  const [filter, setFilter] = useState("");
  const all = [...commands.flatMap((c) => (c.keys ? [{ label: c.label, keys: c.keys }] : [])), ...t.otherKeys];
  const rows = all.filter((r) => `${r.label} ${r.keys}`.toLowerCase().includes(filter.toLowerCase()));
  return (
    <Modal title={t.shortcuts.title} onClose={() => openDialog(null)} wide>
      <input type="text" value={filter} onChange={(e) => setFilter(e.target.value)} aria-label={t.shortcuts.filter} placeholder={t.shortcuts.filter} />
      <table className="keys">
        <tbody>
          {rows.map((r) => (
            <tr key={r.label}>
              <th scope="row">{r.label}</th>
              <td>
                <Keys keys={r.keys} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Modal>
  );
}

export function Dialogs() {
  const dialog = useUi((s) => s.dialog);
  const ask = useUi((s) => s.ask);
  return (
    <>
      {dialog === "settings" && <Settings />}
      {dialog === "shortcuts" && <Shortcuts />}
      {dialog === "runConfig" && <RunConfigs />}
      {dialog === "examples" && <Examples />}
      {dialog === "workspaces" && <Workspaces />}
      {ask && <AskDialog key={ask.title} ask={ask} />}
    </>
  );
}
