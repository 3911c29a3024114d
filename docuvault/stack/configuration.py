"""What this vault was asked to be: its folders, its address and its secrets."""

import base64
import os
import re
import secrets
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from docuvault.stack.process import StackError

CHECKOUT = Path(__file__).resolve().parents[2]
LEAST_FREE_BYTES = 200 * 1024 * 1024
OURS = re.compile(r"^(DOCUVAULT_|S3_|DATABASE_(MIGRATE_)?URL$|PORT$)")
NEVER_WRITTEN = {"DOCUVAULT_ADMIN_EMAIL", "DOCUVAULT_ADMIN_PASSWORD", "DOCUVAULT_TEST_SERVICES"}
PLAIN = re.compile(r"^[A-Za-z0-9_./:@%?&=,+<>\[\] -]*$")


@dataclass(frozen=True)
class Configuration:
    """The environment as it came, and the few values the stack itself reads from it."""

    given: Mapping[str, str]
    data: Path
    port: int
    bind: str
    base_url: str

    @property
    def run(self) -> Path:
        return self.data / "run"

    @property
    def stack_env(self) -> Path:
        return self.run / "stack.env"

    @property
    def is_database_ours(self) -> bool:
        return not self.given.get("DATABASE_URL")

    @property
    def is_store_ours(self) -> bool:
        return not self.given.get("S3_ENDPOINT_URL")


def read_configuration(environ: Mapping[str, str]) -> Configuration:
    """Raises StackError for what cannot be."""
    raw = environ.get("PORT") or "8000"
    if not raw.isascii() or not raw.isdigit() or not 1 <= int(raw) <= 65535:
        raise StackError(f"PORT must be a number from 1 to 65535, not {raw!r}. Try: make run PORT=8000")
    data = (CHECKOUT / (environ.get("DOCUVAULT_DATA") or "var")).resolve()
    given = {key: value for key, value in environ.items() if value or not OURS.match(key)}
    has_keys = given.get("S3_ACCESS_KEY_ID") and given.get("S3_SECRET_ACCESS_KEY")
    if given.get("S3_ENDPOINT_URL") and not has_keys:
        raise StackError("S3_ENDPOINT_URL needs S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY beside it.")
    return Configuration(
        given=given,
        data=data,
        port=int(raw),
        bind=environ.get("DOCUVAULT_BIND") or "127.0.0.1",
        base_url=(environ.get("DOCUVAULT_BASE_URL") or f"http://localhost:{raw}").rstrip("/"),
    )


def open_data(data: Path) -> None:
    """Make the folder of everything this vault keeps, for its owner alone. Raises StackError."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        # As root PostgreSQL runs as somebody else and must pass through; it still cannot look around.
        data.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for name in ("run", "mail"):
            (data / name).mkdir(exist_ok=True)
            (data / name).chmod(0o700)
        probe = data / "run" / "probe"
        probe.write_bytes(b"x")
        probe.unlink()
        free = shutil.disk_usage(data).free
    except OSError as error:
        raise StackError(
            f"Cannot write to {data} ({error.strerror}). Choose another folder: make run DOCUVAULT_DATA=…"
        ) from None
    if free < LEAST_FREE_BYTES:
        raise StackError(
            f"Only {free // 1_000_000} MB are free for {data}. Make room, or choose another folder: "
            "make run DOCUVAULT_DATA=…"
        )


def check_port(configuration: Configuration) -> None:
    """Raises StackError when somebody else listens there, or we may not."""
    family = socket.AF_INET6 if ":" in configuration.bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((configuration.bind, configuration.port))
        except PermissionError:
            raise StackError(
                f"Port {configuration.port} needs more rights than you have. Choose one above 1023: make run PORT=8000"
            ) from None
        except OSError as error:
            if error.errno in {98, 48}:
                raise StackError(
                    f"Port {configuration.port} is taken. Stop what listens there, or choose another: "
                    f"make run PORT={configuration.port % 65535 + 1}"
                ) from None
            raise StackError(
                f"Cannot listen on {configuration.bind}:{configuration.port} ({error.strerror}). See DOCUVAULT_BIND."
            ) from None


def own_secrets(data: Path) -> dict[str, str]:
    """The secrets of this vault, made once and kept for its owner alone."""
    file = data / "secrets.env"
    kept = read_lines(file) if file.exists() else {}
    fresh: dict[str, Callable[[], str]] = {
        "DOCUVAULT_SECRET_KEY": lambda: secrets.token_urlsafe(64),
        "DOCUVAULT_MASTER_KEYS": lambda: "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "S3_ACCESS_KEY_ID": lambda: secrets.token_hex(10),
        "S3_SECRET_ACCESS_KEY": lambda: secrets.token_hex(20),
    }
    missing = {name: make() for name, make in fresh.items() if not kept.get(name)}
    if missing:
        kept.update(missing)
        write_lines(file, kept)
    return kept


def read_lines(file: Path) -> dict[str, str]:
    """KEY=VALUE lines, as `write_lines` leaves them."""
    pairs = (line.partition("=") for line in file.read_text().splitlines() if not line.startswith("#"))
    return {key: value.removeprefix("'").removesuffix("'") for key, sep, value in pairs if sep}


def write_lines(file: Path, values: Mapping[str, str]) -> None:
    """Write them whole or not at all, readable by the owner alone."""
    lines = []
    for key, value in values.items():
        if "\n" in value:
            raise StackError(f"{key} holds a line break.")
        lines.append(f"{key}={value}" if PLAIN.match(value) else f"{key}='{value}'")
    write_private(file, "\n".join(lines) + "\n")


def write_private(file: Path, text: str) -> None:
    draft = file.with_name(file.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(file)


def our_variables(values: Mapping[str, str]) -> dict[str, str]:
    """What of an environment is about the vault and may be written down for `manage.py`."""
    return {key: value for key, value in values.items() if OURS.match(key) and key not in NEVER_WRITTEN}
