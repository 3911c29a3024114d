// The search box: results as you type, arrows and Enter; ">" lists what can be done.
import { openDialog } from "./dialogs.js";

const box = () => document.getElementById("search");
const list = () => document.getElementById("search-results");

const actions = () => [
  [gettext("New folder"), () => openDialog(document.body.dataset.makeFolderUrl + folderQuery())],
  [gettext("Add files"), () => document.dispatchEvent(new CustomEvent("vault:choose", { detail: "files" }))],
  [gettext("Add a folder"), () => document.dispatchEvent(new CustomEvent("vault:choose", { detail: "folder" }))],
  ...[...document.querySelectorAll("#rail a.place")].map((link) => [
    interpolate(gettext("Go to %s"), [link.textContent.trim()]), () => link.click(),
  ]),
];

export const currentFolder = () => document.querySelector("[data-current-folder]")?.dataset.currentFolder ?? "";
export const folderQuery = () => (currentFolder() ? `?parent=${currentFolder()}` : "");

function open(isOpen) {
  list().hidden = !isOpen;
  box().setAttribute("aria-expanded", String(isOpen));
  if (!isOpen) box().removeAttribute("aria-activedescendant");
}

function showActions(words) {
  list().replaceChildren();
  for (const [label, act] of actions()) {
    if (!label.toLowerCase().includes(words)) continue;
    const item = document.createElement("div");
    item.className = "result";
    item.setAttribute("role", "option");
    item.textContent = label;
    item.addEventListener("click", () => { open(false); box().value = ""; act(); });
    list().append(item);
  }
  number();
  open(list().childElementCount > 0);
}

function number() {
  list().querySelectorAll("[role=option]").forEach((item, index) => {
    item.id = `result-${index}`;
    item.setAttribute("aria-selected", "false");
  });
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target !== box()) return;
  const text = box().value.trim();
  if (text.startsWith(">")) { event.preventDefault(); showActions(text.slice(1).trim().toLowerCase()); }
  else if (!text) { event.preventDefault(); open(false); }
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target !== list()) return;
  number();
  open(list().childElementCount > 0);
});
document.addEventListener("keydown", (event) => {
  if (event.target !== box()) return;
  const items = [...list().querySelectorAll("[role=option]")];
  const at = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && items.length && !list().hidden) {
    event.preventDefault();
    const next = (at + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length;
    items.forEach((item, index) => item.setAttribute("aria-selected", String(index === next)));
    items[next].scrollIntoView({ block: "nearest" });
    box().setAttribute("aria-activedescendant", items[next].id);
  } else if (event.key === "Enter" && at >= 0 && !list().hidden) {
    event.preventDefault();
    items[at].click();
    open(false);
  } else if (event.key === "Escape") {
    if (list().hidden) box().blur();
    open(false);
  }
}, true);
document.addEventListener("click", (event) => {
  if (list() && !event.target.closest(".search")) open(false);
});
document.addEventListener("focusin", (event) => {
  if (event.target === box() && list().childElementCount && box().value.trim()) open(true);
});
