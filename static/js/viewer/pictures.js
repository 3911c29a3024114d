// Pictures and page pictures: zoom, turning, and over scans the words that were recognised, to select and to mark.
import { Finding } from "./finding.js";
import { drawHit, placesInPieces } from "./marks.js";
import { Sheets } from "./sheets.js";

export function open(root) {
  return new PictureView(root);
}

class PictureView {
  constructor(root) {
    this.root = root;
    this.words = new Map();
    const sheets = [...root.querySelectorAll("[data-sheets] > .sheet")];
    sheets.forEach((sheet) => {
      const picture = sheet.querySelector("img");
      sheet.size = [Number(picture.getAttribute("width")) || 800, Number(picture.getAttribute("height")) || 1000];
      if (!picture.hasAttribute("width")) {
        const measured = () => {
          if (!picture.naturalWidth) return;
          sheet.size = [picture.naturalWidth, picture.naturalHeight];
          this.sheets?.layOut();
        };
        picture.addEventListener("load", measured);
        measured();
      }
      let tries = 0;
      picture.addEventListener("error", () => {
        // Pictures of pages are made when they are looked at, a few at a time.
        tries += 1;
        if (sheet.dataset.words && tries < 6 && !this.isClosed) setTimeout(() => { picture.src = picture.getAttribute("src"); }, 2500 * tries);
        else sheet.classList.add("is-failed");
      });
      if (picture.complete && !picture.naturalWidth && !sheet.dataset.words) sheet.classList.add("is-failed");
    });
    root.dataset.state = "ready";
    this.sheets = new Sheets(root, sheets, {
      draw: (sheet) => this.draw(sheet), clear: (sheet) => this.clear(sheet), beyond: (page) => this.leaveFor(page),
    });
    const listen = { signal: this.sheets.stop.signal };
    if (root.querySelector("[data-find]")) {
      this.finding = new Finding(root, this.sheets, {
        countOn: async (page, terms) => placesInPieces(piecesOf(await this.wordsOf(this.sheets.at(page))), terms).length,
        isPartial: Number(root.dataset.pages) > sheets.length,
        drawOn: (sheet, terms) => this.drawHits(sheet, terms),
      });
    }
    const asked = Number(root.dataset.page);
    if (asked > 1 && this.sheets.at(asked)) this.sheets.goTo(asked);
    const words = root.querySelector("[data-find-words]")?.value;
    if (words && this.finding) {
      const pages = JSON.parse(root.dataset.hitPages || "null");
      this.finding.find(words, { first: asked || 1, pages: pages?.length ? pages : asked ? [asked] : null });
    }
    root.addEventListener("click", (event) => {
      if (event.target.closest("[data-tool=print]")) this.print();
    }, listen);
    this.drag(listen);
  }

  /** A page of a long scan that is not among those on this page of ours. */
  leaveFor(page) {
    const address = new URL(location.href);
    address.searchParams.set("page", page);
    address.hash = "viewer";
    const words = this.root.querySelector("[data-find-words]")?.value;
    if (words) address.searchParams.set("q", words);
    location.assign(address);
  }

  /** The words of a page with their places: [left, top, right, bottom, text], in parts of the page. */
  async wordsOf(sheet) {
    const address = sheet?.dataset.words;
    if (!address) return [];
    if (!this.words.has(address)) {
      const asked = fetch(address, { headers: { Accept: "application/json" } })
        .then((answer) => (answer.ok ? answer.json() : { words: [] }))
        .then((found) => (Array.isArray(found) ? found : found.words ?? []))
        .catch(() => []);
      this.words.set(address, asked);
    }
    return this.words.get(address);
  }

  async draw(sheet) {
    const words = await this.wordsOf(sheet);
    if (!words.length || sheet.querySelector(".scan-text")) {
      this.fitWords(sheet);
      this.finding?.mark(sheet);
      return;
    }
    const layer = document.createElement("div");
    layer.className = "scan-text";
    sheet.wordSpans = words.map(([left, top, right, bottom, text]) => {
      const span = document.createElement("span");
      span.textContent = `${text} `;
      span.style.left = `${left * 100}%`;
      span.style.top = `${top * 100}%`;
      span.style.width = `${(right - left) * 100}%`;
      span.style.height = `${(bottom - top) * 100}%`;
      span.style.setProperty("--tall", bottom - top);
      return span;
    });
    layer.append(...sheet.wordSpans);
    const hits = document.createElement("div");
    hits.className = "word-hits";
    sheet.querySelector(".turn").append(hits, layer);
    this.fitWords(sheet);
    this.finding?.mark(sheet);
  }

  /** Letters as wide as the word is on the picture, so that a selection covers what it takes. */
  fitWords(sheet) {
    const spans = sheet.wordSpans;
    if (!spans) return;
    const height = sheet.size[1] * this.sheets.scale;
    sheet.style.setProperty("--page-height", `${height}px`);
    const widths = spans.map((span) => [span.scrollWidth, span.clientWidth]);
    spans.forEach((span, i) => span.style.setProperty("--wide", widths[i][0] ? widths[i][1] / widths[i][0] : 1));
  }

  clear(sheet) {
    sheet.querySelector(".scan-text")?.remove();
    sheet.querySelector(".word-hits")?.remove();
    sheet.wordSpans = null;
    sheet.hits = [];
  }

  drawHits(sheet, terms) {
    const layer = sheet.querySelector(".word-hits");
    if (!layer || !sheet.wordSpans) return [];
    const pieces = sheet.wordSpans.map((span) => span.textContent);
    return placesInPieces(pieces, terms).map(({ from, to }, number) => {
      const boxes = [];
      for (let i = from[0]; i <= to[0]; i += 1) {
        const { left, top, width, height } = sheet.wordSpans[i].style;
        boxes.push([left, top, width, height].map((one) => parseFloat(one) / 100));
      }
      return drawHit(layer, boxes, number);
    });
  }

  /** A picture larger than the stage is moved by its hand. */
  drag(listen) {
    const { stage } = this.sheets;
    let from = null;
    stage.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button || event.target.closest(".scan-text span")) return;
      from = { x: event.clientX, y: event.clientY, left: stage.scrollLeft, top: stage.scrollTop };
    }, listen);
    stage.addEventListener("pointermove", (event) => {
      if (!from) return;
      stage.scrollLeft = from.left - (event.clientX - from.x);
      stage.scrollTop = from.top - (event.clientY - from.y);
    }, listen);
    for (const name of ["pointerup", "pointerleave"]) stage.addEventListener(name, () => { from = null; }, listen);
    stage.addEventListener("dragstart", (event) => event.preventDefault(), listen);
  }

  /** Pictures that were not looked at yet are fetched before they go to paper. */
  async print() {
    const button = this.root.querySelector("[data-tool=print]");
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    await Promise.allSettled(this.sheets.all.map((sheet) => {
      const picture = sheet.querySelector("img");
      picture.loading = "eager";
      return picture.decode();
    }));
    button.removeAttribute("aria-busy");
    if (this.isClosed) return;
    document.documentElement.classList.add("prints-viewer");
    window.print();
    document.documentElement.classList.remove("prints-viewer");
  }

  close() {
    this.isClosed = true;
    this.sheets.close();
  }
}

const piecesOf = (words) => words.map(([, , , , text]) => `${text} `);
