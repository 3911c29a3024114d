// Adding files: picked, dropped or pasted, sent with the tus protocol, a few at a time.
import { announce, refreshPage, toast, token } from "./frame.js";
import { currentFolder } from "./search.js";
import { Tray } from "./tray.js";

const AT_ONCE = 3;
const IN_ONE_REQUEST = 1024 * 1024;
const RETRY_DELAYS = [0, 500, 1000, 3000];
const waiting = [];
const running = new Set();
let tray = null;
let changed = false;
let refreshTimer = 0;

export function startUploads() {
  document.addEventListener("vault:add-files", (event) => add(event.detail.files, event.detail.folderId));
  document.addEventListener("vault:choose", (event) => choose(event.detail));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add]");
    if (button) { event.preventDefault(); event.stopPropagation(); choose(button.dataset.add); }
  }, true);
  document.addEventListener("paste", (event) => {
    if (event.target.matches("input, textarea")) return;
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) add(files.map((file) => ({ file, path: "" })), currentFolder());
  });
  window.addEventListener("beforeunload", (event) => { if (running.size || waiting.length) event.preventDefault(); });
  listenForDrops();
}

/** Open the system's own picker: files, a folder, or the camera. */
function choose(kind) {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = kind !== "camera";
  if (kind === "folder") input.webkitdirectory = true;
  if (kind === "camera") { input.accept = "image/*"; input.capture = "environment"; }
  const folderId = currentFolder();
  input.addEventListener("change", () => {
    add([...input.files].map((file) => ({ file, path: file.webkitRelativePath })), folderId);
  });
  input.click();
}

// --- Dropping -------------------------------------------------------------------------------------

const bringsFiles = (event) => event.dataTransfer?.types.includes("Files");

function placeUnder(event) {
  const target = event.target.closest?.("[data-drop-folder]");
  if (target) return [target.dataset.dropFolder, target.dataset.dropName];
  const here = document.querySelector("[data-current-folder]");
  return [here?.dataset.currentFolder ?? "", here?.dataset.currentName || gettext("Files")];
}

function listenForDrops() {
  let timer = 0;
  document.addEventListener("dragover", (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    document.body.classList.add("is-dropping");
    document.querySelector("[data-drop-target]").textContent = interpolate(gettext("Add to %s"), [placeUnder(event)[1]]);
    clearTimeout(timer);
    timer = setTimeout(() => document.body.classList.remove("is-dropping"), 220);
  });
  document.addEventListener("drop", async (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    document.body.classList.remove("is-dropping");
    const [folderId] = placeUnder(event);
    // Entries are only to be had now; their contents come later.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const plain = entries.length ? [] : [...event.dataTransfer.files].map((file) => ({ file, path: "" }));
    const found = [];
    const empty = [];
    for (const entry of entries) await walk(entry, "", found, empty);
    for (const path of empty) await makeFolder(path, folderId);
    add([...plain, ...found], folderId);
    if (empty.length && !found.length) refreshSoon();
  });
}

async function walk(entry, base, found, empty) {
  const path = base + entry.name;
  if (entry.isFile) {
    try {
      found.push({ file: await new Promise((done, fail) => entry.file(done, fail)), path: base ? path : "" });
    } catch {
      toast(interpolate(gettext("%s cannot be read."), [entry.name]), { kind: "error" });
    }
    return;
  }
  const reader = entry.createReader();
  let count = 0;
  for (;;) { // a reader gives a hundred at a time
    const batch = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (!batch.length) break;
    count += batch.length;
    for (const child of batch) await walk(child, `${path}/`, found, empty);
  }
  if (!count) empty.push(path);
}

async function makeFolder(path, parent) {
  await fetch(document.body.dataset.makeFolderUrl, {
    method: "POST",
    headers: { "X-CSRFToken": token(), "HX-Request": "true" },
    body: new URLSearchParams({ path, parent }),
  });
}

// --- Sending ------------------------------------------------------------------------------------------

function add(list, folderId) {
  if (!list.length) return;
  tray ??= new Tray({ isBusy: () => running.size + waiting.length > 0 });
  tray.open();
  for (const { file, path } of list) {
    const item = tray.add(file.name, file.size);
    const task = { file, path, folderId, item, upload: null, isPaused: false };
    item.on({ pause: () => pause(task), resume: () => resume(task), retry: () => retry(task), cancel: () => cancel(task) });
    waiting.push(task);
  }
  next();
}

function next() {
  while (running.size < AT_ONCE && waiting.length) begin(waiting.shift());
  tray.total();
  if (!running.size && !waiting.length && changed) {
    announce(tray.summary());
    refreshSoon(0);
  }
}

async function begin(task) {
  running.add(task);
  const { file, path, folderId, item } = task;
  item.sending();
  const upload = new tus.Upload(file, {
    endpoint: document.body.dataset.uploadsUrl,
    retryDelays: RETRY_DELAYS,
    chunkSize: Infinity,
    uploadDataDuringCreation: file.size > 0 && file.size <= IN_ONE_REQUEST,
    removeFingerprintOnSuccess: true,
    metadata: { filename: file.name, filetype: file.type, folder: folderId ?? "", relativePath: path ?? "" },
    fingerprint: async () => ["docuvault", folderId, path, file.name, file.size, file.lastModified].join("|"),
    onBeforeRequest: (request) => request.setHeader("X-CSRFToken", token()),
    onShouldRetry: (error) => {
      const status = error.originalResponse?.getStatus() ?? 0;
      return status === 0 || status === 409 || status === 423 || status >= 500;
    },
    onProgress: (sent, total) => { item.progress(sent, total); tray.total(); },
    onError: (error) => { item.failed(reason(error)); ended(task); },
    onSuccess: ({ lastResponse }) => {
      task.url = upload.url;
      if (lastResponse?.getHeader("Upload-State") === "finishing") watch(task);
      else { item.done(); changed = true; ended(task); }
    },
  });
  task.upload = upload;
  try {
    const earlier = await upload.findPreviousUploads();
    if (earlier.length) upload.resumeFromPreviousUpload(earlier[0]);
  } catch { /* storage is closed to us: the file simply starts anew */ }
  upload.start();
}

function reason(error) {
  const answer = error.originalResponse;
  if (!answer || !answer.getStatus()) return gettext("The connection was lost.");
  try {
    return JSON.parse(answer.getBody()).message;
  } catch {
    return answer.getStatus() === 401 || answer.getStatus() === 403
      ? gettext("You are signed out. Sign in and try again.")
      : gettext("The vault did not take this file. Try again.");
  }
}

/** A large file is put together by a job; ask until it has ended. */
async function watch(task) {
  task.item.finishing();
  for (let wait = 400; ; wait = Math.min(wait * 1.4, 4000)) {
    await new Promise((done) => { setTimeout(done, wait); });
    let state;
    try {
      state = await (await fetch(task.url, { headers: { Accept: "application/json" } })).json();
    } catch {
      continue;
    }
    if (state.state === "done") { task.item.done(); changed = true; break; }
    if (!["finishing", "receiving"].includes(state.state)) { task.item.failed(state.message); break; }
  }
  ended(task);
}

function ended(task) {
  running.delete(task);
  htmx.trigger(document.body, "quota-changed");
  next();
}

function pause(task) {
  task.isPaused = true;
  const at = waiting.indexOf(task);
  if (at >= 0) waiting.splice(at, 1);
  task.upload?.abort();
  running.delete(task);
  task.item.paused();
  next();
}

function resume(task) {
  task.isPaused = false;
  if (task.upload) { running.add(task); task.item.sending(); task.upload.start(); }
  else { waiting.push(task); next(); }
}

function retry(task) {
  task.item.waiting();
  waiting.push(task);
  next();
}

async function cancel(task) {
  const at = waiting.indexOf(task);
  if (at >= 0) waiting.splice(at, 1);
  try {
    await task.upload?.abort(true);
  } catch { /* it expires by itself */ }
  running.delete(task);
  task.item.cancelled();
  htmx.trigger(document.body, "quota-changed");
  next();
}

/** Show what has arrived, but never under somebody's hands. */
function refreshSoon(wait = 400) {
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(() => {
    const isBusy = document.querySelector("dialog[open], .choose:checked") || document.activeElement?.matches("input:not([type=checkbox]), textarea");
    if (isBusy) { refreshSoon(1500); return; }
    changed = false;
    if (document.querySelector("[data-current-folder], [data-list-page]")) refreshPage();
  }, wait);
}
