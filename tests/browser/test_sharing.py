"""Alice opens a paper to Bob by the sheet; he finds, accepts and reads it; she sees the receipt. At desk and phone."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Site, Visitor, Watch, make_person

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]
SIZES: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, site: Site, watch: Watch) -> Iterator[Visit]:
    """Somebody in a browser of his own."""
    visitors: list[Visitor] = []

    def come(handle: str, **options: object) -> Visitor:
        make_person(site, handle)
        visitor = Visitor(browser, site, watch, **options)
        visitors.append(visitor)
        return visitor.sign_in(handle)

    yield come
    for visitor in visitors:
        visitor.context.close()


def put(site: Site, handle: str, name: str) -> str:
    """A paper of this person's; answers the address of its page."""
    return site.python(
        "from accounts.actors import Actor\nfrom accounts.models import User\n"
        "from documents.uploads import store_stream\n"
        f"by = Actor.for_user(User.objects.get(handle={handle!r}))\n"
        f"print('/documents/%s/' % store_stream({name!r}, iter([b'paper']), None, size_bound=5, by=by).pk)"
    ).strip()


@pytest.mark.parametrize("size", ["desk", pytest.param("phone", marks=pytest.mark.soak)])
def test_alice_shares_bob_reads_and_alice_sees_the_receipt(visit: Visit, site: Site, size: str) -> None:
    end = secrets.token_hex(3)
    alice, bob = visit(f"alice{end}", **SIZES[size]), visit(f"bob{end}", **SIZES[size])
    address = put(site, f"alice{end}", "lease.txt")
    hers, his = alice.page, bob.page
    hers.goto(address)
    hers.get_by_role("link", name="Share", exact=True).first.click()
    sheet = hers.locator("dialog .share-sheet")
    sheet.get_by_label("With whom? Handle or e-mail address").fill(f"bob{end}")
    sheet.get_by_role("radio", name="comment").check()
    alice.check_access()
    sheet.get_by_role("button", name="Share", exact=True).click()
    expect(sheet.locator(".message-success")).to_be_visible()
    expect(sheet.locator(".share")).to_contain_text("not opened yet")
    sheet.get_by_role("link", name="Done").click()
    expect(hers.locator(".document-side")).to_contain_text(f"bob{end}")

    his.goto("/shared/")
    bob.check_access()
    his.get_by_role("button", name="Accept").click()
    expect(his.get_by_text("New", exact=True)).to_have_count(0)
    his.get_by_role("link", name="lease.txt", exact=True).click()
    his.get_by_role("link", name="Write a comment").click()
    his.locator("dialog textarea").fill("<b>thanks</b>")
    his.locator("dialog").get_by_role("button", name="Save").click()
    expect(his.locator(".comment")).to_contain_text("<b>thanks</b>")
    bob.check_access()

    hers.goto("/shared/by-me/")
    expect(hers.locator(".shared-row")).to_contain_text("opened once")
    alice.check_access()
    hers.goto(address + "reach/")
    expect(hers.locator(".reach")).to_contain_text(f"bob{end}")
    alice.check_access()
    assert hers.evaluate("document.documentElement.scrollWidth <= innerWidth")
    hers.get_by_role("button", name="Withdraw").click()
    expect(hers.get_by_text("Nobody else can see it.")).to_be_visible()
    assert his.goto(address).status == 404  # type: ignore[union-attr]


def test_a_saved_search_is_shared_found_with_and_left(visit: Visit, site: Site) -> None:
    size = SIZES["desk"]
    alice, bob = visit("ada-searches", **size), visit("ben-searches", **size)
    put(site, "ben-searches", "bill of the plumber.txt")
    page = alice.page
    page.goto("/find/?q=plumber")
    page.get_by_role("link", name="Save this search").click()
    dialog = page.locator("#dialog")
    dialog.get_by_label("Name", exact=True).fill("Plumbing")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#rail").get_by_role("link", name="Plumbing")).to_be_visible()
    page.goto("/find/")
    page.get_by_role("link", name="Share Plumbing").click()
    dialog.get_by_label("With whom? Handle or e-mail address").fill("ben-searches")
    dialog.get_by_role("button", name="Share", exact=True).click()
    expect(dialog).to_contain_text("Shared with ben-searches.")
    expect(dialog.locator("li", has_text="ben-searches").get_by_role("button", name="Withdraw")).to_be_visible()
    alice.look()

    page = bob.page
    page.goto("/files/")
    page.locator("#rail").get_by_role("link", name="Plumbing").click()
    expect(page.locator("main")).to_contain_text("bill of the plumber.txt")
    page.goto("/find/")
    bob.look()
    page.get_by_role("button", name="Take Plumbing off the list").click()
    expect(page.locator("main")).to_contain_text("“Plumbing” is no longer on your list.")
    expect(page.locator("#rail").get_by_role("link", name="Plumbing")).to_have_count(0)
