// Links that a file of somebody else's has in it: where they may lead, and how that is shown.

export const SCHEMES = ["http:", "https:", "mailto:"];

/** A link out of the vault: it opens apart, tells nobody where it was, and says where it leads. */
export function outwardLink(url, text) {
  const link = document.createElement("a");
  link.href = url.href;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  link.title = url.href;
  link.dataset.leadsTo = url.protocol === "mailto:" ? url.pathname : url.host;
  link.setAttribute("aria-label", interpolate(gettext("Link to %s"), [url.href]));
  if (text) { link.textContent = text; link.removeAttribute("aria-label"); }
  return link;
}
