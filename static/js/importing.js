// The ZIP of an import, sent with the tus protocol: it goes on where it was, also after a reload with the same file.
import { announce, refreshPage, toast, token } from "./frame.js";

const RETRY_DELAYS = [0, 500, 1000, 3000, 5000, 10000, 20000, 30000, 60000, 60000, 120000];

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.import === undefined || !window.tus) return;
  event.preventDefault();
  event.stopPropagation();
  const file = form.elements.files.files[0];
  if (file && form.dataset.busy === undefined) send(form, file);
}, true);

function send(form, file) {
  form.dataset.busy = "";
  const way = form.querySelector("[data-import-way]");
  const bar = way.querySelector("progress");
  const words = way.querySelector("[data-import-words]");
  const button = form.querySelector(".button-primary");
  way.hidden = false;
  button.disabled = true;
  const say = (text) => { words.textContent = text; };
  const stay = (event) => event.preventDefault();
  window.addEventListener("beforeunload", stay);
  const end = () => {
    window.removeEventListener("beforeunload", stay);
    delete form.dataset.busy;
    button.disabled = false;
    way.hidden = true;
  };
  const upload = new tus.Upload(file, {
    endpoint: document.body.dataset.uploadsUrl,
    retryDelays: RETRY_DELAYS,
    chunkSize: Infinity,
    removeFingerprintOnSuccess: true,
    metadata: { filename: file.name, purpose: "import", into: form.elements.into.value },
    fingerprint: async () => ["docuvault import", file.name, file.size, file.lastModified].join("|"),
    onBeforeRequest: (request) => request.setHeader("X-CSRFToken", token()),
    onShouldRetry: (error) => {
      const status = error.originalResponse?.getStatus() ?? 0;
      const isPassing = status === 0 || status === 423 || status >= 500;
      if (isPassing) say(gettext("The connection was lost. It goes on by itself."));
      return isPassing;
    },
    onProgress: (sent, total) => {
      bar.value = total ? (100 * sent) / total : 0;
      say(interpolate(gettext("%s % sent"), [Math.floor(bar.value)]));
    },
    onError: (error) => { end(); toast(reason(error), { kind: "error" }); refreshPage(); },
    onSuccess: () => { end(); announce(gettext("All of it is here. It is taken in now.")); refreshPage(); },
  });
  say(gettext("It is on its way."));
  upload.findPreviousUploads().then((earlier) => {
    if (earlier.length) upload.resumeFromPreviousUpload(earlier[0]);
  }).catch(() => { /* storage is closed to us: it simply starts anew */ }).finally(() => upload.start());
}

function reason(error) {
  try {
    return JSON.parse(error.originalResponse.getBody()).message;
  } catch {
    return gettext("The connection was lost.");
  }
}
