// Tabs that are wider than the screen: the one of this page is in sight.
function show(root) {
  for (const tab of root.querySelectorAll?.(".tabs [aria-current]") ?? []) {
    const [all, one] = [tab.parentElement, tab].map((element) => element.getBoundingClientRect());
    tab.parentElement.scrollLeft += one.left + one.width / 2 - (all.left + all.width / 2);
  }
}

document.addEventListener("htmx:load", (event) => show(event.detail.elt));
