// Finds a document's viewer in the page and brings to life what its kind needs, and no more than that.
import "./keys.js";
import { change, current } from "./shown.js";

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
start();
