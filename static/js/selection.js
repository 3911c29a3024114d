// Choosing rows: boxes, Shift for all between, Ctrl-click, a long press; and the bar with what can be done.
import { announce } from "./frame.js";

let last = null;
const boxes = () => [...document.querySelectorAll(".choose")];
export const chosen = () => boxes().filter((box) => box.checked);

export function show() {
  const count = chosen().length;
  const bar = document.querySelector(".selection-bar");
  bar?.classList.toggle("is-shown", count > 0);
  // The page's own class: a rule that looks for the bar from the top is asked again at every change of anything.
  document.documentElement.classList.toggle("has-chosen", bar !== null && count > 0);
  document.querySelector("[data-list]")?.classList.toggle("has-selection", count > 0);
  const output = bar?.querySelector("output");
  if (output) output.textContent = interpolate(ngettext("%s chosen", "%s chosen", count), [count]);
  const all = document.querySelector("[data-choose-all]");
  if (all) { all.checked = count > 0 && count === boxes().length; all.indeterminate = count > 0 && count < boxes().length; }
}

export function clear() {
  for (const box of boxes()) box.checked = false;
  show();
}

function reach(box, checked) {
  const all = boxes();
  const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
  if (from >= 0) for (const between of all.slice(from, to + 1)) between.checked = checked;
}

export function toggle(box, isRange = false) {
  box.checked = !box.checked;
  if (isRange && last?.isConnected) reach(box, box.checked);
  last = box;
  show();
}

document.addEventListener("click", (event) => {
  const box = event.target.closest(".choose");
  if (box) {
    if (event.shiftKey && last?.isConnected) reach(box, box.checked);
    last = box;
    show();
    return;
  }
  const row = event.target.closest(".row, .tile");
  if (row && (event.ctrlKey || event.metaKey || event.shiftKey) && !event.target.closest("button, .menu")) {
    const own = row.querySelector(".choose");
    if (own) { event.preventDefault(); event.stopPropagation(); toggle(own, event.shiftKey); }
  }
  if (event.target.closest("[data-choose-none]")) { clear(); announce(gettext("Nothing is chosen.")); }
}, true);
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-choose-all]")) {
    for (const box of boxes()) box.checked = event.target.checked;
    show();
  }
});
document.addEventListener("htmx:load", show);

let press = 0;
document.addEventListener("touchstart", (event) => {
  const box = event.target.closest(".row, .tile")?.querySelector(".choose");
  if (!box) return;
  press = setTimeout(() => { toggle(box); navigator.vibrate?.(10); press = -1; }, 550);
}, { passive: true });
for (const name of ["touchend", "touchmove", "touchcancel"]) {
  document.addEventListener(name, (event) => {
    if (press === -1 && name === "touchend") event.preventDefault();
    clearTimeout(press);
    press = 0;
  }, { passive: false });
}
