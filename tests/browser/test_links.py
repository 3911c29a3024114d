"""Alice makes a link with a password in the sheet; somebody without an account opens it on a phone; she sees it."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from documents.management.papers import pdf
from tests.browser.conftest import Site, Visitor, Watch
from tests.browser.test_sharing import Visit, visit

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
__all__ = ["visit"]


def put(site: Site, handle: str) -> str:
    """A folder with a PDF and a text; answers its id."""
    return site.python(
        "from accounts.actors import Actor\nfrom accounts.models import User\n"
        "from documents.actions.folders import make_folder\nfrom documents.uploads import store_stream\n"
        f"by = Actor.for_user(User.objects.get(handle={handle!r}))\n"
        "folder = make_folder('Lease', None, by=by)\n"
        f"data = {pdf('Lease', ['Rent is due on the first.'])!r}\n"
        "store_stream('lease.pdf', iter([data]), folder, size_bound=len(data), by=by)\n"
        "store_stream('notes.txt', iter([b'Ring twice.']), folder, size_bound=11, by=by)\n"
        "print(folder.pk)"
    ).strip()


def made_link(site: Site, folder: str, level: str) -> str:
    """The path of a link to this folder."""
    return site.python(
        "from accounts.actors import Actor\nfrom documents.models import Folder\n"
        "from sharing.actions import Terms, make_link\nfrom sharing.gate import Kind, reveal_token\n"
        "from sharing.models import LinkLevel\n"
        f"folder = Folder.objects.get(pk={folder!r})\n"
        f"link = make_link(folder, Terms('Drop', LinkLevel.{level}), by=Actor.for_user(folder.user))\n"
        "print('/l/%s/' % reveal_token(Kind.LINK, link.pk, link.token_sealed))"
    ).strip()


def test_a_link_with_a_password_is_made_opened_on_a_phone_and_told(
    visit: Visit, browser: Browser, site: Site, watch: Watch
) -> None:
    alice = visit("alinka", viewport={"width": 1280, "height": 900})
    hers = alice.page
    folder = put(site, "alinka")
    hers.goto(f"/files/{folder}/")
    hers.get_by_role("link", name="Share this folder").click()
    sheet = hers.locator("dialog .share-sheet")
    sheet.get_by_role("link", name="Make a link").click()
    sheet.get_by_label("For whom or what?").fill("Landlord")
    sheet.get_by_role("radio", name="add and replace").check()
    sheet.get_by_role("radio", name="Ask for this one").check()
    password = sheet.get_by_label("Password", exact=True).input_value()
    alice.look()
    sheet.get_by_role("button", name="Make the link").click()
    row = sheet.locator(".share", has_text="Landlord")
    expect(row).to_contain_text("not opened yet")
    way = row.get_by_label("Address of Landlord").input_value()
    assert row.get_by_label("Its password").input_value() == password
    alice.look()

    guest = Visitor(browser, site, watch, **PHONE)
    his = guest.page
    try:
        his.goto(way)
        expect(his.get_by_role("heading", name="Something was shared with you")).to_be_visible()
        guest.look()
        his.get_by_label("Password").fill("not this one")
        his.get_by_role("button", name="Open").click()
        expect(his.get_by_text("That is not the password.")).to_be_visible()
        guest.look()
        his.get_by_label("Password").fill(password)
        his.get_by_role("button", name="Open").click()
        expect(his.get_by_role("heading", name="Lease")).to_be_visible()
        guest.look()
        his.locator("input[type=file]").set_input_files(
            {"name": "answer.txt", "mimeType": "text/plain", "buffer": b"Agreed."}
        )
        his.get_by_role("button", name="Send").click()
        expect(his.get_by_text("1 file has arrived.")).to_be_visible()
        expect(his.get_by_role("link", name="answer.txt")).to_be_visible()
        his.get_by_role("link", name="lease.pdf").click()
        expect(his.locator(".viewer .sheet canvas").first).to_be_visible()
        guest.look()
        with his.expect_download() as taking:
            his.get_by_role("link", name="Download").first.click()
        assert taking.value.suggested_filename == "lease.pdf"
    finally:
        guest.context.close()

    hers.goto("/shared/links/")
    expect(hers.locator(".shared-row")).to_contain_text("opened once, downloaded once, 1 file put in")
    alice.look()
    hers.goto(f"/folders/{folder}/reach/")
    expect(hers.locator(".reach", has_text="Landlord")).to_be_visible()
    alice.look()
    hers.get_by_role("button", name="Close for good").click()
    expect(hers.get_by_text("Nobody else can see it.")).to_be_visible()
    stranger = Visitor(browser, site, watch, **PHONE)
    answer = stranger.page.goto(way)
    assert answer is not None
    assert answer.status == 404
    stranger.look()
    for level, heading in (("UPLOAD", "Send files to Alinka"), ("VIEW", "Lease")):
        way = made_link(site, folder, level)
        stranger.page.goto(way)
        expect(stranger.page.get_by_role("heading", name=heading)).to_be_visible()
        stranger.look()
    refused = stranger.page.goto(f"{way}folders/{folder}/zip/")
    assert refused is not None
    assert refused.status == 403
    stranger.look()
    stranger.context.close()
