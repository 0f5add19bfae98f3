// The line in which one types to a running program.
import { CornerDownLeft, Eject } from "lucide-react";
import { forwardRef, useState, type ForwardedRef, type KeyboardEvent } from "react";
import { historyOf, sendInput, sendSignal, type Run } from "../store/runs";
import { t } from "../strings";

export const StdinLine = forwardRef(function StdinLine({ run }: { run: Run }, ref: ForwardedRef<HTMLInputElement>) {
  const [text, setText] = useState("");
  const [at, setAt] = useState<number | null>(null); // place in the history; null: a line of its own
  const [draft, setDraft] = useState("");
  const { path } = run;

  const send = () => {
    void sendInput(path, text);
    setText("");
    setAt(null);
  };

  const step = (by: number) => {
    const history = historyOf(path);
    const next = (at ?? history.length) + by;
    if (next < 0) return;
    if (at === null) setDraft(text);
    if (next >= history.length) {
      setAt(null);
      setText(draft);
    } else {
      setAt(next);
      setText(history[next] ?? "");
    }
  };

  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const input = event.currentTarget;
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) send();
    else if (event.key === "ArrowUp") step(-1);
    else if (event.key === "ArrowDown") step(1);
    else if (event.ctrlKey && event.key === "d" && text === "") void sendInput(path, "", true);
    else if (event.ctrlKey && event.key === "c" && input.selectionStart === input.selectionEnd) void sendSignal(path, "INT");
    else if (event.key === "Escape") input.closest(".console")?.querySelector<HTMLElement>(".log")?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  // Several lines that are pasted are several lines for the program.
  const onPaste = (event: React.ClipboardEvent<HTMLInputElement>) => {
    const pasted = event.clipboardData.getData("text/plain");
    if (!/[\r\n]/.test(pasted)) return;
    event.preventDefault();
    const { selectionStart, selectionEnd } = event.currentTarget;
    const all = text.slice(0, selectionStart ?? text.length) + pasted + text.slice(selectionEnd ?? text.length);
    const lines = all.split(/\r\n|\r|\n/);
    const rest = lines.pop() ?? "";
    for (const line of lines) void sendInput(path, line);
    setText(rest);
  };

  if (run.eof) return <div className="stdin ended">{t.console.inputEnded}</div>;
  return (
    <div className="stdin">
      <span className="prompt" aria-hidden>
        ›
      </span>
      <input
        ref={ref}
        type="text"
        value={text}
        aria-label={t.console.input(path)}
        placeholder={t.console.inputHint}
        autoComplete="off"
        autoCapitalize="off"
        autoCorrect="off"
        spellCheck={false}
        onChange={(e) => setText(e.target.value)}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
      <button type="button" className="icon" title={t.console.send} aria-label={t.console.send} onClick={send}>
        <CornerDownLeft size={16} aria-hidden />
      </button>
      <button type="button" className="icon" title={t.console.eof} aria-label={t.console.eof} onClick={() => void sendInput(path, "", true)}>
        <Eject size={16} aria-hidden />
      </button>
    </div>
  );
});
