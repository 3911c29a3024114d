// What waits to be read in a list says by itself when it has been: its picture comes, its clock goes.

const SOON = 2500;
const LATE = 20_000;
const AT_ONCE = 40;
let wait = SOON;
let before = "";

async function look() {
  const list = document.querySelector("[data-readings-url]");
  const ids = [...(list?.querySelectorAll("[data-waiting]") ?? [])].slice(0, AT_ONCE).map((one) => one.dataset.waiting);
  if (ids.length && !document.hidden) {
    const query = ids.map((id) => `&id=${id}`).join("");
    // The same ones for long: a backlog is not asked about every other second.
    wait = query === before ? Math.min(LATE, wait * 1.4) : SOON;
    before = query;
    try {
      const answer = await fetch(list.dataset.readingsUrl + query, { headers: { "HX-Request": "true" } });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const told = document.createElement("template");
      told.innerHTML = await answer.text();
      for (const one of told.content.querySelectorAll("[id]")) document.getElementById(one.id)?.replaceWith(one);
    } catch {
      wait = LATE; // the vault is away; that is told elsewhere
    }
  } else {
    wait = SOON;
  }
  setTimeout(look, wait);
}

setTimeout(look, SOON);
