// Links with data-dialog open their page's form in the one dialog; without scripts they are pages.
import { loadPage, refreshPage, toast, token } from "./frame.js";

let opener = null;
const dialog = () => document.getElementById("dialog");

export async function openDialog(url, { method = "GET", body = null } = {}) {
  opener = document.activeElement;
  const answer = await ask(url, method, body);
  if (!answer) return;
  await show(answer, url);
}

async function ask(url, method, body) {
  try {
    return await fetch(url, { method, body, headers: { "X-CSRFToken": token(), "HX-Request": "true", Accept: "text/html" } });
  } catch {
    toast(gettext("The vault cannot be reached. Check your connection."), { kind: "error" });
    return null;
  }
}

/** The form again, with what is the matter with it: it cannot be read, or somebody else was quicker. */
const isToBeMended = (answer) => answer.status === 422 || answer.status === 409;

async function show(answer, url) {
  const text = await answer.text();
  if (!answer.ok && !isToBeMended(answer)) {
    toast(message(text, answer), { kind: "error" });
    return;
  }
  fill(text, url);
}

function fill(text, url) {
  const box = dialog();
  box.innerHTML = `<div class="dialog-body"></div>`;
  box.firstElementChild.innerHTML = text;
  const title = box.querySelector("h1, h2");
  if (title) title.id = "dialog-title";
  const form = box.querySelector("form");
  if (form && !form.getAttribute("action")) form.setAttribute("action", url);
  box.querySelectorAll("[data-close]").forEach((button) => { button.type = "button"; });
  htmx.process(box);
  if (!box.open) box.showModal();
  const first = box.querySelector("[autofocus], [aria-invalid=true]") ?? box.querySelector("input:not([type=hidden]), select, textarea, .button-primary");
  first?.focus();
  // What takes many requests goes on by itself, as long as the dialog is open.
  if (form?.dataset.goesOn !== undefined) setTimeout(() => { if (form.isConnected && box.open) form.requestSubmit(); }, 150);
  if (first?.matches("input[type=text][data-stem]")) {
    const dot = first.value.lastIndexOf(".");
    first.setSelectionRange(0, dot > 0 ? dot : first.value.length);
  }
  return box;
}

function message(text, answer) {
  if (answer.headers.get("Content-Type")?.includes("json")) return JSON.parse(text).message;
  const page = new DOMParser().parseFromString(text, "text/html");
  return page.querySelector("main p")?.textContent || gettext("That did not work. Please try again.");
}

/** Ask for something in the dialog: resolves with the form when it is sent, with null when it is closed instead. */
export function decideInDialog(html, url) {
  return new Promise((resolve) => {
    opener = document.activeElement;
    const box = fill(html, url);
    let sent = null;
    box.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      sent = event.target;
      box.close();
    });
    box.addEventListener("close", () => resolve(sent), { once: true, capture: true });
  });
}

/** What a verb's answer asks for: a toast, another page, or this page once more. */
export function follow(answer) {
  const trigger = answer.headers.get("HX-Trigger");
  const events = trigger ? JSON.parse(trigger) : {};
  const to = answer.headers.get("HX-Location");
  const after = () => {
    for (const [name, detail] of Object.entries(events)) {
      document.body.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
    }
  };
  if (to) loadPage(to, "innerHTML").then(() => { history.pushState({}, "", to); after(); });
  else refreshPage().then(after);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (link && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    event.stopPropagation();
    openDialog(link.href);
  }
  if (event.target.closest("#dialog [data-close]") || event.target === dialog()) {
    event.preventDefault();
    dialog().close();
  }
}, true);

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.closest("#dialog") || form.method === "dialog" || form.dataset.plain !== undefined || form.dataset.foreseen !== undefined) return;
  event.preventDefault();
  event.stopPropagation();
  if (form.dataset.busy) return;
  form.dataset.busy = "1";
  const body = new FormData(form, event.submitter ?? undefined);
  const answer = await ask(form.getAttribute("action"), "POST", new URLSearchParams(body));
  delete form.dataset.busy;
  if (!answer) return;
  if (isToBeMended(answer) || (answer.ok && !answer.headers.has("HX-Done"))) {
    await show(answer, form.getAttribute("action"));
    return;
  }
  if (!answer.ok) {
    toast(message(await answer.text(), answer), { kind: "error" });
    return;
  }
  dialog().close();
  follow(answer);
}, true);

document.addEventListener("close", (event) => {
  if (event.target === dialog()) {
    const hasChanged = dialog().querySelector("[data-changed]");
    dialog().replaceChildren();
    if (opener?.isConnected) opener.focus();
    if (hasChanged) refreshPage();
  }
}, true);

// Folders that fit what was typed may come after somebody has gone on to choose: what is chosen stays chosen.
let picked = "";
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id === "picker") picked = event.detail.target.querySelector("input:checked")?.id ?? "";
});
document.addEventListener("htmx:afterSwap", (event) => {
  const still = event.detail.target.id === "picker" && picked && document.getElementById(picked);
  if (still) still.checked = true;
});

// The bar's buttons: some ask in the dialog, throwing away acts at once, a download is the browser's own.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.dataset.selection === undefined) return;
  const action = event.submitter?.value;
  if (action === "download") return;
  event.preventDefault();
  event.stopPropagation();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  if (action !== "trash") { openDialog(form.getAttribute("action"), { method: "POST", body }); return; }
  const answer = await ask(form.getAttribute("action"), "POST", body);
  if (!answer) return;
  if (answer.headers.has("HX-Done")) follow(answer);
  else toast(message(await answer.text(), answer), { kind: "error" });
}, true);

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// The details at the side: opened by a row's button, closed by its own or by Esc.
const closeDetails = () => document.getElementById("details")?.replaceChildren();
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close-details]")) closeDetails();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) closeDetails();
});
