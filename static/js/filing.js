// Filing by hand and key: an answer to a suggestion is sent without leaving the list, and the next row is at hand.
import { refreshPage, toast, token } from "./frame.js";

const rows = () => [...document.querySelectorAll("[data-filing-row]")];

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.dataset.filing === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  if (form.dataset.busy) return;
  form.dataset.busy = "1";
  const at = rows().indexOf(form.closest("[data-filing-row]"));
  let answer;
  try {
    answer = await fetch(form.getAttribute("action"), {
      method: "POST",
      body: new URLSearchParams(new FormData(form, event.submitter)),
      headers: { "X-CSRFToken": token(), "HX-Request": "true", Accept: "text/html" },
    });
  } catch {
    toast(gettext("The vault cannot be reached. Check your connection."), { kind: "error" });
    return;
  } finally {
    delete form.dataset.busy;
  }
  if (!answer.ok) {
    toast(gettext("That did not work. Please try again."), { kind: "error" });
    return;
  }
  await refreshPage();
  const told = JSON.parse(answer.headers.get("HX-Trigger") ?? "{}").toast;
  if (told) toast(told.message, { kind: told.kind, undoUrl: told.undo_url });
  if (at >= 0) rows()[Math.min(at, rows().length - 1)]?.querySelector(".filing-name")?.focus();
}, true);
