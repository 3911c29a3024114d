// The find bar over sheets: where the words stand, page by page, and the way from hit to hit.
import { termsOf } from "./marks.js";

/**
 * `countOn(page, terms)` answers how many hits a page has (a promise); `drawOn(sheet, terms)` marks those of a
 * drawn sheet and answers the boxes of each, in order. Where the sheets are but some of the pages (`isPartial`),
 * other words are asked of the server, which knows all pages and opens the first that has them.
 */
export class Finding {
  constructor(root, sheets, { countOn, drawOn, isPartial = false }) {
    Object.assign(this, { root, sheets, countOn, drawOn, isPartial, terms: [], counts: new Map(), at: null, run: 0 });
    this.form = root.querySelector("[data-find]");
    this.field = root.querySelector("[data-find-words]");
    this.told = root.querySelector("[data-find-told]");
    const listen = { signal: sheets.stop.signal };
    this.form?.addEventListener("submit", (event) => {
      if (isPartial && this.field.value !== this.words) return;
      event.preventDefault();
      event.stopPropagation();
      if (this.field.value === this.words) this.step(event.shiftKey ? -1 : 1);
      else this.find(this.field.value);
    }, listen);
    this.field?.addEventListener("input", () => {
      clearTimeout(this.timer);
      if (isPartial) return;
      this.timer = setTimeout(() => this.find(this.field.value), 300);
    }, listen);
    root.addEventListener("click", (event) => {
      const name = event.target.closest("button[data-tool]")?.dataset.tool;
      if (name === "hit-before") this.step(-1);
      if (name === "hit-after") this.step(1);
    }, listen);
  }

  /** Look for the words: first on the page that is read, then on those below, then on those above. */
  async find(words, { first = this.sheets.page, pages = null } = {}) {
    if (words === this.words) return;
    const run = this.run += 1;
    this.words = words;
    this.terms = termsOf(words);
    this.counts.clear();
    this.at = null;
    this.isDone = false;
    this.sheets.all.forEach((sheet) => this.mark(sheet));
    this.tell();
    if (!this.terms.length) return;
    const here = this.sheets.all.map((_, i) => this.sheets.first + i);
    const all = [...here.filter((page) => page >= first), ...here.filter((page) => page < first)];
    const order = pages ?? all;
    for (const page of [...order, ...all.filter((one) => !order.includes(one))]) {
      // Where others have looked before, the pages they named are enough.
      if (pages && !pages.includes(page) && this.at) break;
      // eslint-disable-next-line no-await-in-loop
      const count = this.sheets.at(page) ? await this.countOn(page, this.terms) : 1;
      if (run !== this.run || this.sheets.stop.signal.aborted) return;
      this.counts.set(page, count);
      if (count && !this.at) this.goTo(page, 0);
      this.tell();
    }
    this.isDone = true;
    this.tell();
  }

  pagesWithHits() { return [...this.counts].filter(([, count]) => count).map(([page]) => page).sort((a, b) => a - b); }

  step(direction) {
    const pages = this.pagesWithHits();
    if (!pages.length) return;
    if (!this.at) { this.goTo(pages[0], 0); return; }
    const hit = this.at.hit + direction;
    if (hit >= 0 && hit < this.counts.get(this.at.page)) { this.goTo(this.at.page, hit); return; }
    const i = pages.indexOf(this.at.page) + direction;
    const page = pages[(i + pages.length) % pages.length];
    this.goTo(page, direction > 0 ? 0 : this.counts.get(page) - 1);
  }

  goTo(page, hit) {
    this.at = { page, hit };
    const sheet = this.sheets.at(page);
    if (!sheet?.hits?.length) this.sheets.goTo(page);
    if (!sheet) return;
    this.sheets.all.forEach((one) => one.querySelectorAll(".word-hit.is-current").forEach((box) => box.classList.remove("is-current")));
    this.reveal(sheet);
    this.tell();
  }

  /** Mark a sheet that was drawn just now. */
  mark(sheet) {
    sheet.querySelector(".word-hits")?.replaceChildren();
    sheet.hits = this.terms.length ? this.drawOn(sheet, this.terms) : [];
    if (this.at && Number(sheet.dataset.page) === this.at.page) this.reveal(sheet);
  }

  reveal(sheet) {
    const boxes = sheet.hits?.[this.at.hit];
    if (!boxes?.length) return;
    boxes.forEach((box) => box.classList.add("is-current"));
    this.sheets.show(boxes[0]);
  }

  tell() {
    if (!this.told) return;
    const pages = this.pagesWithHits();
    const all = pages.reduce((sum, page) => sum + this.counts.get(page), 0);
    let text = "";
    if (this.terms.length && all) {
      const before = pages.filter((page) => page < this.at?.page).reduce((sum, page) => sum + this.counts.get(page), 0);
      text = interpolate(gettext("%(at)s of %(all)s"), { at: before + (this.at?.hit ?? 0) + 1, all: all + (this.isDone ? "" : "+") }, true);
    } else if (this.terms.length && this.isDone) {
      text = gettext("Not found");
    } else if (this.terms.length) {
      text = gettext("Looking…");
    }
    this.told.textContent = text;
    this.root.querySelectorAll("[data-tool=hit-before], [data-tool=hit-after]").forEach((button) => { button.disabled = !all; });
  }
}
