/*
 * The plain page: files in, a program's console out, over /api/runs (docs/PROTOCOL.md, "Runs"). All URLs
 * are relative, so that it works under a base URL and under /t/TOKEN/ alike.
 */
"use strict";

const CONSOLE_CHARACTERS = 400000; // the oldest blocks go when there are more
const BLOCK_CHARACTERS = 4000; // a block ends with the line that fills it
const BLOCK_MOST = 40000; // or here, when that line does not end
const RECONNECT_MS = 1000;

const $ = (id) => document.getElementById(id);

const files = new Map(); // path -> {text} or {base64}
let shown = null; // the path whose text is in the editor
let run = null; // {id, abort, lastSeq, ended, eof}

/* --- talking to the server --- */

async function call(method, url, body, type) {
  const headers = type ? { "Content-Type": type } : {};
  const response = await fetch(url, { method, headers, body, credentials: "same-origin" });
  const text = await response.text();
  let json = null;
  try {
    json = text ? JSON.parse(text) : null;
  } catch {
    json = null;
  }
  if (!response.ok) {
    const error = new Error((json && json.message) || `${response.status} ${response.statusText}`);
    error.status = response.status;
    throw error;
  }
  return json;
}

/* --- console --- */

let pending = []; // what has not been drawn yet
let block = null; // the element that takes the next text, and how much it has
let blockLength = 0;
let total = 0;

function print(kind, text) {
  if (!text) return;
  if (pending.length === 0) requestAnimationFrame(flush);
  const last = pending[pending.length - 1];
  if (last && last.kind === kind) last.text += text;
  else pending.push({ kind, text });
}

/* Blocks keep the browser from laying out everything again when a line comes or the oldest goes. */
function put(kind, text) {
  let at = 0;
  while (at < text.length) {
    if (!block) {
      block = document.createElement("div");
      blockLength = 0;
      $("console").append(block);
    }
    let end = text.indexOf("\n", Math.min(text.length, at + Math.max(0, BLOCK_CHARACTERS - blockLength)));
    end = end < 0 ? text.length : end + 1;
    end = Math.min(end, at + BLOCK_MOST - blockLength);
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = text.slice(at, end);
    block.append(span);
    blockLength += end - at;
    total += end - at;
    at = end;
    if (blockLength >= BLOCK_MOST || (blockLength >= BLOCK_CHARACTERS && text[at - 1] === "\n")) block = null;
  }
}

function flush() {
  const box = $("console");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  for (const piece of pending) put(piece.kind, piece.text);
  pending = [];
  while (total > CONSOLE_CHARACTERS && box.firstElementChild !== block) {
    total -= box.firstElementChild.textContent.length;
    box.firstElementChild.remove();
  }
  if (atEnd) box.scrollTop = box.scrollHeight;
}

function clearConsole() {
  $("console").replaceChildren();
  pending = [];
  block = null;
  total = 0;
}

/* Until what was printed is drawn, and what the person does meanwhile is heard. */
function drawn() {
  return new Promise((good) => {
    const timer = setTimeout(good, 250); // a page in the background draws nothing
    requestAnimationFrame(() => {
      clearTimeout(timer);
      setTimeout(good, 0);
    });
  });
}

function note(text) {
  print("note", `${text}\n`);
}

/* --- files --- */

function drawFiles() {
  for (const id of ["files", "entry"]) {
    const select = $(id);
    const before = select.value;
    select.replaceChildren();
    for (const [path, file] of files) {
      if (id === "entry" && file.base64 !== undefined) continue;
      select.append(new Option(path, path));
    }
    if (files.has(before)) select.value = before;
  }
}

function show(path) {
  const file = files.get(path);
  shown = path;
  $("text-name").textContent = path || "";
  $("text").value = file ? (file.text ?? "(not text)") : "";
  $("text").readOnly = !file || file.text === undefined;
  if (path) $("files").value = path;
}

function saveEditor() {
  const file = files.get(shown);
  if (file && file.text !== undefined) file.text = $("text").value;
}

async function addFile(path, blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  try {
    files.set(path, { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) });
  } catch {
    let binary = "";
    for (let i = 0; i < bytes.length; i += 32768) binary += String.fromCharCode(...bytes.subarray(i, i + 32768));
    files.set(path, { base64: btoa(binary) });
  }
}

async function addAll(list) {
  saveEditor();
  let first = null;
  for (const { path, file } of list) {
    await addFile(path, file);
    first ??= path;
  }
  drawFiles();
  if (!first) return;
  show(first);
  const main = [...files.keys()].find((path) => /(^|\/)main\.\w+$/.test(path));
  const wanted = list.find(({ path }) => path === main) ? main : first;
  if (files.get(wanted).text !== undefined) $("entry").value = wanted;
}

/* A dropped folder is walked; readEntries gives at most 100 at a time. */
async function walk(entry, into) {
  if (entry.isFile) {
    const file = await new Promise((good, bad) => entry.file(good, bad));
    into.push({ path: entry.fullPath.replace(/^\/+/, ""), file });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((good, bad) => reader.readEntries(good, bad));
    if (some.length === 0) return;
    for (const child of some) await walk(child, into);
  }
}

async function dropped(event) {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const list = [];
  for (const entry of entries) await walk(entry, list);
  await addAll(list);
}

/* --- runs --- */

function buttons() {
  const live = run !== null && !run.ended;
  $("run").disabled = live;
  $("stop").disabled = !live;
  for (const id of ["stdin", "send", "eof"]) $(id).disabled = !live || run.eof;
}

function describe(model) {
  const time = model.wall_ms === null || model.wall_ms === undefined ? "" : ` after ${(model.wall_ms / 1000).toFixed(2)} s`;
  switch (model.reason) {
    case "exit": return `exit code ${model.exit_code}${time}`;
    case "signal": return `ended by signal ${model.signal}${time}`;
    case "timeout": return `stopped: over its time limit${time}`;
    case "oom": return `stopped: out of memory${time}`;
    case "stopped": return `stopped${time}`;
    case "output_limit": return `stopped: too much output${time}`;
    default: return model.state === "lost" ? "lost: its box is gone" : "ended";
  }
}

function ended(text) {
  run.ended = true;
  note(`— ${text}`);
  $("status").textContent = `${text[0].toUpperCase()}${text.slice(1)}`;
  buttons();
}

function take(line) {
  const event = JSON.parse(line);
  if (event.seq) run.lastSeq = event.seq;
  if (event.stdout !== undefined) print("stdout", event.stdout);
  else if (event.stderr !== undefined) print("stderr", event.stderr);
  else if (event.gap) note(`[${event.gap.messages} messages (${event.gap.bytes} bytes) are no longer kept]`);
  else if (event.state) $("status").textContent = `${event.state[0].toUpperCase()}${event.state.slice(1)}…`;
  else if (event.exit) ended(describe(event.exit));
}

/*
 * Reads the run's output from where it broke off, as lines of JSON. Not by an EventSource: that one can't be
 * slowed, and a program that prints without end would keep this page from hearing its Stop button. Here the
 * next piece is read when the last one is drawn, and the server waits.
 */
async function read(mine) {
  const response = await fetch(`api/runs/${mine.id}/output?from=${mine.lastSeq + 1}`, {
    headers: { Accept: "application/x-ndjson" },
    credentials: "same-origin",
    signal: mine.abort.signal,
  });
  if (!response.ok) throw Object.assign(new Error(`${response.status} ${response.statusText}`), { status: response.status });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done || run !== mine) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    lines.forEach(take);
    if (mine.ended) return;
    await drawn();
  }
}

async function listen(mine) {
  while (run === mine && !mine.ended) {
    try {
      await read(mine);
    } catch (error) {
      if (run !== mine || mine.ended) return;
      if (error.status) {
        ended(`lost: ${error.message}`);
        return;
      }
      $("status").textContent = "The server does not answer; trying again…";
    }
    if (run === mine && !mine.ended) await new Promise((good) => setTimeout(good, RECONNECT_MS));
  }
}

async function start(event) {
  event.preventDefault();
  saveEditor();
  const entry = $("entry").value;
  if (!entry) {
    note("There is no file to run.");
    return;
  }
  const args = $("args").value.split(/\s+/).filter(Boolean);
  const body = {
    language: $("language").value,
    entry,
    args,
    stdin: null,
    files: [...files].map(([path, file]) =>
      file.text !== undefined ? { path, content: file.text } : { path, base64: file.base64 },
    ),
  };
  note(`— ${entry}${args.length ? ` ${args.join(" ")}` : ""}`);
  $("run").disabled = true;
  try {
    const model = await call("POST", "api/runs", JSON.stringify(body), "application/json");
    if (run) run.abort.abort();
    run = { id: model.run_id, abort: new AbortController(), lastSeq: 0, ended: false, eof: false };
    listen(run);
    buttons();
    $("stdin").focus();
  } catch (error) {
    note(`Could not start: ${error.message}`);
    buttons();
  }
}

async function stop() {
  try {
    await call("POST", `api/runs/${run.id}/signal`, JSON.stringify({ signal: "KILL" }), "application/json");
  } catch (error) {
    if (!run.ended) note(`Could not stop: ${error.message}`);
  }
}

let sending = Promise.resolve(); // one after another, so that lines keep their order

function sendInput(text, eof) {
  const mine = run;
  sending = sending.then(async () => {
    try {
      await call("POST", `api/runs/${mine.id}/stdin${eof ? "?eof=1" : ""}`, text, "application/octet-stream");
    } catch (error) {
      if (!mine.ended) note(`Input was not taken: ${error.message}`);
    }
  });
}

function typed(event) {
  event.preventDefault();
  const line = `${$("stdin").value}\n`;
  $("stdin").value = "";
  print("stdin", line);
  sendInput(line, false);
}

function endInput() {
  run.eof = true;
  buttons();
  sendInput("", true);
}

/* --- the page --- */

function newFile() {
  saveEditor();
  const path = prompt("Name of the new file", "module.py");
  if (!path) return;
  if (!files.has(path)) files.set(path, { text: "" });
  drawFiles();
  show(path);
  $("text").focus();
}

function removeFile() {
  if (shown === null) return;
  files.delete(shown);
  drawFiles();
  show(files.keys().next().value ?? null);
}

/* Tab indents here; Escape and then Tab leaves, as one does without a mouse. */
let leaving = false;

function editorKey(event) {
  if (event.key === "Tab" && !event.shiftKey && !leaving) {
    event.preventDefault();
    const box = event.target;
    box.setRangeText("    ", box.selectionStart, box.selectionEnd, "end");
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (!$("run").disabled) $("run-form").requestSubmit();
  }
  leaving = event.key === "Escape";
}

async function languages() {
  const found = new Set(["python"]);
  try {
    const all = await call("GET", "api/kernelspecs");
    for (const { spec } of Object.values(all.kernelspecs)) if (spec.language) found.add(spec.language);
  } catch (error) {
    note(`Languages are not known: ${error.message}`);
  }
  for (const name of found) $("language").append(new Option(name, name));
}

function wire() {
  $("run-form").addEventListener("submit", start);
  $("stop").addEventListener("click", stop);
  $("stdin-form").addEventListener("submit", typed);
  $("eof").addEventListener("click", endInput);
  $("clear").addEventListener("click", clearConsole);
  $("new-file").addEventListener("click", newFile);
  $("remove-file").addEventListener("click", removeFile);
  $("files").addEventListener("change", () => {
    saveEditor();
    show($("files").value);
  });
  $("text").addEventListener("keydown", editorKey);
  for (const id of ["pick", "pick-folder"])
    $(id).addEventListener("change", async (event) => {
      const list = [...event.target.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
      event.target.value = "";
      await addAll(list);
    });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", dropped);
}

async function open() {
  // The token has become a cookie: it need not stay where others look over a shoulder.
  const url = new URL(location.href);
  if (url.searchParams.has("token")) {
    url.searchParams.delete("token");
    history.replaceState(null, "", url);
  }
  try {
    await call("GET", "api/me");
  } catch (error) {
    $("status").textContent = error.status ? "Not signed in" : "The server does not answer";
    $("login").hidden = false;
    $("token").focus();
    return;
  }
  files.set("main.py", { text: 'name = input("Your name? ")\nprint(f"Hello, {name}!")\n' });
  wire();
  await languages();
  drawFiles();
  show("main.py");
  buttons();
  $("work").hidden = false;
  $("status").textContent = "Ready";
}

open();
