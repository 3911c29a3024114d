// A PDF in the page, drawn by pdf.js into canvases of our own: text to select, marks, links that say where they lead.
//
// Nothing in the file acts: no scripts, no forms, no actions, no embedded files. Of its annotations the words are taken
// up and links, and of links only those within the document and to http, https and mailto. pdf.js has viewer parts that
// do more; they also load pictures by names that the file chooses, so they stay out.
import { rangesOf } from "./bytes.js";
import { Finding } from "./finding.js";
import { boxesOf, drawHit, placesInPieces } from "./marks.js";
import { commentOf, notesOf, piecesOf, placeOf } from "./notes.js";
import { outwardLink, SCHEMES } from "./pdf-links.js";
import { printPages } from "./printing.js";
import { Sheets } from "./sheets.js";
import { showSide } from "./side.js";

const LARGEST_PICTURE = 67_108_864; // pixels in one picture of the file; larger ones are left out
const LARGEST_CANVAS = matchMedia("(pointer: coarse)").matches ? 6_000_000 : 20_000_000;
const LINKS = 500;
const PAGES = 5000;

export function open(root) {
  const view = new PdfView(root);
  view.start();
  return view;
}

class PdfView {
  constructor(root) {
    this.root = root;
    this.texts = new Map();
  }

  state(name) {
    this.root.dataset.state = name;
    const told = this.root.querySelector(`[data-said=${name}]`);
    if (told) this.root.querySelector("[data-status]").textContent = told.textContent.trim();
  }

  async start() {
    const { root } = this;
    this.state("loading");
    try {
      const { dataset } = root;
      const pdfjs = await import(dataset.pdfjs);
      this.pdfjs = pdfjs;
      pdfjs.GlobalWorkerOptions.workerSrc = dataset.worker;
      this.task = pdfjs.getDocument({
        range: rangesOf(pdfjs, { address: dataset.content, size: Number(dataset.size), sha256: dataset.sha256 }, (trouble) => this.fail(trouble)),
        rangeChunkSize: 65_536,
        disableAutoFetch: true,
        disableStream: true,
        isEvalSupported: false,
        enableXfa: false,
        useWasm: false,
        useWorkerFetch: true,
        useSystemFonts: false,
        maxImageSize: LARGEST_PICTURE,
        cMapUrl: `${dataset.data}cmaps/`,
        standardFontDataUrl: `${dataset.data}standard_fonts/`,
        iccUrl: `${dataset.data}iccs/`,
        wasmUrl: `${dataset.data}wasm/`,
        verbosity: 0,
      });
      this.task.onPassword = (answer, reason) => this.askPassword(answer, reason === pdfjs.PasswordResponses.INCORRECT_PASSWORD);
      this.pdf = await this.task.promise;
      if (this.isClosed) return;
      await this.layOut();
    } catch (error) {
      if (!this.isClosed && error?.name !== "AbortException") this.fail("unreadable");
    }
  }

  fail(trouble) {
    if (this.isClosed || this.root.dataset.state === "password") return;
    if (this.root.dataset.state !== "ready" || trouble !== "unreadable") this.state(trouble);
  }

  askPassword(answer, isWrong) {
    this.state("password");
    const form = this.root.querySelector("[data-password]");
    form.querySelector("[data-wrong]").hidden = !isWrong;
    const field = form.querySelector("input");
    field.value = "";
    field.setAttribute("aria-invalid", String(isWrong));
    field.focus();
    form.onsubmit = (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.state("loading");
      answer(field.value);
      field.value = "";
    };
  }

  async layOut() {
    const { root, pdf } = this;
    const first = await pdf.getPage(1);
    if (this.isClosed) return;
    const { width, height } = first.getViewport({ scale: 96 / 72 });
    const count = Math.min(pdf.numPages, PAGES);
    const stage = root.querySelector("[data-sheets]");
    const sheets = Array.from({ length: count }, (_, i) => {
      const sheet = document.createElement("div");
      sheet.className = "sheet";
      sheet.dataset.page = i + 1;
      sheet.size = [width, height];
      sheet.setAttribute("role", "region");
      sheet.setAttribute("aria-label", interpolate(gettext("Page %s"), [i + 1]));
      return sheet;
    });
    stage.replaceChildren(...sheets);
    root.querySelector("[data-page-count]").textContent = count;
    root.querySelector("[data-tool=page]").max = count;
    this.state("ready");
    this.sheets = new Sheets(root, sheets, { draw: (sheet, isWanted) => this.draw(sheet, isWanted), clear: (sheet) => this.clear(sheet) });
    this.finding = new Finding(root, this.sheets, {
      countOn: async (page, terms) => placesInPieces(await this.textOf(page), terms).length,
      drawOn: (sheet, terms) => this.drawHits(sheet, terms),
    });
    const asked = Number(root.dataset.page);
    if (asked > 1) this.sheets.goTo(asked);
    const words = root.querySelector("[data-find-words]")?.value;
    if (words) {
      const pages = JSON.parse(root.dataset.hitPages || "null");
      this.finding.find(words, { first: asked || 1, pages: pages?.length ? inOrder(pages, asked) : asked ? [asked] : null });
    }
    showSide(root, this);
    root.addEventListener("click", (event) => {
      if (event.target.closest("[data-tool=print]")) this.print();
    }, { signal: this.sheets.stop.signal });
  }

  /** One page: a canvas, the text over it, the marks, the links. */
  async draw(sheet, isWanted) {
    const number = Number(sheet.dataset.page);
    try {
      const page = await this.pdf.getPage(number);
      const { sheets } = this;
      if (this.isClosed || !isWanted()) return;
      const natural = page.getViewport({ scale: 96 / 72 });
      if (Math.abs(natural.width - sheet.size[0]) > 1 || Math.abs(natural.height - sheet.size[1]) > 1) {
        sheet.size = [natural.width, natural.height];
        sheets.size(sheet);
        if (number === sheets.page && sheets.fit) sheets.layOut();
      }
      const viewport = page.getViewport({ scale: (sheets.scale * 96) / 72, rotation: (page.rotate + sheets.turned) % 360 });
      sheet.style.setProperty("--total-scale-factor", viewport.scale * (page.userUnit || 1));
      const ratio = Math.min(window.devicePixelRatio || 1, Math.sqrt(LARGEST_CANVAS / (viewport.width * viewport.height)));
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.floor(viewport.width * ratio));
      canvas.height = Math.max(1, Math.floor(viewport.height * ratio));
      canvas.setAttribute("aria-hidden", "true");
      sheet.task?.cancel();
      sheet.task = page.render({
        canvas,
        viewport,
        transform: ratio === 1 ? null : [ratio, 0, 0, ratio, 0, 0],
        annotationMode: this.pdfjs.AnnotationMode.ENABLE,
      });
      await sheet.task.promise;
      const text = document.createElement("div");
      text.className = "sheet-text";
      const content = await page.getTextContent({ includeMarkedContent: true, disableNormalization: true });
      const layer = new this.pdfjs.TextLayer({ textContentSource: content, container: text, viewport });
      await layer.render();
      const annotations = await page.getAnnotations({ intent: "display" });
      const notes = notesOf(annotations).map((note) => ({ ...note, place: placeOf(note, viewport) }));
      const links = this.linksOf(annotations, viewport);
      links.append(...this.commentsOf(notes));
      if (this.isClosed || !isWanted()) return;
      const hits = document.createElement("div");
      hits.className = "word-hits";
      sheet.textDivs = layer.textDivs;
      sheet.notes = notes;
      sheet.replaceChildren(canvas, hits, text, links);
      sheet.classList.add("is-drawn");
      this.finding?.mark(sheet);
    } catch (error) {
      if (error?.name === "RenderingCancelledException" || this.isClosed || !isWanted()) return;
      sheet.classList.add("is-failed");
      const said = document.createElement("p");
      said.textContent = gettext("This page cannot be drawn.");
      sheet.replaceChildren(said);
    }
  }

  clear(sheet) {
    sheet.task?.cancel();
    sheet.querySelectorAll("canvas").forEach((canvas) => { canvas.width = 0; canvas.height = 0; });
    sheet.replaceChildren();
    sheet.textDivs = null;
    sheet.notes = [];
    sheet.hits = [];
    sheet.classList.remove("is-drawn");
  }

  async textOf(number) {
    if (!this.texts.has(number)) {
      const page = await this.pdf.getPage(number);
      const content = await page.getTextContent({ includeMarkedContent: true, disableNormalization: true });
      const notes = notesOf(await page.getAnnotations({ intent: "display" }));
      const printed = content.items.filter((item) => item.str !== undefined).map((item) => item.str + (item.hasEOL ? " " : ""));
      this.texts.set(number, [...printed, ...piecesOf(notes)]);
      if (!this.sheets.drawn.has(this.sheets.at(number))) page.cleanup();
    }
    return this.texts.get(number);
  }

  drawHits(sheet, terms) {
    const divs = sheet.textDivs;
    const layer = sheet.querySelector(".word-hits");
    if (!divs || !layer) return [];
    const printed = divs.map((div) => div.textContent + (div.nextSibling?.nodeName === "BR" ? " " : ""));
    return placesInPieces([...printed, ...piecesOf(sheet.notes)], terms).map(({ from, to }, number) => {
      if (from[0] >= divs.length) return drawHit(layer, [sheet.notes[from[0] - divs.length].place], number);
      const ranges = [];
      for (let i = from[0]; i <= Math.min(to[0], divs.length - 1); i += 1) {
        const node = divs[i].firstChild;
        if (!node) continue;
        const range = document.createRange();
        range.setStart(node, i === from[0] ? Math.min(from[1], node.length) : 0);
        range.setEnd(node, i === to[0] ? Math.min(to[1], node.length) : node.length);
        ranges.push(range);
      }
      return drawHit(layer, boxesOf(ranges, sheet), number);
    });
  }

  /** Links, and nothing else that the page would have us do. */
  linksOf(annotations, viewport) {
    const layer = document.createElement("div");
    layer.className = "sheet-links";
    for (const one of annotations.filter(({ subtype }) => subtype === "Link").slice(0, LINKS)) {
      const url = one.url ? URL.parse(one.url) : null;
      let link = null;
      if (url && SCHEMES.includes(url.protocol)) {
        link = outwardLink(url, "");
      } else if (!one.url && one.dest) {
        link = document.createElement("button");
        link.type = "button";
        link.setAttribute("aria-label", gettext("Go to this place in the document"));
        link.addEventListener("click", () => this.goToDestination(one.dest));
      }
      if (!link) continue;
      const [left, top, width, height] = placeOf(one, viewport);
      link.style.left = `${left * 100}%`;
      link.style.top = `${top * 100}%`;
      link.style.width = `${width * 100}%`;
      link.style.height = `${height * 100}%`;
      layer.append(link);
    }
    return layer;
  }

  commentsOf(notes) {
    const icon = this.root.querySelector("[data-comment-icon]");
    return notes.filter(({ isDrawn }) => !isDrawn).map((note) => commentOf(note, note.place, icon));
  }

  async goToDestination(destination) {
    try {
      const place = typeof destination === "string" ? await this.pdf.getDestination(destination) : destination;
      if (!Array.isArray(place)) return;
      const [target, how, , top] = place;
      const number = typeof target === "number" ? target + 1 : (await this.pdf.getPageIndex(target)) + 1;
      const page = await this.pdf.getPage(number);
      const { height } = page.getViewport({ scale: 1 });
      const part = how?.name === "XYZ" && typeof top === "number" && !this.sheets.turned ? Math.max(0, Math.min(1, 1 - top / height)) : 0;
      this.sheets.goTo(number, part);
    } catch {
      // A link that leads nowhere does nothing.
    }
  }

  print() { printPages(this); }

  close() {
    this.isClosed = true;
    this.sheets?.close();
    this.task?.destroy();
  }
}

const inOrder = (pages, first) => [...pages.filter((page) => page >= (first || 1)), ...pages.filter((page) => page < (first || 1))];
