// Keys of the whole page. They are seen before the editor has them; what is not here is the editor's, the console's or
// the browser's (Ctrl+R stays reload, Ctrl+W stays the browser's).
import { useUi } from "../store/ui";
import { runCommand } from "./commands";

function commandFor(event: KeyboardEvent): string | null {
  const mod = event.ctrlKey || event.metaKey;
  if (event.key === "F5") return mod ? "restart" : event.shiftKey ? "stop" : "run";
  if (event.key === "F1") return "palette";
  if (event.altKey && !mod) {
    if (event.code === "KeyW") return "close";
    if (event.code === "KeyN") return "new-file";
    if (event.code === "KeyR") return "network";
    if (event.code === "KeyF" && event.shiftKey) return "format";
    return null;
  }
  if (!mod || event.altKey) return null;
  if (event.shiftKey) {
    if (event.code === "KeyP") return "palette";
    if (event.code === "KeyH") return "shortcuts";
    if (event.code === "BracketRight") return "next";
    if (event.code === "BracketLeft") return "previous";
    return null;
  }
  switch (event.code) {
    case "Enter":
    case "NumpadEnter":
      return "run";
    case "KeyS":
      return "save";
    case "KeyB":
      return "sidebar";
    case "Comma":
      return "settings";
    case "Backquote":
      return "console";
    case "Digit1":
      return "editor";
    case "Digit0":
      return "tree";
    default:
      return null;
  }
}

/** A program at a terminal has the keys that programs know: all but the function keys, Ctrl+` and those with Ctrl+Shift. */
function isForTerminal(event: KeyboardEvent): boolean {
  if (!(event.target instanceof Element) || !event.target.closest(".terminal-area")) return false;
  return !(event.key.startsWith("F") && event.key.length > 1) && event.code !== "Backquote" && !((event.ctrlKey || event.metaKey) && event.shiftKey);
}

export function installKeys(): () => void {
  const onKeyDown = (event: KeyboardEvent) => {
    const id = commandFor(event);
    if (!id || event.repeat) return;
    if (isForTerminal(event)) return;
    // a dialog has the keyboard; only the palette's own keys close it
    const { dialog, ask } = useUi.getState();
    if (ask || (dialog && dialog !== "palette")) return;
    event.preventDefault();
    event.stopPropagation();
    runCommand(id);
  };
  addEventListener("keydown", onKeyDown, { capture: true });
  return () => removeEventListener("keydown", onKeyDown, { capture: true });
}
