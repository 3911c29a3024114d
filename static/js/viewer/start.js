// Finds a document's viewer in the page and brings to life what its kind needs, and no more than that.
import "./keys.js";
import { refreshPage } from "../frame.js";
import { change, current } from "./shown.js";
import { swipe } from "./touch.js";

const KINDS = {
  pdf: () => import("./pdf.js"),
  picture: () => import("./pictures.js"),
  scan: () => import("./pictures.js"),
  text: () => import("./words.js"),
  markdown: () => import("./words.js"),
  table: () => import("./words.js"),
  letter: () => import("./words.js"),
  pages: () => import("./words.js"),
};

async function start() {
  const root = document.querySelector("[data-viewer]");
  if (root && current()?.root === root) return;
  const mine = change(root);
  if (!mine || !KINDS[root.dataset.viewer]) return;
  const { open } = await KINDS[root.dataset.viewer]();
  if (current() === mine) mine.view = open(root);
}

document.addEventListener("htmx:afterSettle", start);
swipe(document, {});

// What was read meanwhile is shown, unless somebody is reading already what could be shown without.
document.addEventListener("reading-ended", () => {
  const root = document.querySelector("[data-viewer]");
  const stage = root?.querySelector("[data-stage]");
  const isInUse = stage?.scrollTop > 40 || root?.querySelector("[data-find-words]")?.value || document.fullscreenElement;
  if (root && !isInUse && !document.querySelector("dialog[open]")) refreshPage();
});
start();
