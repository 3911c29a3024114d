// The ZIP of an import, sent with the tus protocol: it goes on where it was, also after a reload with the same file.
import { announce, refreshPage, toast, token } from "./frame.js";
import { send } from "./sending.js";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.import === undefined || !window.tus) return;
  event.preventDefault();
  event.stopPropagation();
  const file = form.elements.files.files[0];
  if (file && form.dataset.busy === undefined) bring(form, file);
}, true);

function bring(form, file) {
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
  say(gettext("It is on its way."));
  send(file, {
    endpoint: document.body.dataset.uploadsUrl,
    metadata: { filename: file.name, purpose: "import", into: form.elements.into.value },
    mark: ["docuvault import", file.name, file.size, file.lastModified].join("|"),
    headers: () => ({ "X-CSRFToken": token() }),
    interrupted: () => say(gettext("The connection was lost. It goes on by itself.")),
    failed: (message) => { end(); toast(message, { kind: "error" }); refreshPage(); },
    otherwise: () => gettext("The vault did not take this file. Try again."),
    onProgress: (sent, total) => {
      bar.value = total ? (100 * sent) / total : 0;
      say(interpolate(gettext("%s % sent"), [Math.floor(bar.value)]));
    },
    onSuccess: () => { end(); announce(gettext("All of it is here. It is taken in now.")); refreshPage(); },
  });
}
