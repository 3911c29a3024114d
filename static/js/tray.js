// The tray at the foot: one line for each file, one for all of them.
import { size } from "./sizes.js";

const left = (seconds) => (seconds < 60
  ? interpolate(ngettext("%s second left", "%s seconds left", Math.ceil(seconds)), [Math.ceil(seconds)])
  : interpolate(ngettext("%s minute left", "%s minutes left", Math.ceil(seconds / 60)), [Math.ceil(seconds / 60)]));

class Item {
  constructor(element, name, bytes) {
    this.element = element;
    this.name = name;
    this.bytes = bytes;
    this.sent = 0;
    this.state = "waiting";
    element.querySelector("[data-file]").textContent = name;
    this.waiting();
  }

  on(acts) {
    for (const [name, act] of Object.entries(acts)) {
      this.element.querySelector(`[data-${name}]`).addEventListener("click", act);
    }
  }

  set(state, text, shown) {
    this.state = state;
    this.element.className = `tray-item is-${state}`;
    this.element.querySelector("[data-state]").textContent = text;
    for (const name of ["pause", "resume", "retry", "cancel"]) {
      this.element.querySelector(`[data-${name}]`).hidden = !shown.includes(name);
    }
    this.element.querySelector("[data-progress]").hidden = !["waiting", "sending", "paused", "interrupted"].includes(state);
  }

  waiting() { this.set("waiting", gettext("Waiting"), ["pause", "cancel"]); }

  sending() {
    this.started = performance.now();
    this.startedAt = this.sent;
    this.set("sending", gettext("Sending"), ["pause", "cancel"]);
  }

  /** The way to the vault is broken; it goes on by itself. */
  interrupted() { this.set("interrupted", gettext("The vault cannot be reached. Trying again…"), ["pause", "cancel"]); }

  progress(sent, total) {
    if (this.state === "interrupted" && sent > this.sent) this.sending();
    this.sent = sent;
    const bar = this.element.querySelector("[data-progress]");
    bar.max = total || 1;
    bar.value = sent;
    if (this.state !== "sending") return;
    const seconds = (performance.now() - this.started) / 1000;
    const speed = seconds > 0.3 ? (sent - this.startedAt) / seconds : 0;
    const parts = [interpolate(gettext("%(sent)s of %(total)s"), { sent: size(sent), total: size(total) }, true)];
    if (speed > 0) parts.push(interpolate(gettext("%s/s"), [size(speed)]), left((total - sent) / speed));
    this.element.querySelector("[data-state]").textContent = parts.join(" · ");
  }

  paused() { this.set("paused", gettext("Paused"), ["resume", "cancel"]); }
  finishing() { this.sent = this.bytes; this.set("finishing", gettext("All there. Finishing: the vault puts it together"), []); }
  done() { this.sent = this.bytes; this.set("done", interpolate(gettext("Safe in the vault · %s"), [size(this.bytes)]), []); }
  failed(message) { this.set("failed", message, ["retry", "cancel"]); }
  cancelled() { this.set("cancelled", gettext("Cancelled"), []); }
}

export class Tray {
  constructor({ isBusy }) {
    this.items = [];
    this.isBusy = isBusy;
    document.addEventListener("click", (event) => {
      if (event.target.closest("[data-tray-fold]")) this.fold();
      if (event.target.closest("[data-tray-close]")) this.close();
    });
  }

  get element() { return document.getElementById("upload-tray"); }

  open() { this.element.hidden = false; }

  fold() {
    const isFolded = this.element.classList.toggle("is-folded");
    this.element.querySelector("[data-tray-fold]").setAttribute("aria-expanded", String(!isFolded));
  }

  close() {
    if (this.isBusy()) { this.element.classList.add("is-folded"); return; }
    this.element.hidden = true;
    this.items = [];
    this.element.querySelector("[data-tray-list]").replaceChildren();
    this.element.querySelector("[data-tray-twins]").hidden = true;
  }

  notice(url) {
    const link = this.element.querySelector("[data-tray-twins]");
    link.href = url;
    link.hidden = false;
    this.element.classList.remove("is-folded");
  }

  add(name, bytes) {
    const list = this.element.querySelector("[data-tray-list]");
    const copy = this.element.querySelector("template").content.firstElementChild.cloneNode(true);
    for (const button of copy.querySelectorAll("button")) button.setAttribute("aria-label", `${button.getAttribute("aria-label")}: ${name}`);
    list.append(copy);
    const item = new Item(copy, name, bytes);
    this.items.push(item);
    this.total();
    return item;
  }

  count(...states) { return this.items.filter((item) => states.includes(item.state)).length; }

  /** Of all files together, some times in a second: each has many steps, and there may be thousands. */
  total() {
    this.drawing ||= setTimeout(() => { this.drawing = 0; this.draw(); }, 80);
  }

  draw() {
    const bytes = this.items.reduce((sum, item) => sum + item.bytes, 0);
    const sent = this.items.reduce((sum, item) => sum + item.sent, 0);
    const bar = this.element.querySelector("[data-tray-total]");
    bar.max = bytes || 1;
    bar.value = bytes ? sent : 1;
    this.element.querySelector("[data-tray-title]").textContent = this.summary();
  }

  summary() {
    const active = this.count("waiting", "sending", "paused", "interrupted", "finishing");
    const failed = this.count("failed");
    const done = this.count("done");
    if (active) return interpolate(ngettext("Adding %s file", "Adding %s files", active), [active]);
    if (failed) return interpolate(ngettext("%s file could not be added", "%s files could not be added", failed), [failed]);
    return interpolate(ngettext("%s file added", "%s files added", done), [done]);
  }
}
