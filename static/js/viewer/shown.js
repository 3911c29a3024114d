// The viewer that is in the page now: its element, and what has been opened in it.
let shown = null;

export const current = () => (shown?.root.isConnected ? shown : null);

export function change(root) {
  if (shown && shown.root !== root) shown.view?.close?.();
  shown = root && shown?.root !== root ? { root, view: null } : root ? shown : null;
  return shown;
}
