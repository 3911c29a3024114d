// The bytes of one version, asked for in ranges as the reader needs them: never the whole file for its first page.

const TRIES = 3;
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A transport for pdf.js. `onTrouble` is told once, in a word, when the bytes do not come. */
export function rangesOf(pdfjs, { address, size, sha256 }, onTrouble) {
  const stop = new AbortController();
  let isInTrouble = false;

  async function fetched(begin, end) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await fetch(address, {
          headers: { Range: `bytes=${begin}-${end - 1}`, "If-Range": `"${sha256}"` },
          signal: stop.signal,
        });
        if (answer.status === 206) return new Uint8Array(await answer.arrayBuffer());
        // A whole file instead of a range: these are the bytes of another version by now.
        if (answer.status === 200) { stop.abort(); throw new Trouble("changed"); }
        if (answer.status === 410) throw new Trouble("damaged");
        if (answer.status < 500 && answer.status !== 429) throw new Trouble("gone");
        throw new Error(`status ${answer.status}`);
      } catch (error) {
        if (error instanceof Trouble || error.name === "AbortError" || attempt >= TRIES) throw error;
        await wait(400 * attempt * attempt);
      }
    }
  }

  class Ranges extends pdfjs.PDFDataRangeTransport {
    requestDataRange(begin, end) {
      fetched(begin, Math.min(end, size)).then(
        (bytes) => this.onDataRange(begin, bytes),
        (error) => {
          if (error.name === "AbortError" || isInTrouble) return;
          isInTrouble = true;
          onTrouble(error instanceof Trouble ? error.message : "away");
        },
      );
    }

    abort() { stop.abort(); }
  }
  return new Ranges(size, null);
}

class Trouble extends Error {}
