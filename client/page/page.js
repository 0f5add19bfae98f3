/*
 * The plain page: files in, a program's console out, over /api/runs (docs/PROTOCOL.md, "Runs"). All URLs
 * are relative, so that it works under a base URL and under /t/TOKEN/ alike.
 */
"use strict";

const CONSOLE_PIECES = 4000; // the oldest go when there are more
const PIECE_CHARACTERS = 100000;
const RECONNECT_MS = 1000;

const $ = (id) => document.getElementById(id);

const files = new Map(); // path -> {text} or {base64}
let shown = null; // the path whose text is in the editor
let run = null; // {id, source, lastSeq, ended, eof}

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

let pending = [];

function print(kind, text) {
  if (!text) return;
  if (pending.length === 0) requestAnimationFrame(flush);
  const last = pending[pending.length - 1];
  if (last && last.kind === kind && last.text.length < PIECE_CHARACTERS) last.text += text;
  else pending.push({ kind, text });
}

function flush() {
  const box = $("console");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  const fresh = document.createDocumentFragment();
  for (const piece of pending) {
    const span = document.createElement("span");
    span.className = piece.kind;
    span.textContent = piece.text;
    fresh.append(span);
  }
  pending = [];
  box.append(fresh);
  while (box.childElementCount > CONSOLE_PIECES) box.firstElementChild.remove();
  if (atEnd) box.scrollTop = box.scrollHeight;
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
  if (run.source) run.source.close();
  note(`— ${text}`);
  $("status").textContent = `${text[0].toUpperCase()}${text.slice(1)}`;
  buttons();
}

/* The stream of this run from where it broke off. A browser's own reconnect would begin again. */
function listen(mine) {
  const source = new EventSource(`api/runs/${mine.id}/output?from=${mine.lastSeq + 1}`);
  mine.source = source;
  const on = (name, act) =>
    source.addEventListener(name, (event) => {
      if (run !== mine || mine.ended) return;
      if (event.lastEventId) mine.lastSeq = Number(event.lastEventId);
      act(JSON.parse(event.data));
    });
  on("stdout", (text) => print("stdout", text));
  on("stderr", (text) => print("stderr", text));
  on("gap", (gap) => note(`[${gap.messages} messages (${gap.bytes} bytes) are no longer kept]`));
  on("state", (state) => ($("status").textContent = `${state[0].toUpperCase()}${state.slice(1)}…`));
  on("exit", (model) => ended(describe(model)));
  source.onerror = async () => {
    source.close();
    if (run !== mine || mine.ended) return;
    try {
      await call("GET", `api/runs/${mine.id}`);
    } catch (error) {
      if (error.status) {
        ended(`lost: ${error.message}`);
        return;
      }
      $("status").textContent = "The server does not answer; trying again…";
    }
    setTimeout(() => run === mine && !mine.ended && listen(mine), RECONNECT_MS);
  };
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
    run = { id: model.run_id, source: null, lastSeq: 0, ended: false, eof: false };
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
  $("clear").addEventListener("click", () => $("console").replaceChildren());
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
