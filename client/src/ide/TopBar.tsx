import { Menu, Play, RotateCw, Square } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { languageOf } from "../lib/files/languages";
import { useFiles } from "../store/files";
import { isLive, stopRun, useRuns } from "../store/runs";
import { useSetups, whatRuns } from "../store/setups";
import { runChosen, useTabs } from "../store/tabs";
import { t } from "../strings";
import { commands, runCommand } from "./commands";
import { Network } from "./Network";
import { RunWhat } from "./RunWhat";

const MENU: (string | null)[] = [
  "run", "stop", "restart", "args", "network", null, "new-file", "save", "find", "format", "code-help", "close", null, "examples", "workspaces", "zip", "share", null, "sidebar", "palette", "shortcuts", "settings",
];

function MainMenu() {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <button type="button" className="icon" aria-label={t.menu.label} title={t.menu.label}>
          <Menu size={18} aria-hidden />
        </button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="start">
          {MENU.map((id, i) => {
            const command = commands.find((c) => c.id === id);
            return command ? (
              <DropdownMenu.Item key={id} className="menu-item" onSelect={() => setTimeout(command.run, 0)}>
                {command.label}
                {command.keys && <kbd>{command.keys.split(" / ")[0]}</kbd>}
              </DropdownMenu.Item>
            ) : (
              <DropdownMenu.Separator key={`line${i}`} className="menu-line" />
            );
          })}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export function TopBar() {
  const active = useTabs((s) => s.activeFile);
  const { path } = whatRuns(active, useSetups());
  const run = useRuns((s) => (path ? s.byPath[path] : undefined));
  const name = useFiles((s) => s.workspace?.name ?? "");
  const language = path ? languageOf(path) : null;
  const live = isLive(run);
  const runnable = language?.runs === true;
  return (
    <header className="top">
      <MainMenu />
      <h1>
        {t.appName}
        <span className="workspace-name"> {name}</span>
      </h1>
      <span className="space" />
      <Network />
      <RunWhat />
      <button
        type="button"
        className="go"
        disabled={!runnable || live}
        title={path && runnable ? `${t.runWhich(path, language.label)} — F5` : t.nothingToRun}
        onClick={runChosen}
      >
        <Play size={15} aria-hidden /> {t.run}
      </button>
      <button type="button" className="danger" disabled={!live} title={`${t.stop} — Shift+F5`} onClick={() => path && void stopRun(path)}>
        <Square size={14} aria-hidden /> {t.stop}
      </button>
      <button type="button" className="icon" disabled={!runnable} aria-label={t.restart} title={`${t.restart} — Ctrl+F5`} onClick={() => runCommand("restart")}>
        <RotateCw size={17} aria-hidden />
      </button>
    </header>
  );
}
