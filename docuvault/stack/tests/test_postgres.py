"""The embedded database: its locale, its roles, and what it bears."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from docuvault.stack.postgres import APP, SUPERUSER, Postgres
from docuvault.stack.process import StackError, family
from docuvault.stack.tests.running import until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Started under an environment that speaks another language, from a long path with spaces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LC_ALL", "C")
        patch.setenv("LANG", "tr_TR.ISO-8859-9")
        postgres = Postgres(tmp_path_factory.mktemp("a long name " * 12) / "data", durable=False)
        postgres.start()
    yield postgres
    postgres.remove()


def ask(server: Postgres, text: str, role: str = "docuvault_migrate") -> object:
    with psycopg.connect(server.url(role), autocommit=True) as connection:
        cursor = connection.execute(text)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_letters_of_all_scripts_keep_their_case_and_their_trigrams(server: Postgres) -> None:
    ask(server, "CREATE EXTENSION IF NOT EXISTS pg_trgm")
    assert ask(server, "SELECT lower('GRÖSSE ÄÖÜ ДОМ')") == "grösse äöü дом"
    assert ask(server, "SELECT cardinality(show_trgm('文書管理'))") == 5
    assert ask(server, "SELECT 'Größe' % 'größe'") is True
    assert ask(server, "SELECT similarity('Größe', 'GRÖßE')") == 1
    assert ask(server, "SHOW server_encoding") == "UTF8"


def test_rows_carry_checksums_and_strangers_need_a_password(server: Postgres) -> None:
    assert ask(server, "SHOW data_checksums") == "on"
    assert ask(server, "SHOW listen_addresses") == ""
    address = server.app_url.replace(server.passwords[APP], "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(address)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (n int)",
        "CREATE SCHEMA s",
        "CREATE DATABASE d",
        "CREATE ROLE r",
        "CREATE EXTENSION citext",
    ],
)
def test_the_application_may_make_nothing(server: Postgres, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(server, statement, APP)


def test_the_migration_role_owns_the_database_and_no_more(server: Postgres) -> None:
    assert ask(server, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'docuvault'") == (
        "docuvault_migrate"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(server, "CREATE DATABASE d")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(server, "CREATE ROLE r")


def test_its_socket_is_short_and_in_a_folder_of_its_user_alone(server: Postgres) -> None:
    assert len(str(server.sockets / ".s.PGSQL.5432")) < 107 < len(str(server.root))
    assert server.sockets.stat().st_mode & 0o077 == 0


def test_a_server_that_was_killed_comes_back_with_what_was_committed(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "data")
    try:
        server.start()
        ask(server, "CREATE TABLE kept AS SELECT 7 AS n")
        assert server.process is not None
        everybody = family(server.process.pid)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        server.start()  # at once: what is left of the old one lives on for a moment
        assert ask(server, "SELECT n FROM kept") == 7
        until(lambda: not [pid for pid in everybody if Path(f"/proc/{pid}").exists()], "the old one's end")
    finally:
        server.remove()


def test_a_set_up_that_was_cut_off_is_begun_anew(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path / "data", durable=False)
    try:
        postgres.prepare()
        half = postgres.cluster.with_name("cluster.new")
        postgres.cluster.rename(half)  # as if it had ended one step before the last
        (half / "global" / "pg_control").unlink()
        postgres.start()
        with psycopg.connect(postgres.url(SUPERUSER)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert not half.exists()
    finally:
        postgres.remove()


def test_another_postgresql_may_stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCUVAULT_PG_BIN", str(tmp_path))
    with pytest.raises(StackError, match="holds no initdb and postgres"):
        Postgres(tmp_path / "data")
    for name in ("initdb", "postgres"):
        (tmp_path / name).touch()
    assert Postgres(tmp_path / "data").bin == tmp_path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide its folders from PostgreSQL's user")
def test_programs_out_of_reach_are_copied_to_where_their_user_may_run_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden"
    package = Postgres(tmp_path / "other").bin.parents[1]
    shutil.copytree(package, hidden / package.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, hidden / libraries.name)
    hidden.chmod(0o700)
    monkeypatch.setenv("DOCUVAULT_PG_BIN", str(hidden / package.name / "pginstall" / "bin"))
    monkeypatch.setattr("docuvault.stack.postgres.OUTSIDE", Path("/var/lib/docuvault-test"))
    postgres = Postgres(tmp_path / "data", durable=False)
    try:
        postgres.start()
        assert str(postgres.bin).startswith("/var/lib/docuvault-test/")
        assert postgres.is_ready()
    finally:
        postgres.remove()
        shutil.rmtree("/var/lib/docuvault-test", ignore_errors=True)
