"""`make run`: the whole vault in the foreground, from an empty folder to a printed address."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from docuvault.stack.configuration import (
    CHECKOUT,
    Configuration,
    check_port,
    open_data,
    our_variables,
    own_secrets,
    read_configuration,
    write_lines,
)
from docuvault.stack.objectstore import BUCKET, ObjectStoreServer
from docuvault.stack.postgres import Postgres
from docuvault.stack.prepared import Prepared
from docuvault.stack.process import StackError
from docuvault.stack.reader import Reader
from docuvault.stack.record import Record
from docuvault.stack.supervisor import Stopping, Supervisor, say
from docuvault.stack.web import Web
from docuvault.stack.worker import Worker

MINIMUM_PYTHON = (3, 11)


class Vault:
    """One data folder's stack, claimed by this process."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        open_data(configuration.data)
        self.record = Record(configuration.run)
        self.record.claim(configuration.data)
        for name in self.record.end_left_overs():
            say("stack", f"ended {name}, left over from a stack that was killed")
        self.secrets = own_secrets(configuration.data)
        self.prepared = Prepared(configuration.data, {**configuration.given, **self.secrets})
        self.postgres: Postgres | None = None
        self.store: ObjectStoreServer | None = None

    def start_services(self, supervisor: Supervisor) -> None:
        """Database and object store, side by side; those named in the environment are left alone."""
        if self.configuration.is_store_ours:
            self.store = ObjectStoreServer(
                self.configuration.data / "objects",
                access_key=self.secrets["S3_ACCESS_KEY_ID"],
                secret_key=self.secrets["S3_SECRET_ACCESS_KEY"],
            )
            self.store.prepare()
            supervisor.start(self.store)
        if self.configuration.is_database_ours:
            self.postgres = Postgres(self.configuration.data / "postgres")
            self.postgres.prepare()
            supervisor.start(self.postgres)
            supervisor.wait_ready(self.postgres)
            self.postgres.make_roles()
        if self.store:
            supervisor.wait_ready(self.store)
        write_lines(self.configuration.stack_env, our_variables(self.environment()))

    def environment(self) -> dict[str, str]:
        """Every setting as decided, over the environment as it came."""
        configuration = self.configuration
        decided = {
            "DOCUVAULT_SECRET_KEY": self.secrets["DOCUVAULT_SECRET_KEY"],
            "DOCUVAULT_MASTER_KEYS": self.secrets["DOCUVAULT_MASTER_KEYS"],
            **configuration.given,
            "DOCUVAULT_DATA": str(configuration.data),
            "DOCUVAULT_BASE_URL": configuration.base_url,
            "DOCUVAULT_BIND": configuration.bind,
            "PORT": str(configuration.port),
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "docuvault.settings",
        }
        if self.postgres:
            decided["DATABASE_URL"] = self.postgres.app_url
            decided["DATABASE_MIGRATE_URL"] = self.postgres.migrate_url
        if self.store:
            decided.update(
                S3_ENDPOINT_URL=self.store.endpoint_url,
                S3_ACCESS_KEY_ID=self.store.access_key,
                S3_SECRET_ACCESS_KEY=self.store.secret_key,
                S3_BUCKET=BUCKET,
                DOCUVAULT_STORE_KIND="rclone",
                DOCUVAULT_STORE_ROOT=str(self.store.root),
            )
        return decided

    def running_environment(self) -> dict[str, str]:
        """What web and worker get: rows only, and not the first admin's password."""
        hidden = {"DOCUVAULT_ADMIN_EMAIL", "DOCUVAULT_ADMIN_PASSWORD"}
        kept = {key: value for key, value in self.environment().items() if key not in hidden}
        return {**kept, "DATABASE_MIGRATE_URL": ""}

    def prepare(self, supervisor: Supervisor) -> list[str]:
        """Schema, schedules, static files, first admin: one process. Answers what it has to say."""
        command = [sys.executable, "manage.py", "prepare"]
        news = supervisor.run_once(command, self.environment(), CHECKOUT, "prepare")
        self.prepared.note()
        return news

    def close(self) -> None:
        self.configuration.stack_env.unlink(missing_ok=True)
        self.record.close()


@contextmanager
def supervised(vault: Vault) -> Iterator[Supervisor]:
    """A supervisor whose parts are all gone in the end, however it ends."""
    supervisor = Supervisor(vault.record)
    try:
        yield supervisor
    finally:
        supervisor.stop()
        vault.close()


def run(environ: Mapping[str, str]) -> int:
    """In the foreground until somebody stops it. Raises StackError."""
    if sys.version_info < MINIMUM_PYTHON:
        raise StackError("DocuVault needs Python 3.11 or newer.")
    configuration = read_configuration(environ)
    vault = Vault(configuration)
    check_port(configuration)
    with supervised(vault) as supervisor:
        try:
            vault.start_services(supervisor)
            # A database of somebody else's may have been exchanged meanwhile.
            is_prepared = configuration.is_database_ours and vault.prepared.is_it()
            news = [] if is_prepared else vault.prepare(supervisor)
            environment = vault.running_environment()
            web = Web(configuration, environment)
            supervisor.start(Worker(environment), web)
            supervisor.wait_ready(web)
            _announce(configuration, news)
            if is_prepared:
                _tell(vault.prepare(supervisor))
            supervisor.start(Reader(environment))  # only now: what it imports would hold up the first page
            supervisor.watch()
        except Stopping:
            pass
        say("stack", "stopping")
    return 0


def _announce(configuration: Configuration, news: list[str]) -> None:
    lines = ["", "  DocuVault is ready", "", f"    {configuration.base_url}", ""]
    lines += _indented(news)
    lines += [f"    Data: {configuration.data}", "    Stop: Ctrl-C, or `make stop`", ""]
    print("\n".join(lines), flush=True)


def _tell(news: list[str]) -> None:
    if lines := _indented(news):
        print("\n".join(["", *lines, ""]), flush=True)


def _indented(news: list[str]) -> list[str]:
    return [f"    {line}" for line in news if line.strip()]


def run_beside(environ: Mapping[str, str], *arguments: str) -> int:
    """`manage.py …` on this data folder: beside the running stack, or with its services for the while."""
    configuration = read_configuration(environ)
    command = [sys.executable, "manage.py", *arguments]
    if Record(configuration.run).is_held() or not configuration.is_database_ours:
        os.chdir(CHECKOUT)
        os.execve(command[0], command, {**configuration.given, "DOCUVAULT_DATA": str(configuration.data)})
    vault = Vault(configuration)
    with supervised(vault) as supervisor:
        try:
            vault.start_services(supervisor)
            vault.prepare(supervisor)
            supervisor.run_once(command, vault.environment(), CHECKOUT, arguments[0], output=1)
        except Stopping:
            return 130
    return 0
