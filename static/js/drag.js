// Dragging rows onto folders and topics; the same as the bar's Move and Topics.
import { follow, openDialog } from "./dialogs.js";
import { toast, token } from "./frame.js";
import { chosen } from "./selection.js";

const TYPE = "application/x-docuvault";
let items = [];

document.addEventListener("dragstart", (event) => {
  const row = event.target.closest?.("[data-item]");
  if (!row) return;
  const box = row.querySelector(".choose");
  const boxes = box?.checked ? chosen() : [box].filter(Boolean);
  items = boxes.map((one) => [one.name, one.value]);
  event.dataTransfer.setData(TYPE, String(items.length));
  event.dataTransfer.effectAllowed = "move";
});

const targetOf = (event) => event.target.closest?.("[data-drop-folder], [data-drop-topic]");
const isOurs = (event) => event.dataTransfer?.types.includes(TYPE);

document.addEventListener("dragover", (event) => {
  if (!isOurs(event)) return;
  const target = targetOf(event);
  document.querySelectorAll(".is-drop").forEach((old) => { if (old !== target) old.classList.remove("is-drop"); });
  if (!target) return;
  event.preventDefault();
  target.classList.add("is-drop");
});
document.addEventListener("drop", async (event) => {
  if (!isOurs(event)) return;
  const target = targetOf(event);
  document.querySelectorAll(".is-drop").forEach((old) => old.classList.remove("is-drop"));
  if (!target || !items.length) return;
  event.preventDefault();
  const form = new URLSearchParams(items);
  if (target.dataset.dropTopic) { form.set("action", "tag"); form.set("topic", target.dataset.dropTopic); }
  else { form.set("action", "move"); form.set("to", target.dataset.dropFolder); }
  form.set("is_decided", "1");
  form.set("is_dragged", "1");
  const url = document.querySelector("[data-selection-url]")?.dataset.selectionUrl;
  if (!url) return;
  const answer = await fetch(url, { method: "POST", body: form, headers: { "X-CSRFToken": token(), "HX-Request": "true" } });
  if (answer.headers.has("HX-Done")) follow(answer);
  else if (answer.ok) openDialog(url, { method: "POST", body: form });  // who will see it is asked first
  else {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    toast(page.querySelector(".errors, main p")?.textContent?.trim() || gettext("That did not work."), { kind: "error" });
  }
});
document.addEventListener("dragend", () => {
  items = [];
  document.querySelectorAll(".is-drop").forEach((old) => old.classList.remove("is-drop"));
});
