// The keyboard: the same acts as by mouse, one key each.
import { openDialog } from "./dialogs.js";
import { folderQuery } from "./search.js";
import { chosen, clear, show, toggle } from "./selection.js";

const ROWS = "[data-list] .row, [data-list] .tile, [data-list] .filing-row";
const rows = () => [...document.querySelectorAll(ROWS)];
const current = () => rows().find((row) => row.classList.contains("is-current"));

function go(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + step))];
  all.forEach((row) => row.classList.toggle("is-current", row === next));
  next.querySelector(".name, .filing-name")?.focus();
  next.scrollIntoView({ block: "nearest" });
}

/** Press the bar's button for what is chosen, or for the row the keyboard is at. */
function act(name) {
  if (!chosen().length) {
    const box = current()?.querySelector(".choose");
    if (box) { box.checked = true; show(); }
  }
  if (chosen().length) document.querySelector(`.selection-bar [value="${name}"]`)?.click();
  else (current()?.querySelector(`[data-key="${name}"]`) ?? document.querySelector(`[data-key="${name}"]`))?.click();
}

/** Answer what is suggested for the row the keyboard is at, or for the document that is open. */
function answer(all, one, place = 0) {
  const scope = current() ?? (document.querySelector("[data-list]") ? null : document);
  if (!scope) { go(1); return; }
  ((all ? scope.querySelector(all) : null) ?? scope.querySelectorAll(one)[place])?.click();
}

const KEYS = {
  "/": () => document.getElementById("search").focus(),
  u: () => document.dispatchEvent(new CustomEvent("vault:choose", { detail: "files" })),
  n: () => openDialog(document.body.dataset.makeFolderUrl + folderQuery()),
  j: () => go(1),
  k: () => go(-1),
  x: (event) => { const box = current()?.querySelector(".choose"); if (box) toggle(box, event.shiftKey); },
  m: () => act("move"),
  t: () => act("tag"),
  s: () => { const star = current()?.querySelector("[data-star]") ?? document.querySelector("[data-key=star]"); star?.click(); },
  a: () => answer("[data-accept-all]", "[data-accept-one]"),
  d: () => answer("[data-dismiss-all]", ".filing-no"),
  "#": () => act("trash"),
  Delete: () => act("trash"),
  "?": () => document.getElementById("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    document.getElementById("search")?.focus();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const target = event.target;
  if (target.closest("dialog[open], [popover]:popover-open")) return;
  const isTyping = target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  if (isTyping) return;
  if (event.key === "Escape") { clear(); rows().forEach((row) => row.classList.remove("is-current")); return; }
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && target.closest("[data-list]")) {
    event.preventDefault();
    go(event.key === "ArrowDown" ? 1 : -1);
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const run = /^[1-9]$/.test(key) && current()?.matches(".filing-row") ? () => answer("", "[data-accept-one]", key - 1) : KEYS[key];
  if (run) { event.preventDefault(); run(event); }
});
document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.(ROWS);
  if (row) rows().forEach((other) => other.classList.toggle("is-current", other === row));
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-show-keys]")) document.getElementById("keys").showModal();
});
