// The line in which one types to a running program.
import { CornerDownLeft, Eject, Eye, EyeOff } from "lucide-react";
import { forwardRef, useState, type ForwardedRef, type KeyboardEvent } from "react";
import { endInput, historyOf, sendInput, sendSignal, type Run } from "../store/runs";
import { t } from "../strings";

export const StdinLine = forwardRef(function StdinLine({ run }: { run: Run }, ref: ForwardedRef<HTMLInputElement>) {
  const [text, setText] = useState("");
  const [at, setAt] = useState<number | null>(null); // place in the history; null: a line of its own
  const [draft, setDraft] = useState("");
  const [hidden, setHidden] = useState(false); // the person wants what is typed to be secret; the program may, too
  const { path } = run;
  const secret = hidden || run.secret;

  const send = () => {
    void sendInput(path, text, secret);
    setText("");
    setAt(null);
  };

  const step = (by: number) => {
    if (secret) return;
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
    else if (event.ctrlKey && event.key === "d" && text === "") void endInput(path);
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
    for (const line of lines) void sendInput(path, line, secret);
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
        type={secret ? "password" : "text"}
        value={text}
        aria-label={secret ? t.console.secretInput(path) : t.console.input(path)}
        placeholder={secret ? t.console.secretHint : t.console.inputHint}
        autoComplete="off"
        autoCapitalize="off"
        autoCorrect="off"
        spellCheck={false}
        onChange={(e) => setText(e.target.value)}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
      <button type="button" className="icon" aria-pressed={secret} disabled={run.secret} title={t.console.hide} aria-label={t.console.hide} onClick={() => setHidden(!hidden)}>
        {secret ? <EyeOff size={16} aria-hidden /> : <Eye size={16} aria-hidden />}
      </button>
      <button type="button" className="icon" title={t.console.send} aria-label={t.console.send} onClick={send}>
        <CornerDownLeft size={16} aria-hidden />
      </button>
      <button type="button" className="icon" title={t.console.eof} aria-label={t.console.eof} onClick={() => void endInput(path)}>
        <Eject size={16} aria-hidden />
      </button>
    </div>
  );
});
