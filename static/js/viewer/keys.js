// The keyboard while a document is open. Listens before the page's own keys, and leaves them what it does not use.
import { current } from "./shown.js";

const press = (selector) => {
  const target = document.querySelector(selector);
  target?.click();
  return Boolean(target);
};
const tool = (name) => press(`[data-viewer] [data-tool="${name}"]:not([hidden])`);

function focusFind() {
  const field = document.querySelector("[data-viewer] [data-find-words]");
  if (!field) return false;
  field.focus();
  field.select();
  return true;
}

/** Scrolling keys go to the stage, wherever the focus is. */
function scroll(key) {
  const stage = document.querySelector("[data-viewer] [data-stage]");
  if (!stage || stage.contains(document.activeElement) && document.activeElement !== stage) return false;
  const [isTall, isWide] = [stage.scrollHeight > stage.clientHeight + 1, stage.scrollWidth > stage.clientWidth + 1];
  if (key === "ArrowLeft" || key === "ArrowRight" ? !isWide : !isTall && !isWide) return false;
  const page = stage.clientHeight * 0.9;
  const moves = {
    ArrowDown: [0, 60], ArrowUp: [0, -60], ArrowRight: [60, 0], ArrowLeft: [-60, 0],
    PageDown: [0, page], PageUp: [0, -page], Home: [0, -stage.scrollHeight], End: [0, stage.scrollHeight],
  };
  if (!moves[key]) return false;
  const [left, top] = moves[key];
  stage.scrollBy({ left, top });
  return true;
}

/** From page to page, where there are pages; from part to part of a long text. */
function turn(direction) {
  const sheets = current()?.view?.sheets;
  if (sheets) {
    sheets.goTo(sheets.page + direction);
    return true;
  }
  return press(`[data-viewer] .viewer-parts [rel=${direction > 0 ? "next" : "prev"}]`);
}

/** Out of what was opened last: the words looked for, the panel beside the pages. */
function leave() {
  const field = document.querySelector("[data-viewer] [data-find-words]");
  const finding = current()?.view?.finding;
  if (field?.value && finding && !finding.isPartial) {
    field.value = "";
    finding.find("");
    return true;
  }
  return press("[data-viewer] [data-tool=side][aria-expanded=true]");
}

const KEYS = {
  "/": focusFind,
  "+": () => tool("zoom-in"),
  "=": () => tool("zoom-in"),
  "-": () => tool("zoom-out"),
  0: () => press("[data-viewer] [data-tool=fit]"), // a button that nobody sees
  r: () => tool("rotate"),
  p: () => press("[data-step=before]"),
  "[": () => press("[data-step=before]"),
  k: () => press("[data-step=before]"),
  n: () => press("[data-step=after]"),
  "]": () => press("[data-step=after]"),
  j: () => press("[data-step=after]"),
  ArrowRight: () => scroll("ArrowRight") || turn(1),
  ArrowLeft: () => scroll("ArrowLeft") || turn(-1),
  Escape: leave,
  F3: (event) => tool(event.shiftKey ? "hit-before" : "hit-after"),
};

document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (!document.querySelector("[data-viewer]") || target.closest("dialog[open], [popover]:popover-open")) return;
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "p" && current()?.view?.print) {
    event.preventDefault();
    tool("print");
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]")) {
    if (event.key !== "Escape" || !target.matches("[data-find-words]")) return;
    // Back to the pages, marks and all; once more, and the marks go.
    event.preventDefault();
    document.querySelector("[data-stage]")?.focus();
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (KEYS[key]?.(event) || scroll(event.key)) {
    event.preventDefault();
    event.stopPropagation();
  }
}, { capture: true });
