"""Adding files as people do it: dropped, asked about, paused, broken off, and the same bytes twice."""

import hashlib
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.hands import DESKTOP, PHONE, Visit, drop, send, sha256, thing, toast_says

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]


def test_files_and_a_whole_folder_are_dropped_anywhere_on_the_page(
    visit: Visit, papers: list[Path], tree: Path
) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    (tree / "Nothing in it").mkdir()
    drop(page, *papers[:3], tree)
    expect(page.locator("#dialog")).to_contain_text("Household/Nothing in it")
    page.locator("#dialog").get_by_role("button", name="Add").click()
    expect(page.locator(".tray-item.is-done")).to_have_count(6, timeout=30_000)
    expect(page.locator("[data-list] [data-item]")).to_have_count(4)
    thing(page, "Household").click()
    for name in ("Car", "Nothing in it", "notes.txt"):
        expect(thing(page, name)).to_be_visible()
    drop(page, papers[4])
    expect(thing(page, papers[4].name)).to_be_visible()
    thing(page, "Car").click()
    thing(page, "Insurance").click()
    expect(thing(page, "policy.pdf")).to_be_visible()

    # A row dragged onto a folder of the tree moves there
    page.goto("/files/")
    source = page.locator("[data-list] [data-item]", has=page.get_by_label(f"Choose {papers[0].name}", exact=True))
    source.drag_to(page.locator("#rail .place", has_text="Household"))
    toast_says(page, "Moved 1 thing to Household.")
    expect(page.get_by_label(f"Choose {papers[0].name}", exact=True)).to_have_count(0)


def test_a_file_is_cancelled_and_one_that_does_not_fit_is_told_before_it_travels(visit: Visit, tmp_path: Path) -> None:
    visitor = visit(quota_bytes=3_000_000)
    page = visitor.page
    large, small = tmp_path / "large.bin", tmp_path / "small.txt"
    large.write_bytes(os.urandom(5_000_000))
    small.write_text("small")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("main").get_by_role("link", name="Add files").click()
    chooser.value.set_files([large, small])
    expect(page.locator("#dialog [role=alert]")).to_contain_text("do not fit")
    expect(page.locator("#dialog .left-out")).to_contain_text("large.bin")
    visitor.check_access()
    page.locator("#dialog").get_by_role("button", name="Add 1 file that fits").click()
    expect(page.locator(".tray-item.is-done")).to_have_count(1)
    expect(page.locator(".tray-item")).to_have_count(1)
    send(page, large)
    expect(page.locator("#dialog")).to_contain_text("Nothing has been sent.")
    expect(page.locator("#dialog .button-primary")).to_have_count(0)
    page.locator("#dialog").get_by_role("link", name="Close").click()
    visitor.check_access()
    visitor.watch.expected += ["ERR_INTERNET_DISCONNECTED", "htmx:"]  # being offline is told on the console as well
    page.context.set_offline(True)
    medium = tmp_path / "medium.bin"
    medium.write_bytes(os.urandom(1_500_000))
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("u")
    chooser.value.set_files(medium)
    item = page.locator(".tray-item", has_text="medium.bin")
    item.get_by_role("button", name=re.compile("^Cancel")).click()
    expect(item).to_contain_text("Cancelled")
    page.context.set_offline(False)


@pytest.mark.parametrize("device", [DESKTOP, pytest.param(PHONE, marks=pytest.mark.soak)], ids=["desktop", "phone"])
def test_a_name_that_is_taken_is_asked_about_and_versions_are_kept(
    visit: Visit, tmp_path: Path, device: dict[str, object]
) -> None:
    visitor = visit(**device)
    page = visitor.page
    letter, list_ = tmp_path / "letter.txt", tmp_path / "list.txt"
    letter.write_text("first")
    list_.write_text("one")
    send(page, letter, list_)
    expect(page.locator(".tray-item.is-done")).to_have_count(2)
    expect(page.locator("[data-list] [data-item]")).to_have_count(2)
    letter.write_text("second, longer")
    list_.write_text("two")
    send(page, letter, list_)
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("2 names are taken")
    dialog.get_by_label("Replace it as a new version").check()
    dialog.get_by_text("Decide for each").click()
    dialog.get_by_label("list.txt").select_option("keep")
    visitor.check_access()
    dialog.get_by_role("button", name="Add").click()
    expect(page.locator(".tray-item.is-done")).to_have_count(4)
    for name in ("letter.txt", "list.txt", "list (2).txt"):
        expect(thing(page, name)).to_be_visible()
    expect(page.locator("[data-list] [data-item]")).to_have_count(3)

    # All skipped, and a question that is closed: nothing is added
    send(page, letter)
    dialog.get_by_label("Skip: leave what is there").check()
    dialog.get_by_role("button", name="Add").click()
    expect(dialog).to_be_hidden()
    send(page, letter)
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator(".tray-item")).to_have_count(4)

    # The versions on the document's page
    thing(page, "letter.txt").click()
    versions = page.locator("#versions")
    expect(versions.locator(".version")).to_have_count(2)
    versions.get_by_label("Write a note on version 1").click()
    dialog.get_by_label("Note").fill("as it was sent")
    dialog.get_by_role("button", name="Save").click()
    expect(versions).to_contain_text("as it was sent")
    versions.get_by_label("Make version 1 the current one").click()
    expect(page.locator("main code")).to_have_text(hashlib.sha256(b"first").hexdigest())
    versions.get_by_label("Delete version 2 for good").click()
    dialog.get_by_role("button", name="Delete for good").click()
    expect(versions.locator(".version")).to_have_count(1)
    letter.write_text("third")
    with page.expect_file_chooser() as chooser:
        versions.get_by_role("link", name="Add a new version").click()
    chooser.value.set_files(letter)
    expect(versions.locator(".version")).to_have_count(2)
    expect(page.locator("main code")).to_have_text(sha256(letter))
    visitor.check_access()


def test_bytes_that_are_there_already_are_noticed(visit: Visit, tmp_path: Path) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("the same")
    two.write_text("the same")
    send(page, one)
    expect(page.locator(".tray-item.is-done")).to_have_count(1)
    expect(page.locator("[data-tray-twins]")).to_be_hidden()
    send(page, two)
    page.locator("[data-tray-twins]").click()
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("one.txt")
    visitor.check_access()
    dialog.get_by_label("Use that one and drop the new one").check()
    dialog.get_by_role("button", name="Do as chosen").click()
    toast_says(page, "1 file was cleared up.")
    expect(page.locator("[data-list] [data-item]")).to_have_count(1)


def test_an_upload_is_paused_and_goes_on_where_it_was_also_after_a_reload(visit: Visit, tmp_path: Path) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    wire = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 800_000}
    file = tmp_path / "film.bin"
    file.write_bytes(os.urandom(12_000_000))
    sent: list[str] = []
    page.on(
        "request",
        lambda request: sent.append(request.method) if re.search("/uploads/(?!foresee|twins)", request.url) else None,
    )

    def begin() -> None:
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("u")
        chooser.value.set_files(file)

    wire.send("Network.emulateNetworkConditions", slow)
    begin()
    item = page.locator(".tray-item", has_text="film.bin")
    expect(item.locator(".state")).to_contain_text("/s")
    item.get_by_role("button", name=re.compile("^Pause")).click()
    expect(item).to_contain_text("Paused")
    item.get_by_role("button", name=re.compile("^Go on")).click()
    expect(item.locator(".state")).to_contain_text("/s")
    assert sent.count("HEAD") >= 1

    # The page is left in the middle and opened again: the same file goes on from where it was
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    wire.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    begin()
    expect(page.locator(".tray-item.is-done")).to_have_count(1, timeout=30_000)
    assert sent.count("POST") == 1
    thing(page, "film.bin").click()
    expect(page.locator("main code")).to_have_text(sha256(file))


def test_a_file_dropped_on_a_document_is_its_next_version(visit: Visit, tmp_path: Path) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    letter, other = tmp_path / "letter.txt", tmp_path / "corrected.txt"
    letter.write_text("first")
    other.write_text("second")
    send(page, letter)
    thing(page, "letter.txt").click()
    expect(page.locator("#versions .version")).to_have_count(1)
    drop(page, letter, other)
    toast_says(page, "One file at a time becomes a new version.")
    drop(page, other)
    expect(page.locator("#versions .version")).to_have_count(2)
    expect(page.get_by_role("heading", level=1)).to_have_text("letter.txt")
    expect(page.locator("main code")).to_have_text(sha256(other))
    visitor.check_access()


def test_an_upload_outlasts_a_vault_that_is_away_for_a_while(visit: Visit, tmp_path: Path) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    visitor.watch.expected += ["net::ERR"]
    file = tmp_path / "film.bin"
    file.write_bytes(os.urandom(4_000_000))
    is_away = True

    def answer(route: Route) -> None:
        if is_away and route.request.method in {"PATCH", "HEAD"}:
            route.abort("connectionrefused")
        else:
            route.continue_()

    page.route("**/uploads/*/", answer)
    send(page, file)
    item = page.locator(".tray-item", has_text="film.bin")
    expect(item).to_contain_text("Trying again")
    visitor.check_access()
    is_away = False
    expect(page.locator(".tray-item.is-done")).to_have_count(1, timeout=30_000)
    thing(page, "film.bin").click()
    expect(page.locator("main code")).to_have_text(sha256(file))
