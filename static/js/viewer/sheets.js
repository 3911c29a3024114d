// Pages one under the other: their room, zoom, turning, which of them is read, and what is drawn only when it is near.
import { pinch, tapTwice } from "./touch.js";

const ZOOMS = [0.1, 0.25, 0.33, 0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 8];
const LARGEST = 8;
const KEPT = 12; // so many drawn sheets stay; what is further off gives its memory back

/**
 * `root` is the viewer, `sheets` its page elements in order, numbered from `data-page` of the first. `paint` has the
 * acts that differ by kind: `draw(sheet, isWanted)` (a promise; what is not wanted any more is left), `clear(sheet)`, and
 * `beyond(page)` where the pages are but some of the document's. A sheet knows its size at 100 % as `size` = [width, height].
 */
export class Sheets {
  constructor(root, sheets, paint) {
    this.root = root;
    this.stage = root.querySelector("[data-stage]");
    this.all = sheets;
    this.paint = paint;
    this.turned = 0;
    this.fit = root.dataset.fit || "width";
    this.scale = 1;
    this.first = Number(sheets[0]?.dataset.page) || 1;
    this.last = this.first + sheets.length - 1;
    this.page = this.first;
    this.near = new Set();
    this.drawn = new Map();
    this.stop = new AbortController();
    const listen = { signal: this.stop.signal };
    this.watcher = new IntersectionObserver((entries) => this.seen(entries), { root: this.stage, rootMargin: "80% 0px" });
    this.all.forEach((sheet) => this.watcher.observe(sheet));
    this.resizer = new ResizeObserver(() => { if (this.fit) this.layOut(); });
    this.resizer.observe(this.stage);
    this.stage.addEventListener("scroll", () => this.tellPage(), { ...listen, passive: true });
    this.stage.addEventListener("wheel", (event) => this.wheel(event), { ...listen, passive: false });
    pinch(this, listen);
    tapTwice(this, listen);
    this.buttons(listen);
    this.layOut();
  }

  /** The sheet of a page, if it is among these. */
  at(page) { return this.all[page - this.first]; }

  /** The size that a sheet takes now, turned as it is. */
  roomOf(sheet) {
    const [width, height] = sheet.size;
    return this.turned % 180 ? [height, width] : [width, height];
  }

  layOut() {
    const first = this.at(this.page) ?? this.all[0];
    if (!first || !this.stage.clientWidth) return;
    const [width, height] = this.roomOf(first);
    const edge = this.stage.clientWidth < 600 ? 16 : 48;
    const wide = (this.stage.clientWidth - edge) / width;
    const widest = Number(this.root.dataset.widest || 1.6);
    if (this.fit === "width") this.scale = Math.min(wide, widest);
    if (this.fit === "page") this.scale = Math.min(wide, (this.stage.clientHeight - edge) / height, widest);
    this.scale = Math.max(0.05, Math.min(LARGEST, this.scale));
    this.all.forEach((sheet) => this.size(sheet));
    this.tellZoom();
    this.drawSoon();
  }

  size(sheet) {
    const [width, height] = this.roomOf(sheet);
    sheet.style.width = `${Math.max(1, Math.floor(width * this.scale))}px`;
    sheet.style.height = `${Math.max(1, Math.floor(height * this.scale))}px`;
    sheet.style.setProperty("--total-scale-factor", this.scale);
    sheet.style.setProperty("--turned", `${this.turned}deg`);
    sheet.style.setProperty("--own-width", `${sheet.size[0] * this.scale}px`);
    sheet.style.setProperty("--own-height", `${sheet.size[1] * this.scale}px`);
  }

  /** Zoom, and keep the point under the pointer (or the middle) where it is. */
  zoom(scale, at = null) {
    const next = Math.max(ZOOMS[0], Math.min(LARGEST, scale));
    const frame = this.stage.getBoundingClientRect();
    const x = at ? at.x - frame.left : frame.width / 2;
    const y = at ? at.y - frame.top : frame.height / 2;
    const sheet = this.all.find((one) => one.getBoundingClientRect().bottom - frame.top >= y) ?? this.all.at(-1);
    const before = sheet.getBoundingClientRect();
    const part = [(x - (before.left - frame.left)) / before.width, (y - (before.top - frame.top)) / before.height];
    this.fit = "";
    this.scale = next;
    this.layOut();
    const after = sheet.getBoundingClientRect();
    this.stage.scrollLeft += after.left - frame.left + part[0] * after.width - x;
    this.stage.scrollTop += after.top - frame.top + part[1] * after.height - y;
  }

  fitTo(fit) {
    this.fit = fit;
    this.layOut();
    this.goTo(this.page);
  }

  turn() {
    const page = this.page;
    this.turned = (this.turned + 90) % 360;
    this.forget();
    this.layOut();
    this.goTo(page);
  }

  goTo(page, top = 0) {
    const count = Number(this.root.dataset.pages) || this.last;
    const wanted = Math.max(1, Math.min(count, page));
    const sheet = this.at(wanted);
    if (!sheet && this.all.length) this.paint.beyond?.(wanted);
    if (!sheet) return;
    this.stage.scrollTop = sheet.offsetTop + top * sheet.offsetHeight - 12;
    this.isGoing = true;
    this.tellPage();
    this.isGoing = false;
  }

  /** Bring a box of a sheet into sight. */
  show(box) {
    const frame = this.stage.getBoundingClientRect();
    const place = box.getBoundingClientRect();
    if (place.top < frame.top + 40 || place.bottom > frame.bottom - 40) this.stage.scrollTop += place.top - frame.top - frame.height / 3;
    if (place.left < frame.left + 10 || place.right > frame.right - 10) this.stage.scrollLeft += place.left - frame.left - frame.width / 3;
  }

  seen(entries) {
    for (const entry of entries) {
      if (entry.isIntersecting) this.near.add(entry.target);
      else this.near.delete(entry.target);
    }
    this.drawSoon();
  }

  drawSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.drawNear(), this.drawn.size ? 90 : 0);
  }

  /** One at a time, that which is read first. */
  async drawNear() {
    if (this.isDrawing) {
      this.again = true;
      // Turned or zoomed since: what is being drawn is of no use, and nobody waits for it.
      if (this.state() !== this.drawing) this.overtake();
      return;
    }
    this.isDrawing = true;
    try {
      do {
        this.again = false;
        const wanted = [...this.near].filter((sheet) => this.drawn.get(sheet) !== this.state());
        wanted.sort((a, b) => this.distance(a) - this.distance(b));
        for (const sheet of wanted) {
          if (this.stop.signal.aborted || this.again) break;
          const state = this.state();
          this.drawing = state;
          const overtaken = new Promise((resolve) => { this.overtake = resolve; });
          // eslint-disable-next-line no-await-in-loop
          await Promise.race([this.paint.draw(sheet, () => state === this.state()), overtaken]);
          if (state === this.state()) this.drawn.set(sheet, state);
        }
      } while (this.again && !this.stop.signal.aborted);
    } finally {
      this.isDrawing = false;
    }
    const far = [...this.drawn.keys()].filter((sheet) => !this.near.has(sheet));
    far.sort((a, b) => this.distance(b) - this.distance(a));
    for (const sheet of far.slice(0, Math.max(0, this.drawn.size - KEPT))) {
      this.paint.clear(sheet);
      this.drawn.delete(sheet);
    }
  }

  state() { return `${this.scale} ${this.turned}`; }

  forget() { this.drawn.clear(); }

  distance(sheet) { return Math.abs(Number(sheet.dataset.page) - this.page); }

  tellPage() {
    const { scrollTop, clientHeight } = this.stage;
    let low = 0;
    let high = this.all.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.all[middle].offsetTop <= scrollTop + 24) low = middle;
      else high = middle - 1;
    }
    // The one at the top, unless most of it has gone.
    const { offsetTop, offsetHeight } = this.all[low] ?? { offsetTop: 0, offsetHeight: 0 };
    if (offsetTop + offsetHeight - scrollTop < Math.min(offsetHeight, clientHeight) / 2 && low < this.all.length - 1) low += 1;
    const isAtEnd = scrollTop + clientHeight >= this.stage.scrollHeight - 2 && scrollTop > 0 && !this.isGoing;
    const page = isAtEnd && this.all.length ? this.last : low + this.first;
    if (page === this.page && this.told) return;
    this.page = page;
    this.told = true;
    const field = this.root.querySelector("[data-tool=page]");
    if (field && field !== document.activeElement) field.value = String(page);
    this.root.dispatchEvent(new CustomEvent("viewer:page", { detail: page }));
  }

  tellZoom() {
    const select = this.root.querySelector("[data-tool=zoom]");
    const word = `${Math.round(this.scale * 100)} %`;
    const shown = select?.querySelector("option[value=now]");
    if (!shown) return;
    shown.textContent = word;
    shown.hidden = Boolean(this.fit);
    select.value = this.fit || "now";
  }

  step(direction) {
    const next = direction > 0 ? ZOOMS.find((one) => one > this.scale * 1.02) : ZOOMS.findLast((one) => one < this.scale * 0.98);
    if (next) this.zoom(next);
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoom(this.scale * Math.exp(-event.deltaY / 300), { x: event.clientX, y: event.clientY });
  }

  buttons(listen) {
    this.root.addEventListener("click", (event) => {
      const name = event.target.closest("button[data-tool]")?.dataset.tool;
      if (name === "zoom-in") this.step(1);
      if (name === "zoom-out") this.step(-1);
      if (name === "fit") this.fitTo(this.fit === "width" ? "page" : "width");
      if (name === "rotate") this.turn();
      if (name === "large") this.enlarge();
    }, listen);
    this.root.addEventListener("change", (event) => {
      if (event.target.matches("[data-tool=zoom]")) {
        const { value } = event.target;
        if (value === "width" || value === "page") this.fitTo(value);
        else if (Number(value)) this.zoom(Number(value));
      }
      if (event.target.matches("[data-tool=page]")) this.goTo(Number(event.target.value) || 1);
    }, listen);
    this.root.addEventListener("submit", (event) => {
      if (!event.target.matches("[data-go-to-page]")) return;
      event.preventDefault();
      this.goTo(Number(this.root.querySelector("[data-tool=page]").value) || 1);
      this.stage.focus();
    }, listen);
  }

  enlarge() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen?.();
  }

  close() {
    this.stop.abort();
    this.watcher.disconnect();
    this.resizer.disconnect();
    clearTimeout(this.timer);
  }
}
