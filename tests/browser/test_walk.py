"""The main job, walked as people do it: with a mouse, on a phone, by keyboard alone, and without scripts."""

import hashlib
import os
import re
import secrets
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from documents.management.papers import pdf, png
from tests.browser.conftest import Site, Visitor, Watch, make_person

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, site: Site, watch: Watch) -> Iterator[Visit]:
    """A fresh person in a fresh browser."""
    visitors: list[Visitor] = []

    def come(quota_bytes: int = 104_857_600, **options: object) -> Visitor:
        handle = f"w{secrets.token_hex(4)}"
        make_person(site, handle, quota_bytes)
        visitor = Visitor(browser, site, watch, **options)
        visitors.append(visitor)
        return visitor.sign_in(handle)

    yield come
    for visitor in visitors:
        visitor.context.close()


@pytest.fixture
def papers(tmp_path: Path, request: pytest.FixtureRequest) -> list[Path]:
    """Twenty files: real and hostile ones of the corpus where it is there, else our own; an empty one in any case."""
    corpus = Path(__file__).resolve().parents[3] / "shared" / "corpus"
    found = []
    if corpus.is_dir():
        for folder in ("pdf", "office", "images", "mail", "hostile/active", "hostile/names"):
            found += sorted(path for path in (corpus / folder).iterdir() if path.is_file())[:4]
    made = tmp_path / "papers"
    made.mkdir()
    for number in range(20 - len(found[:19])):
        path = made / f"letter {number}.pdf"
        path.write_bytes(pdf(f"Letter {number}", ["Dear reader"]))
        found.insert(0, path)
    (made / "empty.txt").write_bytes(b"")
    return [*found[:19], made / "empty.txt"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with sub-folders."""
    root = tmp_path / "Household"
    (root / "Car" / "Insurance").mkdir(parents=True)
    (root / "notes.txt").write_text("notes")
    (root / "Car" / "scratch.png").write_bytes(png(60, 40, 3))
    (root / "Car" / "Insurance" / "policy.pdf").write_bytes(pdf("Policy", ["Cover"]))
    return root


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


def toast_says(page: Page, words: str) -> None:
    expect(page.locator(".toast").filter(has_text=words).first).to_be_visible()


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
        page.locator("main").get_by_role("link", name="Download", exact=True).click()
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


def drop(page: Page, *paths: Path) -> None:
    """Drag these from the desktop onto the middle of the page, as the system does."""
    wire = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        wire.send("Input.dispatchDragEvent", {"type": kind, "x": 640, "y": 420, "data": data})


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
    page.get_by_role("main").get_by_role("link", name="Household", exact=True).click()
    for name in ("Car", "Nothing in it", "notes.txt"):
        expect(page.get_by_role("main").get_by_role("link", name=name, exact=True)).to_be_visible()
    drop(page, papers[4])
    expect(page.get_by_role("main").get_by_role("link", name=papers[4].name, exact=True)).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Car", exact=True).click()
    page.get_by_role("main").get_by_role("link", name="Insurance", exact=True).click()
    expect(page.get_by_role("main").get_by_role("link", name="policy.pdf", exact=True)).to_be_visible()

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
    expect(page.locator("#dialog [role=alert]")).to_contain_text("some of them will be refused")
    visitor.check_access()
    page.locator("#dialog").get_by_role("button", name="Add").click()
    expect(page.locator(".tray-item.is-done")).to_have_count(1)
    expect(page.locator(".tray-item.is-failed .state")).to_contain_text("Free some space")
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


def send(page: Page, *files: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("u")
    chooser.value.set_files(files)


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
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
        expect(page.get_by_role("main").get_by_role("link", name=name, exact=True)).to_be_visible()
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
    page.get_by_role("main").get_by_role("link", name="letter.txt", exact=True).click()
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
    assert sent.count("HEAD") == 1

    # The page is left in the middle and opened again: the same file goes on from where it was
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    wire.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    begin()
    expect(page.locator(".tray-item.is-done")).to_have_count(1, timeout=30_000)
    assert sent.count("POST") == 1
    page.get_by_role("main").get_by_role("link", name="film.bin", exact=True).click()
    expect(page.locator("main code")).to_have_text(sha256(file))


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


def test_without_scripts_everything_is_a_plain_form(visit: Visit, papers: list[Path], tmp_path: Path) -> None:
    visitor = visit(**DESKTOP, java_script_enabled=False)
    page = visitor.page
    page.get_by_role("main").get_by_role("link", name="New folder").first.click()
    page.get_by_label("Name", exact=True).fill("Plain")
    page.get_by_role("button", name="Make the folder").click()
    expect(page.get_by_text("Made the folder “Plain”.")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Plain", exact=True).click()
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
    page.get_by_role("main").get_by_role("link", name="Plain", exact=True).click()
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
    page.get_by_role("main").get_by_role("link", name=name, exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("main").get_by_role("link", name="Download", exact=True).click()
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
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(
    visit: Visit, browser: Browser, site: Site, watch: Watch, papers: list[Path], scheme: str
) -> None:
    shots = os.environ.get("DOCUVAULT_SHOTS")
    visitor = visit(**DESKTOP, color_scheme=scheme)
    add(visitor.page, papers[:6])
    visitor.page.locator("[data-tray-close]").click()
    stranger = Visitor(browser, site, watch, color_scheme=scheme, **DESKTOP)
    ada = Visitor(browser, site, watch, color_scheme=scheme, **DESKTOP).sign_in("ada")
    for who, addresses in ((visitor, PAGES), (stranger, OUTSIDE), (ada, DESK)):
        for address in addresses:
            who.page.goto(address)
            who.check_access()
            for width in (1280, 820, 390):
                who.page.set_viewport_size({"width": width, "height": 900})
                overflow = who.page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert overflow <= 0 or address.startswith("/admin/"), (address, width, overflow)
                if shots:
                    who.page.wait_for_timeout(300)  # places slide away when the page becomes narrow
                    name = re.sub(r"\W+", "-", address).strip("-") or "home"
                    who.page.screenshot(path=f"{shots}/{name}-{width}-{scheme}.png")
            who.page.set_viewport_size({"width": 1280, "height": 900})
    page = visitor.page
    page.goto("/files/?view=list")
    page.locator(".row .name").first.click()
    expect(page.get_by_role("heading", name="Facts")).to_be_visible()
    visitor.check_access()
    page.get_by_role("main").get_by_role("link", name="Move", exact=True).click()
    expect(page.locator("#dialog")).to_be_visible()
    page.wait_for_timeout(300)
    visitor.check_access()
    stranger.context.close()
    ada.context.close()
