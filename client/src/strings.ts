// All that the application says in English, in one place. A translation is another module of this shape.
import type { RunModel } from "./lib/transport/runLink";

const seconds = (ms: number) => (ms < 100 ? `${(ms / 1000).toFixed(2)} s` : ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`);

const number = new Intl.NumberFormat("en");

/** How a run ended, as it stands in its badge. */
function ended(m: Pick<RunModel, "state" | "reason" | "exit_code" | "signal" | "phase" | "wall_ms">): string {
  const compiling = m.phase === "compile";
  switch (m.reason) {
    case "exit":
      return compiling && m.exit_code !== 0 ? "compile error" : `exit ${m.exit_code ?? "?"}`;
    case "signal":
      return `killed by signal ${m.signal ?? "?"}`;
    case "timeout":
      return `time limit ${Math.round((m.wall_ms ?? 0) / 1000)} s`;
    case "oom":
      return "killed: out of memory";
    case "stopped":
      return "stopped";
    case "output_limit":
      return "ended: too much output";
    case "quota":
      return "ended: quota used up";
    default:
      return m.state === "lost" ? "lost: its box is gone" : "ended";
  }
}

const some = (paths: string[]): string => (paths.length > 8 ? `${paths.slice(0, 8).join(", ")} and ${paths.length - 8} more` : paths.join(", "));

export const t = {
  appName: "kernelgw",
  seconds,
  count: (n: number) => number.format(n),
  loading: "Loading…",
  broken: {
    text: (why: string) => `This part of the page can't be shown: ${why}. Files and programs are as they were.`,
    again: "Try again",
    reload: "Reload the page",
  },
  close: "Close",
  cancel: "Cancel",
  ok: "OK",

  run: "Run",
  runFile: (path: string) => `Run ${path}`,
  stop: "Stop",
  restart: "Run again",
  nothingToRun: "Open a file that can run (Python, JavaScript, Java, C++, SQL or a shell script).",
  runWhich: (path: string, label: string) => `Run ${path} (${label})`,
  noLanguage: (label: string) => `This server has no ${label}.`,
  emptyFile: "There is no file of this name any more.",
  tooLarge: (what: string) => `The workspace's files are too large to run together (${what}); delete what the program does not need.`,
  running: "Running",
  runningFor: (ms: number) => `running, ${seconds(ms)}`,
  stopping: "stopping…",
  /** What a run waits for, or does, in words. */
  step: (step: string, position: number | null) =>
    step === "queue" || step === "queued"
      ? position === null || position === 0 ? "waiting for its turn" : `waiting: number ${number.format(position)} in the queue`
      : (({ sending: "sending files", box: "waiting for a box", files: "putting files in place", start: "starting", starting: "starting", compile: "compiling", run: "running", running: "running" } as Record<string, string>)[step] ?? step),
  shortStep: (state: string) => (state === "queued" ? "waiting" : "starting"),
  startFailed: (why: string) => `Could not start: ${why}`,
  lost: (why: string) => `The server does not know this run any more: ${why}`,
  ended,
  runState: { failed: "did not start", lost: "lost", ended: "ended" },
  endedAfter: (m: RunModel) => `${ended(m)}${m.wall_ms == null ? "" : ` after ${seconds(m.wall_ms)}`}`,
  announceEnded: (path: string, m: RunModel) => `${path}: ${ended(m)}${m.wall_ms == null ? "" : ` in ${seconds(m.wall_ms)}`}`,
  announceStarted: (path: string) => `${path} started`,
  filesTaken: (paths: string[]) => `— files written: ${some(paths)}`,
  filesGone: (paths: string[]) => `— files deleted: ${some(paths)}`,
  fileNotTaken: (path: string, why: string) => `— not taken over: ${path}: ${why}`,
  filesLost: (why: string) => `— files that the program wrote are lost: ${why}`,
  moreFiles: "— there are more files than could be taken over",
  gap: (messages: number | null, bytes: number | null) =>
    messages && bytes
      ? `— ${number.format(messages)} pieces of output (${number.format(bytes)} bytes) stood here and are not shown; "Save whole output" has what the server keeps —`
      : "— some output stood here that is no longer kept by the server —",
  stopRefused: (why: string) => `Could not stop: ${why}`,
  inputRefused: (why: string) => `Input was not taken: ${why}`,
  alreadyRuns: (path: string) => `${path} is running already: stop it first, or run it again.`,

  console: {
    title: "Console",
    tab: (path: string, state: string) => (state === "" ? `${path} console` : `${path} ${state}`),
    label: (path: string) => `Console of ${path}`,
    log: (path: string) => `Output of ${path}`,
    empty: "No output yet.",
    tools: (path: string) => `Tools of the console of ${path}`,
    search: "Find in console (Ctrl+F)",
    searchTerminal: "Find in terminal (Ctrl+Shift+F)",
    searchField: "Find in output",
    matches: (at: number, all: number, more: boolean) => (all === 0 ? "no match" : `${at} of ${number.format(all)}${more ? "+" : ""}`),
    next: "Next match (Enter)",
    previous: "Previous match (Shift+Enter)",
    caseSensitive: "Match case",
    regex: "Regular expression",
    wrap: "Wrap long lines",
    times: "Show times",
    copy: "Copy all",
    copied: (lines: number) => `${number.format(lines)} lines copied`,
    copyFailed: "The browser did not let this page copy.",
    save: "Save whole output",
    saving: "Fetching the whole output…",
    clear: "Clear (Ctrl+L)",
    newLines: (n: number) => `${number.format(n)} new line${n === 1 ? "" : "s"}`,
    toEnd: "Go to the end and follow",
    dropped: (n: number) => `— ${number.format(n)} earlier line${n === 1 ? " is" : "s are"} not shown; "Save whole output" has what the server keeps —`,
    usage: (lines: number, cap: number) => `${number.format(lines)} / ${number.format(cap)} lines`,
    input: (path: string) => `Input for ${path}`,
    inputHint: "Enter sends, Ctrl+D ends the input, Ctrl+C interrupts",
    secretInput: (path: string) => `Input for ${path}, hidden`,
    secretHint: "Hidden: it stands neither in the output nor in the history",
    hide: "Hide what is typed",
    inputEnded: "The input has ended (EOF).",
    send: "Send",
    eof: "End of input (Ctrl+D)",
    interrupt: "Interrupt (Ctrl+C)",
    shows: (path: string) => `What ${path} has shown`,
    shownNote: (n: number) => `▣ ${n}: shown below`,
    shownTitle: (n: number, words: string) => (words === "" ? `Figure ${n}` : `Figure ${n}: ${words}`),
    saveShown: (n: number) => `Save figure ${n}`,
    closeShown: (n: number) => `Close figure ${n}`,
    terminal: (path: string) => `Terminal of ${path}`,
    terminalHint: "Shift+Esc leaves the terminal",
    keys: "Keys of the terminal",
    keyInterrupt: "Control C",
    keyEnd: "Control D",
    keyLeft: "Left",
    keyUp: "Up",
    keyDown: "Down",
    keyRight: "Right",
    openPlace: (path: string, line: number) => `Open ${path}, line ${line}`,
  },

  files: {
    title: "Files",
    tree: "Files of the workspace",
    width: "Width of the files",
    newFile: "New file",
    newFolder: "New folder",
    upload: "Upload files or a zip",
    uploadFolder: "Upload a folder",
    downloadZip: "Download all as zip",
    download: "Download",
    rename: "Rename",
    delete: "Delete",
    open: "Open",
    runThis: "Run",
    share: "Share by a file",
    more: "More actions",
    actionsOf: (path: string) => `Actions for ${path}`,
    fileName: "Name or path of the file",
    folderName: "Name or path of the folder",
    newName: "New name or path",
    deleteTitle: (path: string) => `Delete ${path}?`,
    deleteFile: "The file is gone for good.",
    deleteFolder: (n: number) => `The folder and the ${number.format(n)} file${n === 1 ? "" : "s"} in it are gone for good.`,
    taken: (path: string) => `There is a ${path} already.`,
    intoItself: "A folder can't be moved into itself.",
    problem: {
      empty: "A name is needed.",
      parts: "No part of a path may be empty, \".\" or \"..\".",
      characters: "Names hold no control characters and no backslash.",
      long: "The name is too long.",
    },
    added: (n: number) => `${number.format(n)} file${n === 1 ? "" : "s"} added`,
    skipped: (names: string[]) => `Left out: ${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`,
    uploadFailed: (why: string) => `Upload failed: ${why}`,
    replaceTitle: (n: number) => `Replace ${number.format(n)} file${n === 1 ? "" : "s"}?`,
    replaceText: (names: string[]) => `Already here: ${names.slice(0, 5).join(", ")}${names.length > 5 ? "…" : ""}`,
    replace: "Replace",
    empty: "No files yet. Make one, drop some here, or take an example.",
    drop: "Drop files, folders or a zip here",
    dirty: "not saved yet",
    runningNow: "running",
  },

  editor: {
    label: (path: string) => `Editor of ${path}`,
    leaveHint: "Escape, then Tab leaves the editor",
    closeTab: (name: string) => `Close ${name}`,
    binary: (size: string) => `This file is not text (${size}).`,
    preview: "Preview",
    pdfTools: "Tools of the document",
    pdfPage: (n: number, all: number) => `Page ${n} of ${all}`,
    pdfPages: (n: number) => `${number.format(n)} page${n === 1 ? "" : "s"}`,
    pdfFailed: (why: string) => `This can't be shown: ${why}`,
    smaller: "Smaller",
    larger: "Larger",
    source: "Text",
    gone: "This file has been deleted.",
    noFormat: (label: string) => `There is no formatter for ${label} here; JavaScript, TypeScript, JSON, CSS, HTML and Markdown have one.`,
    cantFormat: (why: string, line: number) => `Can't be formatted: ${why} (line ${line})`,
    wellFormatted: "It is in good form already.",
    changedMeanwhile: "The text has changed meanwhile: format it again.",
    rows: (shown: number, all: number) => `${number.format(shown)} of ${number.format(all)} rows`,
  },

  status: {
    label: "Status",
    saved: "saved",
    saving: "saving…",
    copy: { saved: "on the server", saving: "copying to the server…", failed: "not on the server" },
    notSaved: (why: string) => `not saved: ${why}`,
    runs: (n: number) => `${n} running`,
    network: (name: string) => `net: ${name}`,
    position: (line: number, column: number) => `Ln ${line}, Col ${column}`,
    online: "Connected",
    retrying: "Not connected",
    signedOut: "Not signed in",
  },

  connection: {
    lost: "Connection lost.",
    draining: "The server is going down for a moment. What runs goes on.",
    retryIn: (s: number) => (s > 0 ? `Trying again in ${s} s.` : "Trying now…"),
    reconnect: "Reconnect now",
    back: "Connected again",
  },

  codeHelp: {
    toggle: "Completion and hover out of a kernel, on or off",
    nowOn: "A kernel of this workspace now helps with writing: Ctrl+Space completes, hovering explains. It runs nothing but imports.",
    nowOff: "No kernel helps with writing any more.",
    refused: (why: string) => `No kernel can help: ${why}`,
    starting: "help: starting",
    ready: "help: kernel",
    failed: "help: none",
  },

  network: {
    title: "Network of this session",
    isOn: "Programs that you start now share the session's network: they reach each other by localhost and by file name, and nobody else.",
    isOff: "Programs that you start now have no network.",
    nowOn: "The network is on for programs that you start from now on.",
    nowOff: (programs: number) => `The network is off for programs that you start from now on.${programs > 0 ? ` ${programs} that run${programs === 1 ? "s" : ""} keep${programs === 1 ? "s" : ""} it.` : ""}`,
    show: "Show the session's network and who listens in it",
    ports: (n: number) => (n === 0 ? "no ports" : n === 1 ? "1 port" : `${n} ports`),
    nobody: (programs: number) => (programs > 0 ? "No program listens on a port yet." : "No program is in it yet."),
    kernel: "kernel",
    open: "open",
    openPort: (port: number) => `Open port ${port} in a new tab`,
    inIt: "in the session's network",
    toggle: "Network for new runs on or off",
  },

  signIn: {
    title: "Sign in",
    text: "This server asks for a token. It stands in the URL that the server printed when it started.",
    token: "Token",
    submit: "Sign in",
    wrong: "The server does not know this token.",
    failed: (why: string) => `The server does not answer: ${why}`,
  },

  menu: {
    label: "Main menu",
    workspaces: "Workspaces…",
    examples: "Examples…",
    share: "Share workspace by a file",
    settings: "Settings…",
    shortcuts: "Keyboard shortcuts",
    palette: "Command palette",
    runConfig: "Run configurations: arguments, environment, terminal…",
    sidebar: "Show or hide files",
    console: "Show console of this file",
    save: "Save",
    closeTab: "Close tab",
    find: "Find and replace",
    format: "Format the file",
    theme: "Theme",
  },

  runConfig: {
    title: "Run configurations",
    edit: "Change, or add one…",
    which: "Configuration",
    whichHint: "What is chosen here is what Run and F5 mean.",
    active: (path: string | null) => (path === null ? "The active file" : `The active file: ${path}`),
    fresh: "New configuration",
    create: "New",
    none: "no program",
    choose: (what: string | null) => `What Run means: ${what ?? "nothing"}`,
    pinned: (name: string, entry: string) => `Run and F5 mean ${name}: ${entry}`,
    runBy: (name: string, entry: string) => `Run configuration ${name}: ${entry}`,
    leave: "Run the file in front again, not a configuration",
    name: "Name",
    nameMissing: "A configuration needs a name.",
    nameTaken: "Another configuration has this name.",
    entry: "Program",
    entryMissing: "There is no file of this name any more.",
    args: "Arguments",
    argsHint: "Separated by spaces; quote what holds spaces.",
    env: "Environment variables",
    envHint: "NAME=value, one a line. They stay in this browser: a workspace that is shared goes without them.",
    envWrong: (line: string) => `"${line}" is not NAME=value.`,
    wall: "Time limit, in seconds",
    wallHint: "Empty: what the server gives by itself.",
    tty: "In a terminal",
    ttyHint: "For programs that draw on the screen, ask for keys or edit their lines (curses, an interactive Python).",
    save: "Save",
    saveAndRun: "Save and run",
  },

  examples: {
    title: "Examples",
    text: "Each is added to this workspace in a folder of its own.",
    add: (title: string) => `Add ${title}`,
    none: "This server offers no language that there is an example for.",
  },

  workspaces: {
    title: "Workspaces",
    text: "A workspace is a set of files in this browser. One that is open in another tab can only be copied, so that no tab disturbs another.",
    current: "this tab",
    elsewhere: "open in another tab",
    open: (name: string) => `Open ${name}`,
    copy: (name: string) => `Copy ${name} into this workspace`,
    create: "New workspace",
    rename: (name: string) => `Rename ${name}`,
    delete: (name: string) => `Delete ${name}`,
    deleteText: "All its files are gone for good.",
    name: "Name",
    numbered: (n: number) => `Workspace ${n}`,
    second: (name: string) => `"${name}" is open in another tab. This tab has a workspace of its own.`,
    copyAction: "Copy its files",
    onServer: "On the server, from other browsers",
    bring: (name: string) => `Bring ${name} here`,
    bringAction: "Bring here",
    cantAsk: (why: string) => `The server does not say what it keeps: ${why}`,
  },

  settings: {
    title: "Settings",
    theme: "Theme",
    themes: { system: "As the system", light: "Light", dark: "Dark", contrast: "High contrast" },
    fontSize: "Font size",
    scrollback: "Lines kept in a console",
    wrap: "Wrap long lines in consoles",
    times: "Times in consoles",
    editorWrap: "Wrap long lines in the editor",
    tabSize: "Width of an indent",
    keepOutput: "Keep the output of earlier runs",
    screenReader: "Terminals tell screen readers what is written",
  },

  shortcuts: {
    title: "Keyboard shortcuts",
    filter: "Find a shortcut",
  },

  commands: {
    run: "Run the active file, or what is chosen in its place",
    stop: "Stop",
    restart: "Run again",
    console: "Go to the console",
    editor: "Go to the editor",
    tree: "Go to the files",
    clear: "Clear the console",
    next: "Next tab",
    previous: "Previous tab",
    rename: "Rename the active file",
    delete: "Delete the active file",
  },

  /** Keys that belong to one place and are not commands; for the shortcuts sheet. */
  otherKeys: [
    { label: "Files: rename, delete", keys: "F2, Delete" },
    { label: "Files: move, open, unfold, fold", keys: "Arrows, Enter, Right, Left" },
    { label: "Editor: leave by keyboard", keys: "Escape, then Tab" },
    { label: "Editor: complete", keys: "Ctrl+Space" },
    { label: "Editor: replace, go to line", keys: "Ctrl+F, Ctrl+Alt+G" },
    { label: "Console input: send, history", keys: "Enter, Up / Down" },
    { label: "Console input: end of input", keys: "Ctrl+D" },
    { label: "Console: interrupt the program", keys: "Ctrl+C" },
    { label: "Console: find", keys: "Ctrl+F" },
    { label: "Terminal: find, leave", keys: "Ctrl+Shift+F, Shift+Escape" },
    { label: "Console: select all, copy", keys: "Ctrl+A, Ctrl+C" },
    { label: "Console: go to the end and follow", keys: "End" },
    { label: "Tabs: next group, previous group", keys: "F6, Shift+F6" },
  ],

  palette: {
    label: "Command palette",
    field: "Find a file or a command",
    none: "Nothing of this name",
  },

  share: {
    failed: (why: string) => `This is no workspace file: ${why}`,
  },

  mobile: { files: "Files", editor: "Editor", console: "Console", nav: "Views" },
  welcome: {
    title: "Nothing is open",
    text: "Open a file on the left, or start from an example.",
  },
  notifications: "Notifications",
  dismiss: "Dismiss",
};
