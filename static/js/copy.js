// Copies a link that is shown once. The button appears only where the browser can copy.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  const source = button.parentElement.querySelector("[data-copy-source]");
  const word = button.querySelector("[data-copy-word]");
  const before = word.textContent;
  source.addEventListener("focus", () => source.select());
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.value);
      word.textContent = gettext("Copied");
    } catch {
      source.select();
      word.textContent = gettext("Press Ctrl+C to copy");
    }
    setTimeout(() => { word.textContent = before; }, 3000);
  });
}
