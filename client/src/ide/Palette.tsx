// The command palette: files by name, and with ">" (or without a match) commands. A combobox with a list.
import { Dialog } from "radix-ui";
import { useId, useMemo, useState, type KeyboardEvent } from "react";
import { useFiles } from "../store/files";
import { openFile } from "../store/tabs";
import { openDialog } from "../store/ui";
import { t } from "../strings";
import { commands, configCommands } from "./commands";
import { useReturn } from "./Dialogs";

interface Item {
  key: string;
  label: string;
  keys?: string | undefined;
  run: () => void;
}

const SHOWN_MAX = 50;

/** Do the letters stand in the text in this order? The lower the better; null: no. */
export function rank(text: string, query: string): number | null {
  const low = text.toLowerCase();
  const wanted = query.toLowerCase().replace(/\s+/g, "");
  const whole = low.replace(/\s+/g, "").indexOf(wanted);
  if (whole >= 0) return whole;
  let at = -1;
  let gaps = 0;
  for (const c of wanted) {
    const next = low.indexOf(c, at + 1);
    if (next < 0) return null;
    gaps += next - at - 1;
    at = next;
  }
  return 100 + gaps;
}

export function Palette() {
  const files = useFiles((s) => s.files);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const giveBack = useReturn();
  const items = useMemo(() => {
    const all: Item[] = [
      ...(query.startsWith(">") ? [] : Object.keys(files).map((path): Item => ({ key: `f${path}`, label: path, run: () => openFile(path) }))),
      ...[...configCommands(), ...commands].filter((c) => c.id !== "palette").map((c): Item => ({ key: c.id, label: c.label, keys: c.keys, run: c.run })),
    ];
    const wanted = query.replace(/^>/, "");
    return all
      .map((item) => ({ item, rank: rank(item.label, wanted) }))
      .filter((r) => r.rank !== null)
      .sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0))
      .slice(0, SHOWN_MAX)
      .map((r) => r.item);
  }, [files, query]);
  const current = Math.min(at, items.length - 1);

  const choose = (item: Item | undefined) => {
    if (!item) return;
    openDialog(null);
    // after the dialog has given the keyboard back
    setTimeout(item.run, 20);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt((current + 1) % Math.max(1, items.length));
    else if (event.key === "ArrowUp") setAt((current - 1 + items.length) % Math.max(1, items.length));
    else if (event.key === "Enter") choose(items[current]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => open || openDialog(null)}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="dialog palette" aria-describedby={undefined} onCloseAutoFocus={giveBack}>
          <Dialog.Title className="offscreen">{t.palette.label}</Dialog.Title>
          <input
            type="text"
            role="combobox"
            aria-expanded
            aria-controls={id}
            aria-activedescendant={items[current] ? `${id}-${current}` : undefined}
            aria-label={t.palette.field}
            placeholder={t.palette.field}
            value={query}
            onChange={(e) => {
              setQuery(e.target.value);
              setAt(0);
            }}
            onKeyDown={onKeyDown}
          />
          <ul id={id} role="listbox" aria-label={t.palette.label}>
            {items.map((item, i) => (
              <li
                key={item.key}
                id={`${id}-${i}`}
                role="option"
                aria-selected={i === current}
                ref={i === current ? (el) => el?.scrollIntoView({ block: "nearest" }) : undefined}
                onClick={() => choose(item)}
              >
                <span>{item.label}</span>
                {item.keys && <kbd>{item.keys}</kbd>}
              </li>
            ))}
          </ul>
          {items.length === 0 && <p className="hint">{t.palette.none}</p>}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
