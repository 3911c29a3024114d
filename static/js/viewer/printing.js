// Printing a PDF: its pages, drawn once more for paper. Large ones are printed in pieces that memory can hold.

const DOTS = 150;
const AT_ONCE = 40;

/** Print what the dialog says; a document of few pages needs no dialog. */
export function printPages(view) {
  const count = view.sheets.all.length;
  const dialog = view.root.querySelector("[data-print-dialog]");
  if (count <= AT_ONCE) { run(view, 1, count); return; }
  const [from, to] = [dialog.querySelector("[name=from]"), dialog.querySelector("[name=to]")];
  from.max = count;
  to.max = count;
  from.value = String(view.sheets.page);
  to.value = String(Math.min(count, view.sheets.page + AT_ONCE - 1));
  dialog.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    event.stopPropagation();
    const first = Math.max(1, Math.min(count, Number(from.value) || 1));
    const last = Math.max(first, Math.min(count, Number(to.value) || first, first + AT_ONCE - 1));
    dialog.close();
    run(view, first, last);
  };
  dialog.querySelector("[data-close]").onclick = () => dialog.close();
  dialog.showModal();
}

async function run(view, first, last) {
  if (view.isPrinting) return;
  view.isPrinting = true;
  const button = view.root.querySelector("[data-tool=print]");
  button.setAttribute("aria-busy", "true");
  const paper = document.createElement("div");
  paper.className = "paper";
  try {
    for (let number = first; number <= last; number += 1) {
      // eslint-disable-next-line no-await-in-loop
      const page = await view.pdf.getPage(number);
      const natural = page.getViewport({ scale: 1 });
      const scale = Math.min(DOTS / 72, Math.sqrt(8_000_000 / (natural.width * natural.height)));
      const viewport = page.getViewport({ scale });
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.floor(viewport.width));
      canvas.height = Math.max(1, Math.floor(viewport.height));
      // eslint-disable-next-line no-await-in-loop
      await page.render({ canvas, viewport, intent: "print", annotationMode: view.pdfjs.AnnotationMode.ENABLE }).promise;
      paper.append(canvas);
      if (view.isClosed) return;
    }
    document.body.append(paper);
    document.documentElement.classList.add("prints-paper");
    window.print();
  } finally {
    view.isPrinting = false;
    button.removeAttribute("aria-busy");
    document.documentElement.classList.remove("prints-paper");
    paper.querySelectorAll("canvas").forEach((canvas) => { canvas.width = 0; });
    paper.remove();
  }
}
