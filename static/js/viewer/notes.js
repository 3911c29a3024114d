// What somebody wrote onto a page of a PDF: how a form was filled in, and comments. Shown as plain text and no more.
// documents/extraction/annotations.py reads the same for the search: keep the two alike.

const NOTES = 500;
const LENGTH = 5000;
const HIDDEN = 2 | 32; // flags of an annotation: hidden, not to be viewed
const TYPED = ["Tx", "Ch"];
// Drawn on the page with their words; of all others the words are told when they are asked for.
const DRAWN = ["Widget", "FreeText"];
const SILENT = ["Link", "Popup"];

/** The notes of a page, from what pdf.js tells of its annotations: each with its words, its place and who wrote it. */
export function notesOf(annotations) {
  return annotations.flatMap((one) => {
    if (SILENT.includes(one.subtype) || (one.annotationFlags ?? 0) & HIDDEN) return [];
    const isField = one.subtype === "Widget";
    if (isField && (!TYPED.includes(one.fieldType) || one.password)) return [];
    const said = isField ? [one.fieldValue].flat().filter((value) => typeof value === "string").join(" ") : one.contentsObj?.str ?? "";
    const text = said.slice(0, LENGTH).trim();
    return text ? [{ text, rect: one.rect, isDrawn: DRAWN.includes(one.subtype), by: one.titleObj?.str?.slice(0, 100) ?? "" }] : [];
  }).slice(0, NOTES);
}

/** As pieces of the page's text, so that they are found like what is printed. */
export const piecesOf = (notes) => notes.map(({ text }) => ` ${text} `);

/** Where a note lies, in parts of the page: left, top, width, height. */
export function placeOf({ rect }, viewport) {
  const [x1, y1, x2, y2] = viewport.convertToViewportRectangle(rect);
  return [Math.min(x1, x2) / viewport.width, Math.min(y1, y2) / viewport.height, Math.abs(x2 - x1) / viewport.width, Math.abs(y2 - y1) / viewport.height];
}

/** A comment as a button that tells its words. */
export function commentOf(note, place, icon) {
  const box = document.createElement("details");
  box.className = "sheet-comment";
  const button = document.createElement("summary");
  button.setAttribute("aria-label", note.by ? interpolate(gettext("Comment by %s"), [note.by]) : gettext("Comment"));
  button.append(icon.content.cloneNode(true));
  const said = document.createElement("p");
  said.textContent = note.text;
  box.append(button, said);
  box.classList.toggle("is-right", place[0] > 0.5);
  box.style.left = `${place[0] * 100}%`;
  box.style.top = `${place[1] * 100}%`;
  return box;
}
