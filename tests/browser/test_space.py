"""A vault that fills up: what could go is seen and goes, more room is asked for, and an admin grants it."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Site, Visitor, Watch
from tests.browser.hands import DESKTOP, WIDTHS, Visit, send, thing, toast_says

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]


def test_a_full_vault_is_cleared_up_and_given_more_room(
    visit: Visit, browser: Browser, site: Site, watch: Watch, tmp_path: Path
) -> None:
    visitor = visit(quota_bytes=1_000_000, **DESKTOP)
    page = visitor.page
    page.goto("/space/")
    expect(page.get_by_text("Nothing is kept yet.")).to_be_visible()
    visitor.look("space-empty", WIDTHS)
    scan, copy, letter = (tmp_path / name for name in ("scan.bin", "copy of scan.bin", "letter.txt"))
    scan.write_bytes(os.urandom(400_000))
    copy.write_bytes(scan.read_bytes())
    letter.write_bytes(os.urandom(20_000))
    page.goto("/files/")
    send(page, scan, copy, letter)
    expect(page.locator(".tray-item.is-done")).to_have_count(3)
    expect(page.locator("#quota .quota-word")).to_contain_text("left")
    letter.write_bytes(os.urandom(10_000))
    send(page, letter)
    page.locator("#dialog").get_by_label("Replace it as a new version").check()
    page.locator("#dialog").get_by_role("button", name="Add").click()
    expect(page.locator(".tray-item.is-done")).to_have_count(4)
    page.locator("[data-tray-close]").click()

    page.goto("/space/")
    expect(page.get_by_text("83 % are used")).to_be_visible()
    visitor.look("space-high", WIDTHS)
    page.get_by_label("Throw away letter.txt").click()
    toast_says(page, "1 thing is in the trash.")
    expect(page.get_by_label("Delete for good: letter.txt")).to_be_visible()
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.get_by_label("Throw away letter.txt")).to_be_visible()
    page.get_by_label("Thin out the versions of letter.txt").click()
    page.locator("#dialog").get_by_role("button", name="Delete 1 version").click()
    toast_says(page, "1 older version is gone.")
    page.get_by_label("Keep this one: scan.bin").click()
    expect(page.get_by_text("“scan.bin” stays.")).to_be_visible()
    expect(page.get_by_text("Kept more than once")).to_have_count(0)
    page.get_by_label("Throw away scan.bin").click()
    page.get_by_role("link", name="Empty it").click()
    page.locator("#dialog").get_by_role("button", name="Delete everything in the trash").click()
    toast_says(page, "1 thing is deleted for good.")

    page.get_by_role("link", name="Ask for more").click()
    page.locator("#dialog").get_by_label("How much more").fill("25")
    page.locator("#dialog").get_by_label("What for").fill("The film of the wedding")
    visitor.look("ask", WIDTHS)
    page.locator("#dialog").get_by_role("button", name="Ask").click()
    expect(page.get_by_text("You have asked for 25.0")).to_be_visible()
    ada = Visitor(browser, site, watch, **DESKTOP).sign_in("ada")
    ada.page.goto("/people/")
    ada.page.locator(".request", has_text="film of the wedding").get_by_role("link").click()
    ada.look("answer", WIDTHS)
    ada.page.locator("#dialog").get_by_label("A word to the person").fill("Enjoy it")
    ada.page.locator("#dialog").get_by_role("button", name="Grant").click()
    toast_says(ada.page, "has more space now.")
    ada.context.close()
    page.reload()
    expect(page.get_by_text("Enjoy it")).to_be_visible()
    expect(page.get_by_text("of it are granted until")).to_be_visible()


def test_more_than_may_be_kept_is_told_and_still_read(visit: Visit, site: Site, tmp_path: Path) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    paper = tmp_path / "paper.bin"
    paper.write_bytes(os.urandom(50_000))
    send(page, paper)
    expect(page.locator(".tray-item.is-done")).to_have_count(1)
    address = page.locator(".menu-head .soft").text_content() or ""
    site.python(
        f"from accounts.models import Quota\nQuota.objects.filter(user__email={address!r}).update(limit_bytes=9)"
    )
    page.goto("/space/")
    expect(page.get_by_role("alert")).to_contain_text("more than you may")
    visitor.look("space-over", WIDTHS)
    with page.expect_download():
        thing(page, "paper.bin").click()
        page.get_by_role("main").get_by_role("link", name="Download", exact=True).first.click()
