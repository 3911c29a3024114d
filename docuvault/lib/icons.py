"""The icons in use, as one sprite made from the icon package's own files."""

import hashlib
import logging
import re
from functools import cache
from pathlib import Path

logger = logging.getLogger(__name__)

NAMES = (
    "activity", "archive", "arrow-down", "arrow-up", "arrow-right", "badge-check", "camera", "check",
    "chevron-down", "chevron-left", "chevron-right", "chevron-up", "circle-alert", "circle-check", "circle-user",
    "clock", "cloud-upload", "copy", "crown", "download", "ellipsis", "ellipsis-vertical", "external-link", "eye",
    "eye-off", "file",
    "file-archive", "file-code", "file-image", "file-plus", "file-spreadsheet", "file-text", "files", "folder",
    "folder-input", "folder-open", "folder-plus", "folder-up", "hard-drive", "history", "house", "image", "inbox",
    "info", "key-round", "layout-grid", "life-buoy", "lightbulb", "link", "list", "lock", "log-in", "log-out", "mail",
    "maximize", "menu",
    "message-square", "minus", "move", "panel-left", "paperclip", "pause", "pencil", "play", "plus", "presentation",
    "printer", "refresh-cw", "rotate-ccw", "rotate-cw", "search", "settings", "shield-check",
    "share-2", "smartphone", "star", "tag", "tags", "trash-2", "triangle-alert", "undo-2", "upload", "user",
    "user-plus", "users", "vault", "wrap-text", "x",
)  # fmt: skip
_INNER = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


@cache
def sprite(folder: Path) -> tuple[str, str]:
    """The sprite and a short digest of it. A missing package gives empty symbols, never an error."""
    symbols = []
    for name in NAMES:
        try:
            found = _INNER.search((folder / f"{name}.svg").read_text())
        except OSError:
            found = None
            logger.warning("icon %s is not installed", name)
        inner = " ".join(found.group(1).split()) if found else ""
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{inner}</symbol>')
    text = f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>'
    return text, hashlib.sha256(text.encode()).hexdigest()[:12]
