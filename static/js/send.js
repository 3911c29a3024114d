// The page of a file request: sends what is chosen with the tus protocol, goes on where it broke off.
const AT_ONCE = 3;
const RETRY_DELAYS = [0, 500, 1000, 3000, 5000, 10000, 20000, 30000, 60000, 60000, 120000];
const page = document.querySelector("[data-send]");
const form = page?.querySelector(".send-form");
const waiting = [];
const running = new Set();

if (form) {
  const input = form.querySelector("input[type=file]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    for (const file of input.files) waiting.push(shown(file));
    input.value = "";
    next();
  });
  page.addEventListener("dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); });
  page.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    for (const file of event.dataTransfer.files) waiting.push(shown(file));
    next();
  });
  window.addEventListener("beforeunload", (event) => { if (running.size || waiting.length) event.preventDefault(); });
}

function say(words) { page.querySelector("[data-send-said]").textContent = words; }

/** A line of the list for one file. */
function shown(file) {
  const item = page.querySelector("[data-send-item]").content.firstElementChild.cloneNode(true);
  const part = (name) => item.querySelector(`[data-${name}]`);
  part("name").textContent = file.name;
  part("state").textContent = gettext("Waiting");
  page.querySelector("[data-send-list]").append(item);
  const task = { file, item, part, upload: null, sender: form.sender_name.value, email: form.sender_email.value };
  part("cancel").addEventListener("click", () => cancel(task));
  part("retry").addEventListener("click", () => { part("retry").hidden = true; item.classList.remove("is-failed"); waiting.push(task); next(); });
  return task;
}

function next() {
  while (running.size < AT_ONCE && waiting.length) begin(waiting.shift());
}

function size(bytes) {
  const units = [gettext("bytes"), "KB", "MB", "GB", "TB"];
  let at = 0;
  while (bytes >= 1024 && at < units.length - 1) { bytes /= 1024; at += 1; }
  return `${at ? bytes.toFixed(1) : bytes} ${units[at]}`;
}

async function begin(task) {
  running.add(task);
  const { file, part } = task;
  part("state").textContent = gettext("Sending");
  const upload = new tus.Upload(file, {
    endpoint: page.dataset.send,
    retryDelays: RETRY_DELAYS,
    chunkSize: Infinity,
    removeFingerprintOnSuccess: true,
    metadata: { filename: file.name, filetype: file.type, sender: task.sender, email: task.email },
    fingerprint: async () => ["docuvault-send", page.dataset.send, file.name, file.size, file.lastModified].join("|"),
    onBeforeRequest: (request) => request.setHeader("X-Ticket", page.dataset.ticket),
    onShouldRetry: (error) => {
      const status = error.originalResponse?.getStatus() ?? 0;
      const isPassing = status === 0 || status === 423 || status >= 500;
      if (isPassing) part("state").textContent = gettext("Interrupted; it goes on by itself");
      return isPassing;
    },
    onProgress: (sent, total) => {
      part("progress").max = total || 1;
      part("progress").value = sent;
      part("state").textContent = interpolate(gettext("%s of %s"), [size(sent), size(total)]);
    },
    onError: (error) => { failed(task, reason(error)); },
    onSuccess: ({ lastResponse }) => {
      if (lastResponse?.getHeader("Upload-State") === "finishing") watch(task, upload.url);
      else arrived(task);
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
    return gettext("This file was not taken. Load the page again and try once more.");
  }
}

/** A large file is put together by a job; ask until it has ended. */
async function watch(task, url) {
  task.part("state").textContent = gettext("All there; being put together");
  for (let wait = 400; ; wait = Math.min(wait * 1.4, 4000)) {
    await new Promise((done) => { setTimeout(done, wait); });
    let state;
    try { state = await (await fetch(url, { headers: { Accept: "application/json" } })).json(); } catch { continue; }
    if (state.state === "done") { arrived(task); return; }
    if (!["finishing", "receiving"].includes(state.state)) { failed(task, state.message); return; }
  }
}

async function arrived(task) {
  running.delete(task);
  task.item.remove();
  say(interpolate(gettext("%s has arrived."), [task.file.name]));
  next();
  if (running.size || waiting.length) return;
  await showSent();
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
  task.item.classList.add("is-failed");
  task.part("state").textContent = message;
  task.part("retry").hidden = false;
  say(`${task.file.name}: ${message}`);
  next();
  if (!running.size && !waiting.length) showSent();
}

async function cancel(task) {
  const at = waiting.indexOf(task);
  if (at >= 0) waiting.splice(at, 1);
  try { await task.upload?.abort(true); } catch { /* it ends by itself */ }
  running.delete(task);
  task.item.remove();
  next();
}
