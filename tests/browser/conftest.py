"""A real Chromium against the real application: its own process, database, store and worker."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    expect,
    sync_playwright,
)

from documents.management.papers import pdf, png
from docuvault.stack.browser import find_browser
from docuvault.stack.process import end
from docuvault.stack.web import command as web_command
from tests.ground import at, make_copy, one_at_a_time, static_root

CHECKOUT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery staple"
expect.set_options(timeout=20_000)  # the other half of the tests runs beside these
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
AXE_SCRIPT = (CHECKOUT / "node_modules" / "axe-core" / "axe.min.js").read_text()


# Of what axe looks for by itself.
OF_COLOURS = ("color-contrast", "link-in-text-block")
# Runs what it is sent, a line each, and answers whether it went well and what it printed.
AIDE = """
import contextlib, io, json, sys, traceback
from django.db import connections
for line in sys.stdin:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            exec(json.loads(line), {})
            is_done = True
        except Exception:
            traceback.print_exc(file=said)
            is_done = False
    connections.close_all()
    print(json.dumps([is_done, said.getvalue()]), flush=True)
"""


@dataclass(frozen=True)
class Site:
    """Where the vault runs, and the environment of its processes."""

    address: str
    environment: dict[str, str]
    _aide: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def manage(self, *words: str) -> str:
        """Run `manage.py` beside it."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=CHECKOUT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def python(self, code: str) -> str:
        """What the code prints, run under the site's settings; one process runs it all, for starting takes long."""
        if not self._aide:
            self._aide.append(
                subprocess.Popen(
                    [sys.executable, "manage.py", "shell", "--no-imports", "-c", AIDE],
                    cwd=CHECKOUT,
                    env=self.environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
        aide = self._aide[0]
        assert aide.stdin
        assert aide.stdout
        aide.stdin.write(json.dumps(code).encode() + b"\n")
        aide.stdin.flush()
        is_done, printed = json.loads(aide.stdout.readline())
        assert is_done, printed[-3000:]
        return str(printed)

    def end(self) -> None:
        for aide in self._aide:
            end(aide, signal.SIGTERM, patience=10)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The vault's database of its own beside the tests', granian, and a worker."""
    folder = tmp_path_factory.mktemp("site")
    name = f"walk_{secrets.token_hex(4)}"
    make_copy(name)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": at(name, "DATABASE_URL"),
        "DATABASE_MIGRATE_URL": at(name),
        # A vault of its own has a bucket of its own: the mark in it names this one.
        "S3_BUCKET": f"{os.environ['S3_BUCKET']}-site",
        "DJANGO_SETTINGS_MODULE": "tests.quick",
        "DOCUVAULT_DATA": str(folder),
        "DOCUVAULT_STATIC_ROOT": str(static_root()),
        "DOCUVAULT_BASE_URL": f"http://localhost:{port}",
        "DOCUVAULT_ADMIN_EMAIL": "ada@vault.test",
        "DOCUVAULT_ADMIN_PASSWORD": PASSWORD,
        "DOCUVAULT_WORKERS": "1",
        "PORT": str(port),
    }
    made = Site(f"http://localhost:{port}", environment)
    made.python("from documents.storage import store\nstore().make_bucket()")
    with one_at_a_time():
        made.manage("prepare")
    log = (folder / "site.log").open("wb")
    processes = [
        subprocess.Popen(command, cwd=CHECKOUT, env=own, stdout=log, stderr=log, start_new_session=True)
        for command, own in (
            (web_command("127.0.0.1", port), {**environment, "DOCUVAULT_DB_POOL_SIZE": "10"}),
            # A pool does not outlive the fork by which the cluster makes its processes.
            ([sys.executable, "manage.py", "qcluster"], environment),
        )
    ]
    try:
        wait_for(made.address + "/icons.svg", folder / "site.log")
        yield made
    finally:
        made.end()
        for process in processes:
            end(process, signal.SIGTERM, patience=10)
        log.close()


def wait_for(address: str, log: Path) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the site did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """One for each file, ended with it: as long as it lives, Django takes this thread for one that runs a loop,
    and refuses every test that follows the database."""
    with sync_playwright() as made:
        yield made
    assert asyncio._get_running_loop() is None


@pytest.fixture(scope="session")
def chromium() -> str:
    """Looked for before Playwright runs, since looking may need one of its own."""
    return find_browser()


@pytest.fixture(scope="module")
def browser(chromium: str, playwright: Playwright) -> Iterator[Browser]:
    """Chromium, wherever this machine has one; the tests fail, and do not skip, where there is none."""
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    made = playwright.chromium.launch(executable_path=chromium, args=flags)
    yield made
    made.close()


@dataclass
class Watch:
    """What went wrong in a page without anybody looking: errors, refused policies, foreign requests."""

    problems: list[str]
    expected: list[str] = field(default_factory=list)  # words of errors that the test itself brings about

    def see(self, page: Page, home: str) -> None:
        def console(message: ConsoleMessage) -> None:
            is_expected = any(words in message.text for words in ("status of 4", *self.expected))
            if message.type == "error" and not is_expected:
                self.problems.append(f"console on {page.url}: {message.text}")

        def requested(request: Request) -> None:
            if not request.url.startswith((home, "data:", "blob:")):
                self.problems.append(f"request to {request.url}")

        page.on("console", console)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("request", requested)


@pytest.fixture
def watch() -> Iterator[Watch]:
    made = Watch([])
    yield made
    assert made.problems == []


class Visitor:
    """Somebody at a browser: opens pages, signs in, looks for faults of access."""

    def __init__(self, browser: Browser, site: Site, watch: Watch, **options: Any) -> None:
        self.site, self.watch, self.handle = site, watch, ""
        # Frames that are drawn without a graphics card cost as much as the vault itself; a phone shows them all.
        options.setdefault("reduced_motion", "no-preference" if options.get("is_mobile") else "reduce")
        self.context: BrowserContext = browser.new_context(base_url=site.address, accept_downloads=True, **options)
        self.context.set_default_timeout(15_000)
        self.page = self.context.new_page()
        # Asked for once and for all: switched on at the press of a key it would come too late.
        self.page.on("filechooser", lambda chooser: None)
        watch.see(self.page, site.address)

    def sign_in(self, handle: str) -> "Visitor":
        self.handle = handle
        self.page.goto("/account/login/")
        self.page.fill("input[name=login]", handle)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_url("**/files/")
        return self

    def check_access(self, *rules: str) -> None:
        """axe finds nothing on the page as it stands. Evaluated by the debugger, so the page's policy holds."""
        before = len(self.watch.problems)
        # What is fading in has not its own colours yet.
        self.page.evaluate("() => Promise.allSettled(document.getAnimations().map(one => one.finished))")
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        found = self.page.evaluate(
            "rules => axe.run(document, {resultTypes: ['violations'], ...(rules.length ? {runOnly: rules} : {})})"
            ".then(r => r.violations.map(v => v.id + ': ' + v.nodes.map("
            "n => n.target.join(' ') + ' ' + n.failureSummary).slice(0, 3).join(' | ')))",
            list(rules),
        )
        # axe tries inline styles of its own while it measures; the page itself has none.
        self.watch.problems[before:] = [p for p in self.watch.problems[before:] if "Applying inline style" not in p]
        assert found == [], f"{self.page.url}: {found}"

    def look(self, name: str = "", widths: Sequence[int] = (), *, may_scroll: bool = False) -> None:
        """In light and in dark axe finds nothing, and nothing is wider than the screen at these widths.

        Of what axe looks for, colours alone depend on the scheme. With DOCUVAULT_SHOTS, pictures go to that folder.
        """
        shots = os.environ.get("DOCUVAULT_SHOTS")
        usual = self.page.viewport_size or {"width": 1280, "height": 900}
        schemes: tuple[tuple[Literal["light", "dark"], tuple[str, ...]], ...] = (("light", ()), ("dark", OF_COLOURS))
        for scheme, rules in schemes:
            self.page.emulate_media(color_scheme=scheme)
            self.check_access(*rules)
            for width in widths or (usual["width"],):
                if scheme == "light" or shots:
                    self.page.set_viewport_size({"width": width, "height": usual["height"]})
                    wider = self.page.evaluate(
                        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                    )
                    assert wider <= 0 or may_scroll, (self.page.url, width, wider)
                if shots and name:
                    self.page.wait_for_timeout(300)  # places slide away when the page becomes narrow
                    self.page.screenshot(path=f"{shots}/{name}-{width}-{scheme}.png", full_page=True)
            self.page.set_viewport_size(usual)
        self.page.emulate_media(color_scheme="light")


def make_person(site: Site, handle: str, quota_bytes: int = 104_857_600) -> None:
    site.python(
        "from accounts.actions import make_user\nfrom accounts.actors import Actor\n"
        f"make_user({handle!r}, {handle + '@vault.test'!r}, by=Actor.command(), password={PASSWORD!r},"
        f" display_name={handle.title()!r}, is_confirmed=True, limit_bytes={quota_bytes})"
    )


@pytest.fixture
def visit(browser: Browser, site: Site, watch: Watch) -> Iterator[Callable[..., Visitor]]:
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
