// Text, tables and letters come marked from the server; here is the way from mark to mark, and on to the next part.

export function open(root) {
  const stop = new AbortController();
  const marks = [...root.querySelectorAll("[data-stage] mark")];
  const told = root.querySelector("[data-find-told]");
  let at = -1;

  /** Within the stage first: the bar above it stays where it is, if it can. */
  function show(mark) {
    const stage = mark.closest("[data-stage]");
    const frame = stage.getBoundingClientRect();
    const place = mark.getBoundingClientRect();
    if (place.top < frame.top + 20 || place.bottom > frame.bottom - 20) stage.scrollTop += place.top - frame.top - frame.height / 3;
    if (place.left < frame.left + 40 || place.right > frame.right - 10) stage.scrollLeft += place.left - frame.left - frame.width / 3;
    const now = mark.getBoundingClientRect();
    if (now.top < 80 || now.bottom > window.innerHeight - 80) mark.scrollIntoView({ block: "center", inline: "nearest" });
  }

  function go(direction) {
    const next = at + direction;
    if (next < 0 || next >= marks.length) {
      const link = root.querySelector(direction > 0 ? "[data-hit-after]" : "[data-hit-before]");
      if (link) { link.click(); return; }
    }
    if (!marks.length) return;
    marks[at]?.classList.remove("is-current");
    at = (next + marks.length) % marks.length;
    marks[at].classList.add("is-current");
    show(marks[at]);
    if (told) told.textContent = interpolate(gettext("%(at)s of %(all)s here"), { at: at + 1, all: marks.length }, true);
  }

  root.querySelectorAll("[data-tool=hit-before], [data-tool=hit-after]").forEach((button) => {
    button.disabled = !marks.length && !root.querySelector("[data-hit-before], [data-hit-after]");
  });
  root.addEventListener("click", (event) => {
    const name = event.target.closest("button[data-tool]")?.dataset.tool;
    if (name === "hit-after") go(1);
    if (name === "hit-before") go(-1);
    if (name === "print") view.print();
    if (name === "large") {
      if (document.fullscreenElement) document.exitFullscreen();
      else root.requestFullscreen?.();
    }
  }, { signal: stop.signal });
  const view = {
    print() {
      document.documentElement.classList.add("prints-viewer");
      window.print();
      document.documentElement.classList.remove("prints-viewer");
    },
    close() { stop.abort(); },
  };
  if (marks.length) go(root.dataset.from === "end" ? 0 : 1);
  return view;
}
