"""The cast and the ground every test stands on: a real PostgreSQL as the application's own role."""

import functools
import gc
import itertools
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import botocore.session
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, TransactionTestCase
from django.test.utils import setup_databases, teardown_databases
from pytest_django.plugin import DjangoDbBlocker

from accounts.actions import make_user
from accounts.actors import Actor
from accounts.models import Group, Membership, Role, User
from documents import storage
from docuvault.lib.roles import migration_role
from tests.emptying import Emptier
from tests.ground import QUICK_HASHERS, copy_rights, migrated_template
from tests.totals import TOTALS

CORPUS = Path(os.environ.get("DOCUVAULT_CORPUS") or Path(__file__).resolve().parent.parent / "shared" / "corpus")
# Folders whose tests take seconds each.
LONG = frozenset({"browser", "faults", "stack"})
NUMBERS = itertools.count(1)
PASSWORD = "correct horse battery staple"


def pytest_collection_finish() -> None:
    """What is there now stays to the end: to look through it for garbage again and again is a twentieth of a run."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait for browsers and processes first, and those that ask for more time than others; then those of
    many tests: so no worker is left with a long file at the end. Within a file the order stays."""
    counts = Counter(item.path for item in items)
    long = {item.path for item in items if item.get_closest_marker("timeout") or not LONG.isdisjoint(item.path.parts)}

    def place(item: pytest.Item) -> tuple[bool, int, str]:
        return item.path not in long, -counts[item.path], str(item.path)

    items.sort(key=place)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What `make soak` closes with."""
    if config.option.markexpr == "soak":
        terminalreporter.section("soak")
        for line in TOTALS.lines():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    """Databases are made and removed by the migration role; what tests do runs as the application's."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated_template()
        with migration_role():
            made = setup_databases(verbosity=0, interactive=False)
        copy_rights(connection.settings_dict["NAME"])
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (settings.APP_ROLE,)
    emptier = Emptier()
    TransactionTestCase._fixture_teardown = lambda case: emptier.empty()  # type: ignore[attr-defined]
    yield
    emptier.close()
    with django_db_blocker.unblock(), migration_role():
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session", autouse=True)
def quick_settings() -> None:
    """Hashing that takes its time, and collected static files, are for the real server."""
    settings.PASSWORD_HASHERS = QUICK_HASHERS
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(scope="session", autouse=True)
def one_loader() -> None:
    """What S3 is described by, a megabyte of JSON, is read once, though every file has a store of its own."""
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)


@pytest.fixture(scope="module", autouse=True)
def bucket() -> Iterator[None]:
    """A bucket for each file: what other files left would be listed again and again."""
    usual = settings.S3_BUCKET
    name = f"{usual}-{next(NUMBERS)}"
    os.environ["S3_BUCKET"] = settings.S3_BUCKET = name
    storage._store = None
    storage.store().make_bucket()
    yield
    os.environ["S3_BUCKET"] = settings.S3_BUCKET = usual
    if settings.STORE_ROOT:
        shutil.rmtree(Path(settings.STORE_ROOT, name), ignore_errors=True)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real and hostile files."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of files (../shared/corpus) is not beside this checkout")
    return CORPUS


def person(handle: str, role: str = Role.MEMBER) -> User:
    """One of the cast, or another."""
    return make_user(
        handle,
        f"{handle}@vault.test",
        by=Actor.system(),
        password=PASSWORD,
        display_name=handle.title(),
        role=role,
        is_confirmed=True,
    )


@pytest.fixture
def alice(db: None) -> User:
    """Owns."""
    return person("alice")


@pytest.fixture
def bob(db: None) -> User:
    """Reads what Alice shares."""
    return person("bob")


@pytest.fixture
def dora(db: None) -> User:
    """Edits what Alice shares."""
    return person("dora")


@pytest.fixture
def gina(db: None) -> User:
    """Comes through a group."""
    made = person("gina")
    group = Group.objects.create(name="Family", name_key="family")
    Membership.objects.create(group=group, user=made)
    return made


@pytest.fixture
def charlie(db: None) -> User:
    """A stranger."""
    return person("charlie")


@pytest.fixture
def admin_person(db: None) -> User:
    """Runs the server."""
    return person("ada", Role.ADMIN)


@pytest.fixture
def alice_actor(alice: User) -> Actor:
    return Actor.for_user(alice)


@pytest.fixture
def bob_actor(bob: User) -> Actor:
    return Actor.for_user(bob)


@pytest.fixture
def dora_actor(dora: User) -> Actor:
    return Actor.for_user(dora)


@pytest.fixture
def gina_actor(gina: User) -> Actor:
    return Actor.for_user(gina)


@pytest.fixture
def charlie_actor(charlie: User) -> Actor:
    return Actor.for_user(charlie)


@pytest.fixture
def admin_actor(admin_person: User) -> Actor:
    return Actor.for_user(admin_person)


@pytest.fixture
def client_for() -> Callable[[User], Client]:
    """A test client signed in as this person."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="accounts.adapters.People")
        return client

    return sign_in
