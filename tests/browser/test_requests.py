"""A stranger with a phone leaves two files; their owner sees them waiting, files one and refuses the other."""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from documents.management.papers import pdf
from tests.browser.conftest import Site, Visitor, Watch

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def letters(tmp_path: Path) -> list[Path]:
    made = []
    for name in ("gas bill.pdf", "advert.pdf"):
        path = tmp_path / name
        path.write_bytes(pdf(name, ["Dear reader"]))
        made.append(path)
    return made


def test_a_stranger_sends_two_files_and_the_owner_decides(
    visit: Callable[..., Visitor], browser: Browser, site: Site, watch: Watch, letters: list[Path]
) -> None:
    owner = visit()
    page = owner.page
    page.get_by_role("link", name="New folder").first.click()
    page.get_by_label("Name").fill("Bills")
    page.get_by_role("dialog").get_by_role("button").last.click()
    page.get_by_role("link", name="Bills").first.click()
    page.wait_for_url(re.compile(r"/files/[0-9a-f-]{36}/$"))
    page.get_by_role("link", name="Ask others for files into this folder").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_label("What for").fill("Bills of last year")
    sheet.get_by_label("Message to the senders").fill("All of them, please")
    owner.check_access()
    sheet.get_by_role("button", name="Make the address").click()
    page.wait_for_url(re.compile(r"/requests/[0-9a-f-]{36}/$"))
    address = page.locator(".request-copy .mono").input_value()
    assert address.startswith(site.address)

    stranger = Visitor(browser, site, watch, **PHONE)
    sender = stranger.page
    sender.goto(address)
    expect(sender.get_by_role("heading", name="Bills of last year")).to_be_visible()
    stranger.look()
    sender.get_by_label("Your name").fill("Sam")
    sender.locator("input[type=file]").set_input_files(letters)
    sender.get_by_role("button", name="Send").click()
    expect(sender.get_by_role("heading", name="2 files have arrived")).to_be_visible()
    stranger.look()
    sender.get_by_role("link", name="Receipt with checksums").click()
    for path in letters:
        expect(sender.get_by_text(hashlib.sha256(path.read_bytes()).hexdigest())).to_be_visible()
    stranger.look()
    with sender.expect_download() as downloading:
        sender.get_by_role("link", name="Download as text").click()
    text = Path(downloading.value.path()).read_text()
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() in text for path in letters)
    # Without scripts, by the plain form: another visit, which sees nothing of the first.
    plain = Visitor(browser, site, watch, java_script_enabled=False)
    plain.page.goto(address)
    expect(plain.page.get_by_text("gas bill.pdf")).to_have_count(0)
    plain.page.locator("input[type=file]").set_input_files(letters[0])
    plain.page.get_by_role("button", name="Send").click()
    expect(plain.page.get_by_role("heading", name="1 file has arrived")).to_be_visible()
    plain.context.close()

    page.reload()
    expect(page.get_by_role("heading", name=re.compile("3 files wait for you"))).to_be_visible()
    expect(page.get_by_text("Sam").first).to_be_visible()
    owner.look()
    page.get_by_role("button", name="File it: gas bill.pdf").first.click()
    expect(page.get_by_role("heading", name=re.compile("2 files wait for you"))).to_be_visible()
    page.get_by_role("link", name="Refuse advert.pdf").click()
    page.get_by_role("dialog").get_by_role("button", name="Refuse and delete").click()
    expect(page.get_by_role("heading", name=re.compile("1 file waits for you"))).to_be_visible()
    page.get_by_role("link", name=re.compile("Choose .*gas bill.pdf")).click()
    owner.check_access()
    page.get_by_role("dialog").get_by_label("Name").fill("gas again.pdf")
    page.get_by_role("dialog").get_by_role("button", name="File it").click()
    expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
    page.get_by_role("link", name="Bills", exact=True).first.click()
    expect(page.get_by_role("link", name="gas bill.pdf").first).to_be_visible()
    expect(page.get_by_role("link", name="gas again.pdf").first).to_be_visible()
    expect(page.get_by_text("advert.pdf")).to_have_count(0)
    sender.reload()
    expect(sender.get_by_text("advert.pdf")).to_be_visible()  # what was decided is not the sender's to see
    stranger.context.close()


def test_the_pages_of_handing_over_and_of_emergencies(visit: Callable[..., Visitor], site: Site) -> None:
    owner, other = visit(), visit()
    handle = other.page.evaluate("() => document.querySelector('#person-menu strong').textContent").lower()
    page = owner.page
    page.get_by_role("link", name="New folder").first.click()
    page.get_by_label("Name").fill("Papers")
    page.get_by_role("dialog").get_by_role("button").last.click()
    page.get_by_role("link", name="Papers").first.click()
    page.wait_for_url(re.compile(r"/files/[0-9a-f-]{36}/$"))
    folder = page.url.replace("/files/", "/folders/")
    page.goto("/emergency/new/")
    page.get_by_label("Whom? Handle or e-mail address").fill(handle)
    page.get_by_role("checkbox", name="Papers").check()
    owner.check_access()
    page.get_by_role("button", name="Choose", exact=True).click()
    expect(page.get_by_text("You have 14 days to refuse.")).to_be_visible()
    other.page.goto("/emergency/")
    other.page.get_by_role("button", name=re.compile("Ask for access")).click()
    expect(other.page.get_by_text("unless it is refused")).to_be_visible()
    page.goto(folder + "hand-over/")
    owner.check_access()
    page.get_by_label("To whom? Handle or e-mail address").fill(handle)
    page.get_by_role("button", name="Offer it").click()
    for address in ("/emergency/", "/shared/handovers/", "/shared/review/", "/requests/"):
        for visitor in (owner, other):
            visitor.page.set_viewport_size({"width": 390, "height": 844})
            visitor.page.goto(address)
            expect(visitor.page.locator(".tabs [aria-current]")).to_be_in_viewport(ratio=0.9)
            visitor.look()
            visitor.page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/files/")
    page.get_by_role("link", name="Decide").click()
    page.get_by_role("button", name="Refuse", exact=True).click()
    expect(page.get_by_text("Refused", exact=True).first).to_be_visible()
    other.page.goto("/shared/handovers/")
    other.page.get_by_role("button", name="Accept Papers").click()
    expect(other.page.get_by_role("heading", name="Papers")).to_be_visible()


ASK = """
from accounts.actors import Actor
from accounts.models import User
from documents.tests.making import folders
from sharing.actions.requests import Terms, make_request
by = Actor.for_user(User.objects.get(handle=%r))
print(make_request(folders("Inbox", by), Terms("A film"), by=by)[1])
"""


def test_a_stranger_pauses_and_goes_on_also_after_a_reload(
    visit: Callable[..., Visitor], browser: Browser, site: Site, watch: Watch, tmp_path: Path
) -> None:
    owner = visit()
    address = f"/send/{site.python(ASK % owner.handle).strip()}/"
    film = tmp_path / "film.bin"
    film.write_bytes(os.urandom(24_000_000))
    stranger = Visitor(browser, site, watch, **PHONE)
    page = stranger.page
    offsets: list[int] = []
    page.on(
        "request",
        lambda asked: offsets.append(int(asked.headers["upload-offset"])) if asked.method == "PATCH" else None,
    )
    page.goto(address)
    wire = stranger.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 5, "downloadThroughput": -1, "uploadThroughput": 6_000_000}
    wire.send("Network.emulateNetworkConditions", slow)
    page.locator("input[type=file]").set_input_files(film)
    page.get_by_role("button", name="Send", exact=True).click()

    def sent() -> int:
        return int(page.locator(".send-item [data-progress]").evaluate("bar => bar.value"))

    def until(count: int) -> None:
        while sent() <= count:  # the page's own policy lets no string be evaluated while one waits
            page.wait_for_timeout(50)

    until(15_000_000)
    page.get_by_role("button", name="Pause: film.bin").click()
    expect(page.get_by_text("Paused", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Go on: film.bin")).to_be_focused()
    stranger.check_access()
    held = sent()
    page.get_by_role("button", name="Go on: film.bin").click()
    until(held)
    assert offsets[-1] >= 8 * 1024 * 1024, "what was there was not sent again"
    page.get_by_role("button", name="Pause: film.bin").click()
    page.reload()
    expect(page.get_by_text("is here. Choose the file again to go on where it stopped.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    stranger.check_access()
    offsets.clear()
    wire.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    page.locator("input[type=file]").set_input_files(film)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("heading", name="1 file has arrived")).to_be_visible()
    assert offsets[0] >= 8 * 1024 * 1024
    page.get_by_role("link", name="Receipt with checksums").click()
    expect(page.get_by_text(hashlib.sha256(film.read_bytes()).hexdigest())).to_be_visible()
    stranger.context.close()
