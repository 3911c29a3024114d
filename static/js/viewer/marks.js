// Which words of a search stand where in a text, whatever their case and accents.
// documents/viewing/marks.py does the same for text that the server shows: keep the two alike.

const PIECES = /(-?)"([^"]*)"|(\S+)/g;
const EDGES = /^["'()*.,;!?]+|["'()*.,;!?]+$/g;
const SHORT = 2;
const SMALL = /^\p{Ll}/u;
const PARTED = /(?<=\p{L})[-\u00ad\u2010] +$/u;

export function fold(text) {
  return text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/\s/g, " ");
}

/** The words and phrases of a search that a text can hold; not what was excluded or filtered by. */
export function termsOf(words) {
  const found = [];
  for (const [, minus, phrase, word] of words.slice(0, 200).matchAll(PIECES)) {
    if (minus || word?.startsWith("-") || word === "OR" || /^[a-z]+:/.test(word ?? "")) continue;
    const term = fold(phrase || word || "").replace(EDGES, "").split(/\s+/).filter(Boolean).join(" ").slice(0, 100);
    if (term && !found.includes(term)) found.push(term);
  }
  return found.slice(0, 10);
}

/** Where the terms stand in the folded text, in order, none within another: pairs of start and end. */
export function placesOf(folded, terms) {
  const found = [];
  for (const term of terms) {
    for (let at = folded.indexOf(term); at >= 0; at = folded.indexOf(term, at + term.length)) {
      // eslint-disable-next-line no-control-regex
      const isLoose = term.length > SHORT || /[^\x00-\x7f]/.test(term) || at === 0 || !/[\p{L}\p{N}]/u.test(folded[at - 1]);
      if (isLoose) found.push([at, at + term.length]);
    }
  }
  found.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  return found.filter((place, i) => !found.slice(Math.max(0, i - 20), i).some((before) => before[1] > place[0]));
}

/** The same for a text given in pieces: of each place the piece and the offset where it starts and ends.
 *  A word that was parted at the end of a piece is one, as it is for the search. */
export function placesInPieces(pieces, terms) {
  let folded = "";
  const origins = [];
  pieces.forEach((piece, index) => {
    let offset = 0;
    const parted = SMALL.test(piece) ? PARTED.exec(folded.slice(-5))?.[0].length ?? 0 : 0;
    if (parted) {
      folded = folded.slice(0, -parted);
      origins.length -= parted;
    }
    for (const character of piece) {
      const one = fold(character);
      for (let i = 0; i < one.length; i += 1) origins.push([index, offset, offset + character.length]);
      folded += one;
      offset += character.length;
    }
  });
  return placesOf(folded, terms).map(([start, end]) => ({
    from: [origins[start][0], origins[start][1]],
    to: [origins[end - 1][0], origins[end - 1][2]],
  }));
}

/** Boxes over what the ranges cover, in parts of the sheet, so that they stay right when it grows. */
export function boxesOf(ranges, sheet) {
  const frame = sheet.getBoundingClientRect();
  return ranges.flatMap((range) => [...range.getClientRects()]
    .filter((rect) => rect.width > 0.5 && rect.height > 0.5)
    .map((rect) => [(rect.left - frame.left) / frame.width, (rect.top - frame.top) / frame.height, rect.width / frame.width, rect.height / frame.height]));
}

/** Draw a hit: one or more boxes, all of them marked. */
export function drawHit(layer, boxes, number) {
  return boxes.map(([left, top, width, height]) => {
    const box = document.createElement("div");
    box.className = "word-hit";
    box.dataset.hit = number;
    box.style.left = `${left * 100}%`;
    box.style.top = `${top * 100}%`;
    box.style.width = `${width * 100}%`;
    box.style.height = `${height * 100}%`;
    layer.append(box);
    return box;
  });
}
