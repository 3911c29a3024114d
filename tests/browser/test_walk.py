"""The main job, walked as people do it: with a mouse, on a phone, by keyboard alone, and without scripts."""

import hashlib
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.conftest import Site, Visitor, Watch
from tests.browser.hands import DESKTOP, PHONE, WIDTHS, Visit, add, choose, send, sha256, thing, toast_says

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_main_job(visit: Visit, papers: list[Path], tree: Path, device: dict[str, object], tmp_path: Path) -> None:
    visitor = visit(**device)
    page = visitor.page
    is_phone = device is PHONE
    expect(page.get_by_role("heading", name="Put your first papers in")).to_be_visible()
    before = page.locator("#quota span").text_content()

    # Twenty files at once, and a folder with all in it
    add(page, papers)
    expect(page.locator("[data-list] [data-item]")).to_have_count(20)
    assert page.locator("#quota span").text_content() != before
    with page.expect_file_chooser() as chooser:
        page.evaluate("document.dispatchEvent(new CustomEvent('vault:choose', {detail: 'folder'}))")
    chooser.value.set_files(tree)
    expect(page.locator("#dialog")).to_contain_text("3 folders will be made")
    page.locator("#dialog").get_by_role("button", name="Add").click()
    expect(page.locator(".tray-item.is-done")).to_have_count(23)
    page.locator("[data-tray-close]").click()
    expect(page.get_by_role("link", name="Household", exact=True).last).to_be_visible()

    # Folders: made, renamed, moved
    page.goto("/folders/new/")
    page.get_by_label("Name", exact=True).fill("Taxes")
    page.get_by_role("button", name="Make the folder").click()
    expect(page.get_by_role("link", name="Taxes", exact=True).last).to_be_visible()
    page.get_by_label("Details of Taxes").click()
    page.locator("#details").get_by_role("link", name="Rename").click()
    page.locator("#dialog").get_by_label("Name", exact=True).fill("Tax 2024")
    page.locator("#dialog").get_by_role("button", name="Rename").click()
    toast_says(page, "It is called “Tax 2024” now.")
    page.get_by_label("Details of Tax 2024").click()
    page.locator("#details").get_by_role("link", name="Move").click()
    page.locator("#dialog").get_by_label("Household", exact=True).check()
    page.locator("#dialog").get_by_role("button", name="Move here").click()
    toast_says(page, "Moved to Household.")

    # A topic with a colour
    page.goto("/topics/")
    page.get_by_role("link", name="New topic").click()
    page.locator("#dialog").get_by_label("Name", exact=True).fill("Important")
    page.locator("#dialog").get_by_text("Green", exact=True).click()
    page.locator("#dialog").get_by_role("button", name="Make the topic").click()
    toast_says(page, "Made the topic")

    # Several at once: topic on, topic off, moved, downloaded, thrown away, brought back
    page.goto("/files/")
    first, second, third = (path.name for path in papers[:3])
    choose(page, first, second, third)
    expect(page.locator(".selection-bar output")).to_have_text("3 chosen")
    page.locator(".selection-bar [value=tag]").click()
    page.locator("#dialog").get_by_label("Important").check()
    page.locator("#dialog").get_by_role("button", name="Add the topic").click()
    toast_says(page, "on 3 documents")
    choose(page, third)
    page.locator(".selection-bar [value=untag]").click()
    page.locator("#dialog").get_by_label("Important").check()
    page.locator("#dialog").get_by_role("button", name="Remove the topic").click()
    toast_says(page, "off 1 document")
    page.get_by_label("Only this topic").select_option(label="Important")
    expect(page.locator("[data-list] [data-item]")).to_have_count(2)
    page.goto("/files/")
    choose(page, first, second)
    with page.expect_download() as download:
        page.locator(".selection-bar [value=download]").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert hashlib.sha256(archive.read(first)).hexdigest() == sha256(papers[0])
        assert f"{sha256(papers[1])}  {second}" in archive.read("SHA256SUMS.txt").decode()
    page.locator(".selection-bar [value=move]").click()
    page.locator("#dialog").get_by_label("Household", exact=True).check()
    page.locator("#dialog").get_by_role("button", name="Move here").click()
    toast_says(page, "Moved 2 things to Household.")
    choose(page, third)
    page.locator(".selection-bar [value=trash]").click()
    expect(page.get_by_label(f"Choose {third}", exact=True)).to_have_count(0)
    page.get_by_role("button", name=re.compile("Undo")).click()
    expect(page.get_by_label(f"Choose {third}", exact=True)).to_have_count(1)

    # Found by a part of its name, opened, downloaded: the same bytes
    page.locator("#search").fill(first[2:12])
    option = page.locator("#search-results [role=option]", has_text=first).first
    expect(option).to_be_visible()
    option.click()
    expect(page.get_by_role("heading", level=1, name=first)).to_be_visible()
    expect(page.locator("main code")).to_have_text(sha256(papers[0]))
    with page.expect_download() as download:
        page.locator("main").get_by_role("link", name="Download", exact=True).first.click()
    target = tmp_path / "came-out"
    download.value.save_as(target)
    assert sha256(target) == sha256(papers[0])
    assert download.value.suggested_filename == first
    visitor.check_access()

    # Thrown away, restored, thrown away for good
    page.locator("main").get_by_role("link", name="Throw away").click()
    page.locator("#dialog").get_by_role("button", name="Throw away").click()
    expect(page.locator("main h1", has_text="Household")).to_be_visible()
    page.goto("/trash/")
    page.get_by_label(f"Restore {first}").click()
    expect(page.get_by_role("heading", name="The trash is empty")).to_be_visible()
    page.goto("/files/")
    choose(page, third)
    page.locator(".selection-bar [value=trash]").click()
    expect(page.get_by_label(f"Choose {third}", exact=True)).to_have_count(0)
    page.goto("/trash/")
    page.get_by_label(f"Delete {third} for good").click()
    page.locator("#dialog").get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", name="The trash is empty")).to_be_visible()
    if not is_phone:
        page.goto("/activity/")
        expect(page.locator(".timeline").get_by_text(re.compile("You deleted for good")).first).to_be_visible()


def test_by_keyboard_alone(visit: Visit, papers: list[Path]) -> None:
    visitor = visit(**DESKTOP)
    page, keys = visitor.page, visitor.page.keyboard
    keys.press("n")
    expect(page.locator("#dialog")).to_be_visible()
    keys.type("Letters")
    keys.press("Enter")
    toast_says(page, "Made the folder")
    expect(page.locator("#main")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        keys.press("u")
    chooser.value.set_files(papers[:3])
    expect(page.locator(".tray-item.is-done")).to_have_count(3)
    expect(page.locator("[data-list] [data-item]")).to_have_count(4)
    keys.press("j")
    keys.press("j")
    keys.press("x")
    expect(page.locator(".selection-bar output")).to_have_text("1 chosen")
    keys.press("m")
    expect(page.locator("#pick")).to_be_focused()
    keys.type("lett")
    expect(page.locator("#picker label")).to_have_count(2)
    keys.press("Tab")
    keys.press("ArrowDown")
    keys.press("Enter")
    toast_says(page, "Moved 1 thing to Letters.")
    keys.press("?")
    expect(page.locator("#keys")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    expect(page.locator("#main")).to_be_focused()
    keys.press("/")
    expect(page.locator("#search")).to_be_focused()
    keys.type("letters")
    expect(page.locator("#search-results [role=option]").first).to_be_visible()
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Letters")).to_be_visible()
    page.goto("/files/")
    keys.press("j")
    keys.press("j")
    keys.press("#")
    toast_says(page, "in the trash")
    keys.press("Tab")
    page.locator(".skip").focus()
    keys.press("Enter")
    expect(page).to_have_url(re.compile("#main$"))


def test_what_somebody_has_begun_stays_when_answers_come_late(visit: Visit, papers: list[Path]) -> None:
    visitor = visit(**DESKTOP)
    page, keys = visitor.page, visitor.page.keyboard
    send(page, papers[0])
    expect(page.locator("[data-list] [data-item]")).to_have_count(1)
    late: list[Route] = []

    # The page is asked for twice, as when files have arrived and a reading ends, and a dialog opened meanwhile.
    page.route("**/files/", lambda route: late.append(route) if route.request.method == "GET" else route.continue_())
    page.evaluate("() => { for (let n = 0; n < 2; n += 1) document.dispatchEvent(new Event('refresh')); }")
    keys.press("n")
    expect(page.locator("#dialog")).to_be_visible()
    keys.type("Letters")
    while late:
        with page.expect_response("**/files/"):
            late.pop().continue_()
        page.wait_for_timeout(200)
    expect(page.locator("#dialog").get_by_label("Name", exact=True)).to_have_value("Letters")
    page.unroute("**/files/")
    keys.press("Enter")
    toast_says(page, "Made the folder")

    # Folders that fit come when one is chosen already.
    page.route("**/folders/pick/**", lambda route: late.append(route))
    choose(page, papers[0].name)
    keys.press("m")
    expect(page.locator("#pick")).to_be_focused()
    keys.type("lett")
    page.wait_for_timeout(300)
    keys.press("Tab")
    keys.press("ArrowDown")
    with page.expect_response("**/folders/pick/**"):
        late.pop().continue_()
    page.wait_for_timeout(200)
    keys.press("Enter")
    toast_says(page, "Moved 1 thing to Letters.")


def test_without_scripts_everything_is_a_plain_form(visit: Visit, papers: list[Path], tmp_path: Path) -> None:
    visitor = visit(**DESKTOP, java_script_enabled=False)
    page = visitor.page
    page.get_by_role("main").get_by_role("link", name="New folder").first.click()
    page.get_by_label("Name", exact=True).fill("Plain")
    page.get_by_role("button", name="Make the folder").click()
    expect(page.get_by_text("Made the folder “Plain”.")).to_be_visible()
    thing(page, "Plain").click()
    page.get_by_role("main").get_by_role("link", name="Add files").click()
    page.locator("input[type=file]").set_input_files(papers[:3])
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Added 3 files.")).to_be_visible()
    expect(page.get_by_role("heading", level=1, name="Plain")).to_be_visible()
    name = papers[0].name
    page.goto("/topics/new/")
    page.get_by_label("Name", exact=True).fill("Red")
    page.get_by_label("Red", exact=True).check()
    page.get_by_role("button", name="Make the topic").click()
    page.goto("/files/")
    thing(page, "Plain").click()
    choose(page, name, papers[1].name)
    page.locator(".selection-bar [value=tag]").click()
    page.get_by_label("Red", exact=True).check()
    page.get_by_role("button", name="Add the topic").click()
    expect(page.get_by_text("on 2 documents")).to_be_visible()
    choose(page, name)
    page.locator(".selection-bar [value=move]").click()
    page.get_by_label("Files", exact=True).check()
    page.get_by_role("button", name="Move here").click()
    expect(page.get_by_text("Moved 1 thing to Files.")).to_be_visible()
    thing(page, name).click()
    with page.expect_download() as download:
        page.get_by_role("main").get_by_role("link", name="Download", exact=True).first.click()
    target = tmp_path / "out"
    download.value.save_as(target)
    assert sha256(target) == sha256(papers[0])
    page.get_by_role("button", name="Star", exact=True).click()
    expect(page.get_by_text("Starred.")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("renamed.bin")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_text("It is called “renamed.bin” now.")).to_be_visible()
    page.goto("/find/?q=renam")
    page.get_by_role("main").get_by_role("link", name=re.compile("renamed.bin")).click()
    page.get_by_role("main").get_by_role("link", name="Throw away").click()
    page.get_by_role("button", name="Throw away").click()
    page.goto("/trash/")
    page.get_by_label("Restore renamed.bin").click()
    expect(page.get_by_text("is back in Files")).to_be_visible()
    page.goto("/files/")
    choose(page, "renamed.bin")
    page.locator(".selection-bar [value=trash]").click()
    page.goto("/trash/")
    page.get_by_role("link", name="Empty the trash").click()
    page.get_by_role("button", name="Delete everything in the trash").click()
    expect(page.get_by_role("heading", name="The trash is empty")).to_be_visible()


PAGES = (
    "/files/", "/files/?view=tiles", "/recent/", "/starred/", "/topics/", "/topics/new/", "/trash/", "/trash/empty/",
    "/space/", "/activity/", "/find/", "/find/?q=e", "/add/", "/folders/new/", "/profile/", "/account/email/",
    "/account/password/change/", "/account/second-step/", "/account/logout/", "/no/such/page",
)  # fmt: skip
OUTSIDE = (
    "/account/login/", "/account/signup/", "/account/password/reset/", "/account/password/reset/done/",
    "/join/unknown/",
)  # fmt: skip
DESK = (
    "/people/", "/outbox/", "/admin/", "/admin/sharing/auditevent/", "/admin/documents/document/",
    "/admin/documents/topic/add/",
)  # fmt: skip


def test_axe_finds_nothing_on_any_page(
    visit: Visit, browser: Browser, site: Site, watch: Watch, papers: list[Path]
) -> None:
    visitor = visit(**DESKTOP)
    add(visitor.page, papers[:6])
    visitor.page.locator("[data-tray-close]").click()
    stranger = Visitor(browser, site, watch, **DESKTOP)
    ada = Visitor(browser, site, watch, **DESKTOP).sign_in("ada")
    for who, addresses in ((visitor, PAGES), (stranger, OUTSIDE), (ada, DESK)):
        for address in addresses:
            who.page.goto(address)
            name = re.sub(r"\W+", "-", address).strip("-") or "home"
            who.look(name, WIDTHS, may_scroll=address.startswith("/admin/"))
    page = visitor.page
    page.goto("/files/?view=list")
    page.locator(".row .name").first.click()
    expect(page.get_by_role("heading", name="Facts")).to_be_visible()
    visitor.look()
    page.get_by_role("main").get_by_role("link", name="Move", exact=True).click()
    expect(page.locator("#dialog")).to_be_visible()
    page.wait_for_timeout(300)
    visitor.look()
    stranger.context.close()
    ada.context.close()
