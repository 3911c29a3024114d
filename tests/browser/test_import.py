"""Everything taken out on one page and brought back on another: with scripts, by phone, and by a plain form."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.hands import DESKTOP, PHONE, Visit, add, thing

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]


def bring(page: Page, file: Path, into: str = "") -> None:
    page.goto("/space/")
    page.get_by_role("main").get_by_role("link", name="Import").click()
    page.get_by_label("Into this folder").fill(into)
    page.get_by_label("The ZIP").set_input_files(file)
    page.get_by_role("button", name="Import").click()


def test_everything_is_taken_out_and_brought_back(visit: Visit, papers: list[Path], tmp_path: Path) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    add(page, papers[:4])
    page.goto("/space/export/")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download everything").click()
    packed = tmp_path / "everything.zip"
    download.value.save_as(packed)

    phone = visit(**PHONE)
    bring(phone.page, packed, "Old vault")
    state = phone.page.locator("#import-state")
    expect(state).to_contain_text("everything.zip has been taken in", timeout=60_000)
    expect(state.get_by_role("listitem").first).to_have_text(re.compile(r"4\s*came in"), timeout=60_000)
    expect(phone.page.get_by_label("The ZIP")).to_be_visible()
    phone.check_access()
    state.get_by_role("link", name="To the files").click()
    thing(phone.page, "Old vault").click()
    for paper in papers[:4]:
        expect(thing(phone.page, paper.name)).to_be_visible()

    # What is no export is refused in words; without scripts a plain form does the same.
    bring(page, papers[0])
    expect(page.locator("#import-state")).to_contain_text("is no export of a DocuVault", timeout=60_000)
    visitor.check_access()
    plain = visit(**DESKTOP, java_script_enabled=False)
    bring(plain.page, packed)
    for _look in range(60):
        if plain.page.locator("#import-state").get_by_role("link", name="To the files").count():
            break
        plain.page.wait_for_timeout(500)
        plain.page.goto("/space/import/")
    expect(plain.page.locator("#import-state")).to_contain_text("4")
