// The pages of a link: the viewer, and a bar that grows while files are on their way. Without scripts the form works too.
import "./viewer/start.js";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.linkUpload === undefined) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = "1";
  const bar = form.querySelector("progress");
  const button = form.querySelector("button");
  button.setAttribute("aria-disabled", "true");
  bar.hidden = false;
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "text/html");
  request.upload.addEventListener("progress", (at) => {
    if (at.lengthComputable) bar.value = Math.floor((100 * at.loaded) / at.total);
  });
  request.addEventListener("load", () => show(request.responseText));
  request.addEventListener("error", () => {
    delete form.dataset.busy;
    bar.hidden = true;
    button.removeAttribute("aria-disabled");
    tell(gettext("The vault cannot be reached. Check your connection, then send the files again."));
  });
  request.send(new FormData(form));
});

/** The answer is a whole page: what it says stands in place of what was there. */
function show(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = page.querySelector("main");
  if (!fresh) return;
  document.title = page.title;
  document.querySelector("main").replaceWith(document.adoptNode(fresh));
  document.querySelector("main").focus();
}

function tell(sentence) {
  const line = document.createElement("p");
  line.className = "message message-error";
  line.textContent = sentence;
  document.getElementById("link-told")?.replaceChildren(line);
}
