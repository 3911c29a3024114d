// Beside the pages: small pictures of them, and the outline. Made when the panel is opened, drawn when they come near.
import { outwardLink, SCHEMES } from "./pdf-links.js";

const WIDTH = 112;
const ENTRIES = 1000;

export function showSide(root, view) {
  const panel = root.querySelector("[data-side]");
  const button = root.querySelector("[data-tool=side]");
  if (!panel || !button) return;
  const listen = { signal: view.sheets.stop.signal };
  let isMade = false;
  const open = async (isOpen) => {
    panel.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen && !isMade) {
      isMade = true;
      thumbnails(panel.querySelector("[data-thumbnails]"), view, listen);
      outline(panel, view);
    }
    if (isOpen) follow();
  };
  const follow = () => {
    for (const one of panel.querySelectorAll("[data-thumbnails] button")) {
      const isHere = Number(one.dataset.page) === view.sheets.page;
      if (isHere) { one.setAttribute("aria-current", "true"); one.scrollIntoView({ block: "nearest" }); }
      else one.removeAttribute("aria-current");
    }
  };
  button.addEventListener("click", () => open(panel.hidden), listen);
  root.addEventListener("viewer:page", () => { if (!panel.hidden) follow(); }, listen);
  panel.addEventListener("click", (event) => {
    const name = event.target.closest("[data-side-tab]")?.dataset.sideTab;
    if (name) showTab(panel, name);
  }, listen);
}

function showTab(panel, name) {
  for (const tab of panel.querySelectorAll("[data-side-tab]")) tab.setAttribute("aria-pressed", String(tab.dataset.sideTab === name));
  panel.querySelector("[data-thumbnails]").hidden = name !== "pages";
  panel.querySelector("[data-outline]").hidden = name !== "outline";
}

function thumbnails(list, view, listen) {
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { watcher.unobserve(entry.target); draw(entry.target, view); }
  }, { root: list, rootMargin: "200px 0px" });
  listen.signal.addEventListener("abort", () => watcher.disconnect());
  list.replaceChildren(...view.sheets.all.map((sheet) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.page = sheet.dataset.page;
    button.setAttribute("aria-label", interpolate(gettext("Page %s"), [sheet.dataset.page]));
    const room = document.createElement("span");
    room.className = "thumbnail";
    room.style.aspectRatio = `${sheet.size[0]} / ${sheet.size[1]}`;
    const number = document.createElement("span");
    number.className = "number";
    number.textContent = sheet.dataset.page;
    button.append(room, number);
    button.addEventListener("click", () => view.sheets.goTo(Number(sheet.dataset.page)));
    item.append(button);
    watcher.observe(button);
    return item;
  }));
}

async function draw(button, view) {
  try {
    const number = Number(button.dataset.page);
    const page = await view.pdf.getPage(number);
    const natural = page.getViewport({ scale: 1 });
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const viewport = page.getViewport({ scale: (WIDTH * ratio) / natural.width });
    if (viewport.height > 4000) return;
    const canvas = document.createElement("canvas");
    canvas.width = Math.floor(viewport.width);
    canvas.height = Math.max(1, Math.floor(viewport.height));
    canvas.setAttribute("aria-hidden", "true");
    await page.render({ canvas, viewport }).promise;
    const room = button.querySelector(".thumbnail");
    room.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
    room.replaceChildren(canvas);
    if (!view.sheets.near.has(view.sheets.at(number))) page.cleanup();
  } catch {
    // A page that cannot be drawn has its number all the same.
  }
}

async function outline(panel, view) {
  let entries = null;
  try {
    entries = await view.pdf.getOutline();
  } catch {
    return;
  }
  if (!entries?.length || view.isClosed) return;
  let left = ENTRIES;
  const listOf = (items, depth) => {
    const list = document.createElement("ul");
    for (const entry of items) {
      if ((left -= 1) < 0) break;
      const item = document.createElement("li");
      const title = (entry.title || "").trim().slice(0, 300) || gettext("(no title)");
      const url = entry.url ? URL.parse(entry.url) : null;
      let target = null;
      if (url && SCHEMES.includes(url.protocol)) {
        target = outwardLink(url, title);
      } else if (!entry.url && entry.dest) {
        target = document.createElement("button");
        target.type = "button";
        target.textContent = title;
        target.addEventListener("click", () => view.goToDestination(entry.dest));
      } else {
        target = document.createElement("span");
        target.textContent = title;
      }
      item.append(target);
      if (entry.items?.length && depth < 12) item.append(listOf(entry.items, depth + 1));
      list.append(item);
    }
    return list;
  };
  panel.querySelector("[data-outline]").replaceChildren(listOf(entries, 0));
  panel.querySelector("[data-side-tabs]").hidden = false;
}
