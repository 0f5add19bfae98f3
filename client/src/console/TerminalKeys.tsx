// Keys that the keyboards of phones lack, below a terminal.
import { t } from "../strings";

const ESC = "\x1b";

const KEYS: { label: string; name: string; text: string; arrow?: true }[] = [
  { label: "Esc", name: "Esc", text: ESC },
  { label: "Tab", name: "Tab", text: "\t" },
  { label: "^C", name: t.console.keyInterrupt, text: "\x03" },
  { label: "^D", name: t.console.keyEnd, text: "\x04" },
  { label: "←", name: t.console.keyLeft, text: "D", arrow: true },
  { label: "↑", name: t.console.keyUp, text: "A", arrow: true },
  { label: "↓", name: t.console.keyDown, text: "B", arrow: true },
  { label: "→", name: t.console.keyRight, text: "C", arrow: true },
];

/** application: programs that draw on the screen may want other arrows than a line editor. */
export function TerminalKeys({ onKeys, application }: { onKeys: (text: string) => void; application: () => boolean }) {
  return (
    <div className="terminal-keys" role="toolbar" aria-label={t.console.keys}>
      {KEYS.map(({ label, name, text, arrow }) => (
        <button
          key={label}
          type="button"
          aria-label={name}
          onPointerDown={(e) => e.preventDefault()} // the terminal keeps the keyboard, and the phone's stays open
          onClick={() => onKeys(arrow ? `${ESC}${application() ? "O" : "["}${text}` : text)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
