// Adding files: picked, dropped or pasted, sent with the tus protocol, a few at a time.
import { decideInDialog } from "./dialogs.js";
import { announce, refreshPage, toast, token } from "./frame.js";
import { currentFolder } from "./search.js";
import { send, settled } from "./sending.js";
import { Tray } from "./tray.js";

const AT_ONCE = 5;
const IN_ONE_REQUEST = 1024 * 1024;
const waiting = [];
const running = new Set();
let tray = null;
let changed = false;
let refreshTimer = 0;
let quotaTimer = 0;
let asking = Promise.resolve();
let arrived = [];

export function startUploads() {
  document.addEventListener("vault:add-files", (event) => add(event.detail.files, event.detail.folderId));
  document.addEventListener("vault:choose", (event) => choose(event.detail));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add]");
    if (button) { event.preventDefault(); event.stopPropagation(); choose(button.dataset.add); }
    const version = event.target.closest("[data-add-version]");
    if (version) { event.preventDefault(); event.stopPropagation(); choose("version", version.dataset.addVersion); }
  }, true);
  // A page that has just been shown shows what had arrived by then.
  document.addEventListener("htmx:beforeRequest", (event) => { if (event.detail.target === document.body) changed = false; });
  document.addEventListener("paste", (event) => {
    if (event.target.matches("input, textarea")) return;
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) add(files.map((file) => ({ file, path: "" })), currentFolder());
  });
  window.addEventListener("beforeunload", (event) => { if (running.size || waiting.length) event.preventDefault(); });
  listenForDrops();
}

/** Open the system's own picker: files, a folder, or the camera. */
function choose(kind, replaces = "") {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = !["camera", "version"].includes(kind);
  if (kind === "folder") input.webkitdirectory = true;
  if (kind === "camera") { input.accept = "image/*"; input.capture = "environment"; }
  const folderId = currentFolder();
  input.addEventListener("change", () => {
    add([...input.files].map((file) => ({ file, path: file.webkitRelativePath, replaces })), folderId);
  });
  input.click();
}

// --- Dropping -------------------------------------------------------------------------------------

const bringsFiles = (event) => event.dataTransfer?.types.includes("Files");

/** Where a drop would land: a folder, or on a document's own page that document, as its next version. */
function placeUnder(event) {
  const target = event.target.closest?.("[data-drop-folder]");
  if (target) return { folderId: target.dataset.dropFolder, words: interpolate(gettext("Add to %s"), [target.dataset.dropName]), replaces: "" };
  const here = document.querySelector("[data-current-folder]");
  const folderId = here?.dataset.currentFolder ?? "";
  if (here?.dataset.replaces) return { folderId, words: interpolate(gettext("A new version of %s"), [here.dataset.replacesName]), replaces: here.dataset.replaces };
  return { folderId, words: interpolate(gettext("Add to %s"), [here?.dataset.currentName || gettext("Files")]), replaces: "" };
}

function listenForDrops() {
  let timer = 0;
  document.addEventListener("dragover", (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    document.body.classList.add("is-dropping");
    document.querySelector("[data-drop-target]").textContent = placeUnder(event).words;
    clearTimeout(timer);
    timer = setTimeout(() => document.body.classList.remove("is-dropping"), 220);
  });
  document.addEventListener("drop", async (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    document.body.classList.remove("is-dropping");
    const { folderId, replaces } = placeUnder(event);
    // Entries are only to be had now; their contents come later.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const plain = entries.length ? [] : [...event.dataTransfer.files].map((file) => ({ file, path: "" }));
    const found = [];
    const empty = [];
    const isSingle = entries.length ? entries.length === 1 && entries[0].isFile : plain.length === 1;
    if (replaces && !isSingle) { toast(gettext("One file at a time becomes a new version. Drop several into a folder."), { kind: "error" }); return; }
    for (const entry of entries) await walk(entry, "", found, empty);
    add([...plain, ...found].map((one) => ({ ...one, replaces })), folderId, empty);
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

/** One batch after the other: a question stands alone. */
function add(list, folderId, empty = []) {
  asking = asking.then(() => addDecided(list, folderId, empty)).catch(() => toast(gettext("That did not work. Please try again."), { kind: "error" }));
}

async function addDecided(list, folderId, empty) {
  const decided = await decide(list, folderId, empty);
  if (!decided) return;
  for (const path of empty) await makeFolder(path, folderId);
  if (empty.length) changed = true;
  if (!decided.length) { if (changed) refreshSoon(); return; }
  tray ??= new Tray({ isBusy: () => running.size + waiting.length > 0 });
  tray.open();
  for (const { file, path, replaces = "" } of decided) {
    const item = tray.add(file.name, file.size);
    const task = { file, path, folderId, replaces, item, upload: null, isPaused: false };
    item.on({ pause: () => pause(task), resume: () => resume(task), retry: () => retry(task), cancel: () => cancel(task) });
    waiting.push(task);
  }
  next();
}

/** What is to become of names that are taken; null if nothing is to be added at all. */
async function decide(list, folderId, empty) {
  if (list.every((entry) => entry.replaces) && !empty.length) return list;
  const url = document.body.dataset.foreseeUrl;
  // What goes on where it was broken off has its space already.
  const sizes = await Promise.all(list.map(async (entry) => (await isBegun(entry, folderId) ? 0 : entry.file.size)));
  const body = new URLSearchParams({ folder: folderId ?? "", files: JSON.stringify(list.map(({ file, path }, at) => [path || file.name, sizes[at]])) });
  for (const path of empty) body.append("made", path);
  let html = "";
  try {
    const answer = await fetch(url, { method: "POST", headers: { "X-CSRFToken": token(), "HX-Request": "true" }, body });
    if (answer.status === 200) html = await answer.text();
  } catch { /* the files themselves will tell that the vault is away */ }
  if (!html) return list;
  const form = await decideInDialog(html, url);
  if (!form) return null;
  const clashes = new Map(JSON.parse(form.querySelector("#foreseen-clashes")?.textContent ?? "[]").map(({ path, document: id }) => [path, id]));
  const leftOut = new Set(JSON.parse(form.querySelector("#foreseen-left-out")?.textContent ?? "[]"));
  const all = new FormData(form).get("all") ?? "keep";
  const single = new Map([...form.querySelectorAll("[data-path]")].map((field) => [field.dataset.path, field.value]));
  return list.flatMap((entry) => {
    const path = entry.path || entry.file.name;
    const choice = clashes.has(path) ? single.get(path) || all : "keep";
    if (choice === "skip" || leftOut.has(path)) return [];
    return [{ ...entry, replaces: choice === "replace" ? clashes.get(path) : "" }];
  });
}

const fingerprint = (file, path, folderId, replaces) => ["docuvault", folderId, path, replaces, file.name, file.size, file.lastModified].join("|");

async function isBegun({ file, path, replaces = "" }, folderId) {
  try {
    return (await tus.defaultOptions.urlStorage.findUploadsByFingerprint(fingerprint(file, path, folderId, replaces))).length > 0;
  } catch {
    return false;
  }
}

function next() {
  while (running.size < AT_ONCE && waiting.length) begin(waiting.shift());
  tray.total();
  if (!running.size && !waiting.length && changed) {
    announce(tray.summary());
    refreshSoon(0);
    noticeTwins();
  }
}

/** Say in the tray which of the files the vault had already, by their bytes. */
async function noticeTwins() {
  const ids = arrived.splice(0).slice(0, 100);
  if (!ids.length) return;
  const query = new URLSearchParams(ids.map((id) => ["document", id]));
  const url = `${document.body.dataset.twinsUrl}?${query}`;
  try {
    const answer = await fetch(`${url}&count=1`, { headers: { "HX-Request": "true" } });
    if (answer.status === 200) tray.notice(url);
  } catch { /* it is only a hint */ }
}

function begin(task) {
  running.add(task);
  const { file, path, folderId, replaces, item } = task;
  item.sending();
  task.upload = send(file, {
    endpoint: document.body.dataset.uploadsUrl,
    uploadDataDuringCreation: file.size > 0 && file.size <= IN_ONE_REQUEST,
    metadata: { filename: file.name, filetype: file.type, folder: folderId ?? "", relativePath: path ?? "", replaces },
    mark: fingerprint(file, path, folderId, replaces),
    headers: () => ({ "X-CSRFToken": token() }),
    interrupted: () => { if (!task.isPaused) item.interrupted(); },
    failed: (message) => { item.failed(message); ended(task); },
    otherwise: (status) => (status === 401 || status === 403
      ? gettext("You are signed out. Sign in and try again.")
      : gettext("The vault did not take this file. Try again.")),
    onProgress: (sent, total) => { item.progress(sent, total); tray.total(); },
    onSuccess: ({ lastResponse }) => {
      if (lastResponse?.getHeader("Upload-State") === "finishing") watch(task);
      else { done(task, lastResponse?.getHeader("Upload-Document")); ended(task); }
    },
  });
}

async function watch(task) {
  task.item.finishing();
  const told = await settled(task.upload.url);
  if (told.state === "done") done(task, told.document);
  else task.item.failed(told.message);
  ended(task);
}

function done(task, documentId) {
  task.item.done();
  changed = true;
  if (documentId && !task.replaces) arrived.push(documentId);
}

function ended(task) {
  running.delete(task);
  tellQuota();
  next();
}

/** The quota's bar goes along, once in a second however many files arrive. */
function tellQuota() {
  quotaTimer ||= setTimeout(() => { quotaTimer = 0; htmx.trigger(document.body, "quota-changed"); }, running.size + waiting.length ? 1000 : 0);
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
  tellQuota();
  next();
}

/** Show what has arrived, but never under somebody's hands. */
function refreshSoon(wait = 400) {
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(async () => {
    const isBusy = document.querySelector("dialog[open], .choose:checked") || document.activeElement?.matches("input:not([type=checkbox]), textarea");
    if (!changed) return; // the page was shown anew meanwhile
    if (isBusy) { refreshSoon(1500); return; }
    changed = false;
    if (!document.querySelector("[data-current-folder], [data-list-page]")) return;
    if (await refreshPage()) return;
    changed = true;
    if (document.querySelector("dialog[open]")) refreshSoon(1500);
  }, wait);
}
