// All that one can do, with names and keys: the palette, the shortcuts sheet, the menu and the keyboard read this list.
import { createFileIn, createFolderIn, deleteEntry, downloadZip, renameEntry, shareWorkspace } from "./fileActions";
import { toggleNetwork } from "./Network";
import { switchCodeHelp, useCodeHelp } from "../store/codeHelp";
import { save } from "../store/files";
import { isLive, logOf, restartRun, stopRun, useRuns } from "../store/runs";
import { useSettings, type Theme } from "../store/settings";
import { chooseConfig, useSetups, whatRuns } from "../store/setups";
import { closeActive, openConsole, runChosen, runFile, stepTab, useTabs } from "../store/tabs";
import { openDialog, toast, useUi } from "../store/ui";
import { t } from "../strings";

export interface Command {
  id: string;
  label: string;
  /** As a person reads it: "Ctrl+Shift+P". Several with " / " between. */
  keys?: string;
  run: () => void;
}

function run(): void {
  if (!runChosen()) toast(t.nothingToRun, "error");
}

function target(): string | null {
  const { activeConsole, activeFile } = useTabs.getState();
  const { byPath } = useRuns.getState();
  const { path } = whatRuns(activeFile);
  return [path, activeFile, activeConsole].find((p) => p !== null && isLive(byPath[p])) ?? path ?? activeConsole;
}

function stop(): void {
  const path = target();
  if (path) void stopRun(path);
}

function restart(): void {
  const path = target();
  if (!path) return;
  const { config } = whatRuns(null);
  openConsole(path, false);
  void restartRun(path, config?.entry === path ? config.id : undefined);
}

function toggleConsole(): void {
  const { activeFile, activeConsole } = useTabs.getState();
  const path = activeFile && useRuns.getState().consoles.includes(activeFile) ? activeFile : activeConsole;
  if (!path) return;
  openConsole(path);
  requestAnimationFrame(() => {
    const console = document.querySelector(`[data-console="${CSS.escape(path)}"]`);
    (console?.querySelector<HTMLElement>(".stdin input") ?? console?.querySelector<HTMLElement>(".log"))?.focus();
  });
}

function focusEditor(): void {
  const { activeFile } = useTabs.getState();
  if (activeFile) document.querySelector<HTMLElement>(`[data-editor="${CSS.escape(activeFile)}"] .cm-content`)?.focus();
}

/** Asks the editor of the active file. */
const ask = (what: "kernelgw-find" | "kernelgw-format") => () => {
  const { activeFile } = useTabs.getState();
  if (activeFile) dispatchEvent(new CustomEvent(what, { detail: activeFile }));
};

const withActive = (act: (path: string) => void) => () => {
  const { activeFile } = useTabs.getState();
  if (activeFile) act(activeFile);
};

function toggleCodeHelp(): void {
  const on = !useCodeHelp.getState().on;
  switchCodeHelp(on);
  toast(on ? t.codeHelp.nowOn : t.codeHelp.nowOff);
}

const theme = (name: Theme): Command => ({ id: `theme-${name}`, label: `${t.menu.theme}: ${t.settings.themes[name]}`, run: () => useSettings.getState().change({ theme: name }) });

export const commands: Command[] = [
  { id: "run", label: t.commands.run, keys: "F5 / Ctrl+Enter", run },
  { id: "stop", label: t.commands.stop, keys: "Shift+F5", run: stop },
  { id: "restart", label: t.commands.restart, keys: "Ctrl+F5", run: restart },
  { id: "args", label: t.menu.runConfig, run: () => openDialog("runConfig") },
  { id: "network", label: t.network.toggle, keys: "Alt+R", run: toggleNetwork },
  { id: "console", label: t.commands.console, keys: "Ctrl+`", run: toggleConsole },
  { id: "editor", label: t.commands.editor, keys: "Ctrl+1", run: focusEditor },
  { id: "tree", label: t.commands.tree, keys: "Ctrl+0", run: () => { useUi.setState({ sidebar: true, mobileView: "files" }); requestAnimationFrame(() => document.querySelector<HTMLElement>('[role="treeitem"][tabindex="0"]')?.focus()); } },
  { id: "clear", label: t.commands.clear, keys: "Ctrl+L (in the console)", run: () => { const { activeConsole } = useTabs.getState(); if (activeConsole) logOf(activeConsole).clear(); } },
  { id: "save", label: t.menu.save, keys: "Ctrl+S", run: () => void save() },
  { id: "find", label: t.menu.find, keys: "Ctrl+F", run: ask("kernelgw-find") },
  { id: "code-help", label: t.codeHelp.toggle, run: toggleCodeHelp },
  { id: "format", label: t.menu.format, keys: "Shift+Alt+F", run: ask("kernelgw-format") },
  { id: "close", label: t.menu.closeTab, keys: "Alt+W", run: closeActive },
  { id: "next", label: t.commands.next, keys: "Ctrl+Shift+]", run: () => stepTab(1) },
  { id: "previous", label: t.commands.previous, keys: "Ctrl+Shift+[", run: () => stepTab(-1) },
  { id: "sidebar", label: t.menu.sidebar, keys: "Ctrl+B", run: () => useUi.setState((s) => ({ sidebar: !s.sidebar })) },
  { id: "palette", label: t.menu.palette, keys: "F1 / Ctrl+Shift+P", run: () => openDialog("palette") },
  { id: "shortcuts", label: t.menu.shortcuts, keys: "Ctrl+Shift+H", run: () => openDialog("shortcuts") },
  { id: "settings", label: t.menu.settings, keys: "Ctrl+,", run: () => openDialog("settings") },
  { id: "new-file", label: t.files.newFile, keys: "Alt+N", run: () => void createFileIn("") },
  { id: "new-folder", label: t.files.newFolder, run: () => void createFolderIn("") },
  { id: "rename", label: t.commands.rename, run: withActive((path) => void renameEntry(path)) },
  { id: "delete", label: t.commands.delete, run: withActive((path) => void deleteEntry(path)) },
  { id: "zip", label: t.files.downloadZip, run: () => void downloadZip("") },
  { id: "share", label: t.menu.share, run: () => void shareWorkspace() },
  { id: "examples", label: t.menu.examples, run: () => openDialog("examples") },
  { id: "workspaces", label: t.menu.workspaces, run: () => openDialog("workspaces") },
  theme("system"),
  theme("light"),
  theme("dark"),
  theme("contrast"),
];

/** One for each run configuration of the workspace, and one that leaves them. */
export function configCommands(): Command[] {
  const { configs, chosen } = useSetups.getState();
  const by = configs.map(({ id, name, entry }): Command => ({
    id: `config-${id}`,
    label: t.runConfig.runBy(name, entry),
    run: () => {
      chooseConfig(id);
      runFile(entry, id);
    },
  }));
  return chosen === null ? by : [...by, { id: "config-active", label: t.runConfig.leave, run: () => chooseConfig(null) }];
}

export function runCommand(id: string): void {
  commands.find((c) => c.id === id)?.run();
}
