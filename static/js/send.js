// The page of a file request: sends what is chosen, a few at a time. Each can be paused; what an earlier visit to the
// page left half sent is told of, and goes on when the same file is chosen again.
import { send, settled } from "./sending.js";
import { size } from "./sizes.js";

const AT_ONCE = 3;
const page = document.querySelector("[data-send]");
const form = page?.querySelector(".send-form");
const waiting = [];
const running = new Set();
const place = `docuvault-send|${page?.dataset.send}|`;
const markOf = (file) => place + [file.name, file.size, file.lastModified].join("|");
const headers = () => ({ "X-Ticket": page.dataset.ticket });
const begun = new Map(); // by mark: what lies half sent, until its file is chosen again

if (form) {
  const input = form.querySelector("input[type=file]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    add(input.files);
    input.value = "";
  });
  page.addEventListener("dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); });
  page.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    add(event.dataTransfer.files);
  });
  window.addEventListener("beforeunload", (event) => { if (running.size || waiting.length) event.preventDefault(); });
  tellOfBegun();
}

function say(words) { page.querySelector("[data-send-said]").textContent = words; }

function add(files) {
  for (const file of files) waiting.push(taskOf(file));
  next();
}

/** A line of the list. */
function line(name) {
  const item = page.querySelector("[data-send-item]").content.firstElementChild.cloneNode(true);
  item.querySelector("[data-name]").textContent = name;
  for (const button of item.querySelectorAll("button")) button.setAttribute("aria-label", `${button.getAttribute("aria-label")}: ${name}`);
  page.querySelector("[data-send-list]").append(item);
  return item;
}

/** How a line stands: what it says, and which of its buttons are there. */
function stand(item, state, words, ...acts) {
  item.className = `send-item is-${state}`;
  item.querySelector("[data-state]").textContent = words;
  for (const act of ["pause", "resume", "retry", "cancel"]) item.querySelector(`[data-${act}]`).hidden = !acts.includes(act);
}

function taskOf(file) {
  const mark = markOf(file);
  begun.get(mark)?.item.remove();
  begun.delete(mark);
  const item = line(file.name);
  const task = { file, mark, item, upload: null, sender: form.sender_name.value, email: form.sender_email.value };
  const on = (act, does) => item.querySelector(`[data-${act}]`).addEventListener("click", () => does(task));
  on("pause", pause);
  on("resume", resume);
  on("retry", wait);
  on("cancel", cancel);
  stand(item, "waiting", gettext("Waiting"), "pause", "cancel");
  return task;
}

function next() {
  while (running.size < AT_ONCE && waiting.length) begin(waiting.shift());
}

function progress(item, sent, total) {
  const bar = item.querySelector("[data-progress]");
  bar.max = total || 1;
  bar.value = sent;
}

function begin(task) {
  running.add(task);
  const { file, item } = task;
  stand(item, "sending", gettext("Sending"), "pause", "cancel");
  if (task.upload) { task.upload.start(); return; }
  task.upload = send(file, {
    endpoint: page.dataset.send,
    metadata: { filename: file.name, filetype: file.type, sender: task.sender, email: task.email },
    mark: task.mark,
    headers,
    interrupted: () => { if (running.has(task)) stand(item, "interrupted", gettext("Interrupted; it goes on by itself"), "pause", "cancel"); },
    failed: (message) => failed(task, message),
    otherwise: () => gettext("This file was not taken. Load the page again and try once more."),
    onProgress: (sent, total) => {
      progress(item, sent, total);
      if (running.has(task)) stand(item, "sending", interpolate(gettext("%s of %s"), [size(sent), size(total)]), "pause", "cancel");
    },
    onSuccess: ({ lastResponse }) => {
      if (lastResponse?.getHeader("Upload-State") === "finishing") watch(task);
      else arrived(task);
    },
  });
}

async function watch(task) {
  stand(task.item, "finishing", gettext("All there; being put together"));
  const told = await settled(task.upload.url);
  if (told.state === "done") arrived(task);
  else failed(task, told.message);
}

async function arrived(task) {
  const hadFocus = task.item.contains(document.activeElement);
  running.delete(task);
  task.item.remove();
  say(interpolate(gettext("%s has arrived."), [task.file.name]));
  next();
  if (hadFocus) form.querySelector("input[type=file]").focus();
  if (!running.size && !waiting.length) await showSent();
}

/** What has arrived, as the vault tells it. */
async function showSent() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["[data-send-sent]", "#send-limits"]) {
      const found = fresh.querySelector(part);
      if (found) page.querySelector(part).replaceWith(found);
    }
    if (!fresh.querySelector(".send-form") && fresh.querySelector("[data-send]")) form.hidden = true;
  } catch { /* it stands there at the next look */ }
}

function failed(task, message) {
  running.delete(task);
  task.upload = null;
  stand(task.item, "failed", message, "retry", "cancel");
  say(`${task.file.name}: ${message}`);
  next();
  if (!running.size && !waiting.length) showSent();
}

function leave(task) {
  const at = waiting.indexOf(task);
  if (at >= 0) waiting.splice(at, 1);
  running.delete(task);
}

function wait(task) {
  stand(task.item, "waiting", gettext("Waiting"), "pause", "cancel");
  waiting.push(task);
  next();
}

function pause(task) {
  leave(task);
  task.upload?.abort();
  stand(task.item, "paused", gettext("Paused"), "resume", "cancel");
  task.item.querySelector("[data-resume]").focus();
  next();
}

function resume(task) {
  wait(task);
  task.item.querySelector("[data-pause]").focus();
}

async function cancel(task) {
  leave(task);
  try { await task.upload?.abort(true); } catch { /* it ends by itself */ }
  task.item.remove();
  next();
}

/** Files of this page whose sending broke off with the page itself: how far each is, and the way to go on. */
async function tellOfBegun() {
  const storage = tus.defaultOptions.urlStorage;
  let earlier = [];
  try { earlier = await storage.findAllUploads(); } catch { return; /* storage is closed to us */ }
  for (const row of earlier) {
    // The library keeps them as "tus::mark::number".
    const mark = row.urlStorageKey.slice(5, row.urlStorageKey.lastIndexOf("::"));
    if (!row.uploadUrl || !mark.startsWith(place)) continue;
    const name = row.metadata?.filename ?? "";
    let answer;
    try { answer = await fetch(row.uploadUrl, { method: "HEAD", headers: { ...headers(), "Tus-Resumable": "1.0.0" } }); } catch { return; }
    const sent = Number(answer.headers.get("Upload-Offset"));
    if (!answer.ok || !row.size || sent >= row.size) { storage.removeUpload(row.urlStorageKey); continue; }
    if ([...running, ...waiting].some((task) => task.mark === mark)) continue; // chosen again meanwhile
    const item = line(name);
    progress(item, sent, row.size);
    const words = gettext("%s of %s is here. Choose the file again to go on where it stopped.");
    stand(item, "paused", interpolate(words, [size(sent), size(row.size)]), "cancel");
    item.querySelector("[data-cancel]").addEventListener("click", async () => {
      begun.delete(mark);
      item.remove();
      storage.removeUpload(row.urlStorageKey);
      try { await fetch(row.uploadUrl, { method: "DELETE", headers: { ...headers(), "Tus-Resumable": "1.0.0" } }); } catch { /* it ends by itself */ }
    });
    begun.set(mark, { item });
  }
}
