"""A large file on its way while the server, the store and the page itself are started anew: it goes on where it was."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch
from tests.browser.hands import send, sha256, thing
from tests.outage import TOKEN, Vault, running_vault, soon

# What the program does meanwhile is in tests/test_outage.py; the page for a vault that is away, in test_adding.py.
pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240), pytest.mark.soak]
SIZE, THROUGHPUT = 64_000_000, 2_000_000


@pytest.fixture
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with running_vault(tmp_path_factory.mktemp("restarts")) as made:
        made.restart_web(kill_after="2")
        yield made


@pytest.fixture
def page(browser: Browser, vault: Vault, watch: Watch) -> Iterator[Page]:
    home = f"http://localhost:{vault.port}"
    context = browser.new_context(base_url=home, viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": vault.session, "url": home}])
    context.add_cookies([{"name": "csrftoken", "value": TOKEN, "url": home}])
    made = context.new_page()
    watch.expected += ["net::ERR", "status of 5"]
    watch.see(made, home)
    made.on("filechooser", lambda chooser: None)
    made.on("dialog", lambda dialog: dialog.accept())
    yield made
    context.close()


def test_a_large_file_outlasts_restarts_of_server_store_and_page(vault: Vault, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "film.bin"
    file.write_bytes(os.urandom(SIZE))
    begun: list[str] = []
    is_upload = re.compile(r"/uploads/$")
    page.on("request", lambda request: begun.append(request.method) if is_upload.search(request.url) else None)
    wire = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": THROUGHPUT}

    def came() -> int:
        rows = vault.rows("SELECT received_bytes FROM uploads WHERE name = 'film.bin'")
        return int(str(rows[0][0])) if rows else 0

    page.goto("/files/")
    wire.send("Network.emulateNetworkConditions", slow)
    send(page, file)
    assert soon(lambda: came() > 0)

    vault.restart_web(kill_after="2")
    before = came()
    assert 0 < before < SIZE
    assert soon(lambda: came() > before)

    vault.store.stop()
    item = page.locator(".tray-item", has_text="film.bin")
    expect(item).to_contain_text("Trying again", timeout=60_000)
    before = came()
    vault.store.start()
    assert soon(lambda: came() > before)
    before = came()
    page.wait_for_timeout(2_000)  # a part of the next piece is on its way

    page.reload()
    assert soon(lambda: came() > before), (came(), before)  # what came until then is kept
    assert came() < SIZE
    # Not before: a request under way would get the rest of its bytes through at once.
    wire.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    send(page, file)
    expect(page.locator(".tray-item.is-done")).to_have_count(1, timeout=60_000)
    assert begun.count("POST") == 1
    assert vault.rows("SELECT count(*), min(sha256) FROM documents WHERE name = 'film.bin'") == [(1, sha256(file))]
    thing(page, "film.bin").click()
    expect(page.locator("main code")).to_have_text(sha256(file))
