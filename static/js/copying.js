// A button that copies what stands in a field beside it. Without scripts the field can be marked and copied by hand.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  event.preventDefault();
  const field = document.getElementById(button.dataset.copies);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    if (!document.execCommand("copy")) return;
  }
  const word = button.querySelector("span");
  const before = word.textContent;
  word.textContent = gettext("Copied");
  setTimeout(() => { word.textContent = before; }, 2000);
});
