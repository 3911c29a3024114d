// How large something is, in words of the page's language.
export const size = (bytes) => {
  const units = [gettext("B"), gettext("KB"), gettext("MB"), gettext("GB")];
  let at = 0;
  let value = bytes;
  while (value >= 1024 && at < units.length - 1) { value /= 1024; at += 1; }
  return `${value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: at ? 1 : 0 })} ${units[at]}`;
};
