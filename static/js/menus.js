// Popover menus: placed beside their button, moved through with the arrow keys.

function place(menu, button) {
  const box = button.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const isRtl = document.dir === "rtl";
  let left = isRtl ? box.left : box.right - size.width;
  left = Math.max(8, Math.min(left, innerWidth - size.width - 8));
  let top = box.bottom + 6;
  if (top + size.height > innerHeight - 8) top = Math.max(8, box.top - size.height - 6);
  menu.style.left = `${left + scrollX}px`;
  menu.style.top = `${top + scrollY}px`;
}

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!(menu instanceof HTMLElement) || !menu.matches("[popover][data-menu]")) return;
  const button = document.querySelector(`[popovertarget="${menu.id}"]`) ?? (menu.id === "add-menu" ? document.querySelector("[data-add-menu]") : null);
  button?.setAttribute("aria-expanded", String(event.newState === "open"));
  if (event.newState === "open" && button) {
    place(menu, button);
    menu.querySelector(".menu-item")?.focus();
  }
}, true);

document.addEventListener("click", (event) => {
  const add = event.target.closest("[data-add-menu]");
  if (add) {
    event.preventDefault();
    event.stopPropagation();
    document.getElementById("add-menu").togglePopover();
    return;
  }
  if (event.target.closest(".menu-item")) event.target.closest("[popover]")?.hidePopover();
}, true);

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("[popover][data-menu]");
  if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  event.preventDefault();
  const items = [...menu.querySelectorAll(".menu-item")].filter((item) => item.offsetParent !== null);
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  items[(next + items.length) % items.length]?.focus();
});
