// Small things that every other module needs: the token, announcements, toasts, the rail.

export const token = () => document.querySelector('meta[name="csrf-token"]')?.content ?? "";

export function announce(text) {
  const region = document.getElementById("announce");
  if (region) region.textContent = text;
}

/** Show a line at the foot of the page; with an address to undo by, a button and a countdown. */
export function toast(message, { kind = "info", undoUrl = "", seconds = 8 } = {}) {
  const place = document.getElementById("toasts");
  if (!place) return;
  const item = document.createElement("div");
  item.className = `toast toast-${kind}`;
  const text = document.createElement("span");
  text.textContent = message;
  item.append(text);
  let left = seconds;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  const label = () => {
    button.textContent = undoUrl ? interpolate(gettext("Undo (%s)"), [left]) : gettext("Close");
  };
  label();
  item.append(button);
  const close = () => { clearInterval(timer); item.remove(); };
  const timer = setInterval(() => {
    if (item.matches(":hover, :focus-within")) return;
    left -= 1;
    if (left <= 0) close();
    else if (undoUrl) label();
  }, 1000);
  button.addEventListener("click", async () => {
    close();
    if (!undoUrl) return;
    const answer = await fetch(undoUrl, { method: "POST", headers: { "X-CSRFToken": token(), "HX-Request": "true" } });
    if (answer.ok) refreshPage(gettext("Undone."));
    else toast(gettext("This could not be undone."), { kind: "error" });
  });
  place.append(item);
}

let turn = Promise.resolve();

/** One page at a time: of one that waits behind another, htmx would say at once that it is there. */
function inTurn(load) {
  const mine = turn.then(load);
  turn = mine.catch(() => {});
  return mine;
}

/** A whole page, as htmx's boost asks for it. */
const load = (address, swap) => htmx.ajax("GET", address, { target: "body", swap, headers: { "HX-Boosted": "true" } });

/** Show a page of the vault without losing the upload tray. */
export const loadPage = (address, swap) => inTurn(() => load(address, swap));

let isRefreshing = false;
let isPutOff = false;
let typed = null;

const here = () => location.pathname + location.search;
const isRefresh = ({ target, requestConfig }) => isRefreshing && target === document.body && requestConfig.elt === document.body;

/** The page's own address once more; what is told afterwards is told to a page that stays.
 *  Answers whether it was shown: not where the vault is away, nor under a dialog that opened meanwhile. */
export async function refreshPage(message = "") {
  const isShown = await inTurn(async () => {
    isRefreshing = true;
    isPutOff = false;
    try {
      await load(here(), "innerHTML show:none");
    } catch {
      isPutOff = true; // the vault is away, which has been told; the page stays as it was
    } finally {
      isRefreshing = false;
    }
    return !isPutOff;
  });
  htmx.trigger(document.body, "quota-changed");
  if (message) { announce(message); toast(message); }
  return isShown;
}

export function tellServerTimeZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes("time_zone=")) {
    document.cookie = `time_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
  }
}

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRFToken"] = token();
});

// A refusal of a fragment is told in a toast; a page's refusal is the page itself.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, boosted, requestConfig } = event.detail;
  if (xhr.status < 400 || boosted || xhr.status === 422) return;
  event.detail.shouldSwap = false;
  const message = xhr.getResponseHeader("Content-Type")?.includes("json") ? JSON.parse(xhr.responseText).message : "";
  toast(message || gettext("That did not work. Please try again."), { kind: "error" });
  if (requestConfig?.elt) htmx.trigger(requestConfig.elt, "vault:refused");
});
document.addEventListener("htmx:sendError", () => {
  toast(gettext("The vault cannot be reached. Check your connection."), { kind: "error" });
});
document.addEventListener("toast", (event) => {
  const { message, undo_url: undoUrl, kind } = event.detail;
  toast(message, { kind: kind ?? "info", undoUrl: undoUrl ?? "" });
});
document.addEventListener("refresh", () => refreshPage());

// Somebody may have begun to type while the same page was on its way, or gone on to another: nothing of it is lost.
document.addEventListener("htmx:beforeSwap", (event) => {
  typed = null;
  if (!isRefresh(event.detail)) return;
  if (event.detail.requestConfig.path !== here()) {
    event.detail.shouldSwap = false;
    return;
  }
  if (document.querySelector("dialog[open]")) {
    event.detail.shouldSwap = false;
    isPutOff = true;
    return;
  }
  const field = document.activeElement;
  if (!field?.matches("input[id]:not([type=checkbox]):not([type=radio]), textarea[id]")) return;
  typed = { id: field.id, value: field.value, start: field.selectionStart, end: field.selectionEnd };
});
document.addEventListener("htmx:afterSettle", (event) => {
  const field = typed && event.detail.target === document.body && document.getElementById(typed.id);
  if (!field) return;
  field.value = typed.value;
  field.focus({ preventScroll: true });
  if (typed.start !== null) field.setSelectionRange(typed.start, typed.end);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  typed = null;
});

// After moving inside the vault: the title is told, and the keyboard starts at the content.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target !== document.body) return;
  announce(document.title);
  beginAtMain();
});
// A dialog gives the focus back to what had it; that may have gone with the page before.
document.addEventListener("close", beginAtMain, true);

function beginAtMain() {
  const held = document.activeElement;
  // What a dialog has just taken with it holds the focus still, for a moment.
  if (!held || held === document.body || !held.getClientRects().length) document.getElementById("main")?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-toggle-rail]");
  const rail = document.getElementById("rail");
  if (toggle) {
    event.preventDefault();
    rail.classList.toggle("is-open");
    if (rail.classList.contains("is-open")) rail.querySelector("a, button")?.focus();
  } else if (rail?.classList.contains("is-open") && !event.target.closest("#rail")) {
    rail.classList.remove("is-open");
  }
  const twist = event.target.closest(".twist");
  if (twist) {
    const open = twist.getAttribute("aria-expanded") !== "true";
    twist.setAttribute("aria-expanded", String(open));
    twist.closest("li").querySelector(":scope > .branch").hidden = !open;
  }
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    navigator.clipboard?.writeText(copy.dataset.copy).then(() => toast(gettext("Copied."), { seconds: 3 }));
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.getElementById("rail")?.classList.remove("is-open");
});
