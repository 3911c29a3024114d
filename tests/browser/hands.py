"""What the walks do with their hands: choosing, sending, dropping; and the two devices they come with."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visitor

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
Visit = Callable[..., Visitor]
WIDTHS = (1280, 820, 390)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def add(page: Page, files: list[Path]) -> None:
    """Choose files as the Add button does, and wait until the tray says that they are safe."""
    before = page.locator(".tray-item.is-done").count()
    with page.expect_file_chooser() as chooser:
        page.evaluate("document.dispatchEvent(new CustomEvent('vault:choose', {detail: 'files'}))")
    chooser.value.set_files(files)
    expect(page.locator(".tray-item.is-done")).to_have_count(before + len(files), timeout=60_000)


def choose(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_label(f"Choose {name}", exact=True).check()


def thing(page: Page, name: str) -> Locator:
    """The link of a document or folder in the list, whatever is told beside its name (that it waits to be read)."""
    return page.get_by_role("main").get_by_role("link", name=re.compile(rf"^{re.escape(name)}( |$)"))


def toast_says(page: Page, words: str) -> None:
    expect(page.locator(".toast").filter(has_text=words).first).to_be_visible()


def send(page: Page, *files: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("u")
    chooser.value.set_files(files)


def drop(page: Page, *paths: Path) -> None:
    """Drag these from the desktop onto the middle of the page, as the system does."""
    wire = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        wire.send("Input.dispatchDragEvent", {"type": kind, "x": 640, "y": 420, "data": data})
