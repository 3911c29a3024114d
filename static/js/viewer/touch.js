// Fingers on the pages: two of them zoom, a double tap looks closer and back, a swipe goes on in the list one came from.

const TAP = 300;
const NEAR = 30;
const SWIPE = 90;

/** `sheets` is what is shown (sheets.js). Two fingers are ours, one scrolls. */
export function pinch(sheets, listen) {
  const { stage } = sheets;
  const fingers = new Map();
  let start = null;
  const span = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
  stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    start = fingers.size === 2 ? { span: span(), scale: sheets.scale } : null;
  }, listen);
  stage.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (!start || fingers.size !== 2) return;
    const [a, b] = [...fingers.values()];
    sheets.zoom((start.scale * span()) / start.span, { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  }, listen);
  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, (event) => { fingers.delete(event.pointerId); start = null; }, listen);
  }
  stage.addEventListener("touchmove", (event) => { if (event.touches.length > 1) event.preventDefault(); }, { ...listen, passive: false });
}

/** Twice at one place: twice as large there, and back to how it fitted. */
export function tapTwice(sheets, listen) {
  let before = null;
  sheets.stage.addEventListener("touchend", (event) => {
    const [touch] = event.changedTouches;
    if (event.touches.length || event.changedTouches.length > 1) { before = null; return; }
    const now = { at: event.timeStamp, x: touch.clientX, y: touch.clientY };
    const isSecond = before && now.at - before.at < TAP && Math.hypot(now.x - before.x, now.y - before.y) < NEAR;
    before = isSecond ? null : now;
    if (!isSecond || event.target.closest("a, button")) return;
    event.preventDefault();
    if (sheets.fit) sheets.zoom(sheets.scale * 2, now);
    else sheets.fitTo(sheets.root.dataset.fit || "width");
  }, { ...listen, passive: false });
}

/** From side to side over what does not scroll that way: the document before or after. */
export function swipe(root, listen) {
  let start = null;
  root.addEventListener("touchstart", (event) => {
    const stage = event.target.closest?.("[data-stage]");
    const [touch] = event.touches;
    const isOnPage = stage && event.touches.length === 1 && !event.target.closest("input, select, textarea, pre, table");
    start = isOnPage && stage.scrollWidth <= stage.clientWidth + 1 ? { x: touch.clientX, y: touch.clientY, at: event.timeStamp } : null;
  }, { ...listen, passive: true });
  root.addEventListener("touchend", (event) => {
    const [touch] = event.changedTouches;
    const from = start;
    start = null;
    if (!from || event.touches.length || event.timeStamp - from.at > 600 || String(getSelection())) return;
    const [across, down] = [touch.clientX - from.x, touch.clientY - from.y];
    if (Math.abs(across) < SWIPE || Math.abs(down) > Math.abs(across) / 2) return;
    const isOnward = (across < 0) !== (document.documentElement.dir === "rtl");
    document.querySelector(`[data-step=${isOnward ? "after" : "before"}]`)?.click();
  }, { ...listen, passive: true });
}
