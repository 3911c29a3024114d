"""What production is made of: the settings named, the secrets asked for, the parts checked."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
READ = re.compile(r"""(?:env\.\w+|environ\.get|_database|getenv)\(\s*"([A-Z][A-Z0-9_]+)\"""")
COMPOSE_NAME = re.compile(r"\$\{([A-Z0-9_]+)")
SECRET = re.compile(r"PASSWORD|SECRET|MASTER_KEYS|ROOT_USER|ACCESS_KEY")
NOT_SETTINGS = {"PATH", "DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER"}


def example() -> dict[str, str]:
    lines = (CHECKOUT / ".env.example").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def read_by_the_code() -> set[str]:
    names: set[str] = set()
    for package in ("docuvault", "accounts", "documents", "sharing"):
        for path in (CHECKOUT / package).rglob("*.py"):
            if "tests" not in path.parts:
                names |= set(READ.findall(path.read_text()))
    return names - NOT_SETTINGS


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
    return loaded


def test_the_example_names_every_setting_the_code_reads_and_no_other() -> None:
    read = read_by_the_code()
    assert {"DATABASE_URL", "DOCUVAULT_SIGNUP", "PORT", "DOCUVAULT_PG_BIN"} <= read
    in_compose = set(COMPOSE_NAME.findall((CHECKOUT / "docker-compose.yml").read_text()))
    tests_alone = {"S3_TEST_ENDPOINT_URL", "CHROMIUM_PATH"}
    assert set(example()) == read | in_compose | tests_alone


def test_every_setting_of_the_example_is_explained() -> None:
    lines = (CHECKOUT / ".env.example").read_text().splitlines()
    is_explained = False
    for line in lines:
        if not line:
            is_explained = False
        elif line.startswith("# ") and not line.startswith("# ---"):
            is_explained = True
        elif "=" in line and not line.startswith("#"):
            assert is_explained, line


def test_no_secret_has_a_default() -> None:
    assert [name for name, value in example().items() if SECRET.search(name) and value] == []
    text = (CHECKOUT / "docker-compose.yml").read_text()
    uses = re.findall(r"\$\{([A-Z0-9_]+)(:\?|:-)?", text)
    lax = {name for name, mark in uses if SECRET.search(name) and mark != ":?"}
    assert lax == {"DOCUVAULT_ADMIN_PASSWORD"}, "empty is allowed there: a one-time link is printed instead"
    assert '"${DOCUVAULT_ADMIN_PASSWORD:-}"' in text


def test_every_image_is_pinned_and_every_lasting_service_has_a_health_check() -> None:
    services = compose()["services"]
    for name, service in services.items():
        assert service["image"] == "docuvault" or re.search(r":(v?\d|RELEASE)", service["image"]), name
        is_lasting = service.get("restart") != "no"
        checks_itself = service.get("healthcheck") or service["image"] == "docuvault"
        assert not is_lasting or checks_itself, name
    assert set(services) == {"database", "store", "bucket", "migrate", "web", "worker", "reader", "mail"}


def test_only_the_migration_gets_the_migration_role() -> None:
    services = compose()["services"].items()
    holders = {name for name, service in services if "DATABASE_MIGRATE_URL" in service.get("environment", {})}
    assert holders == {"migrate"}


def test_every_settings_name_in_the_compose_file_exists() -> None:
    read = read_by_the_code()
    given = {name for name in compose()["x-settings"] if name.startswith(("DOCUVAULT_", "S3_", "DATABASE_"))}
    assert given - read == set()


def test_compose_accepts_the_file_and_names_a_missing_secret() -> None:
    program = next(filter(None, map(shutil.which, ("docker-compose", "docker"))), None)
    if program is None:
        pytest.skip("no docker compose on this machine")
    words = [program] if program.endswith("compose") else [program, "compose"]
    if subprocess.run([*words, "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker without its compose plugin")
    filled = {name: value or "x1" for name, value in example().items()}
    base = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    command = [*words, "-f", str(CHECKOUT / "docker-compose.yml"), "config"]
    good = subprocess.run(command, env={**base, **filled}, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    assert set(yaml.safe_load(good.stdout)["services"]) == set(compose()["services"])
    del filled["DOCUVAULT_SECRET_KEY"]
    bad = subprocess.run(command, env={**base, **filled}, capture_output=True, text=True, check=False)
    assert bad.returncode != 0
    assert "DOCUVAULT_SECRET_KEY" in bad.stderr


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("", "DOCUVAULT_SECRET_KEY is not set"),
        ("short", "DOCUVAULT_SECRET_KEY is weak"),
        ("a" * 80, "DOCUVAULT_SECRET_KEY is weak"),
        ("change-me-" + "0123456789abcdefghij" * 4, "DOCUVAULT_SECRET_KEY is weak"),
    ],
)
def test_f40_a_weak_or_missing_secret_is_refused_in_a_plain_line(secret: str, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=CHECKOUT,
        env={**os.environ, "DOCUVAULT_SECRET_KEY": secret, "DOCUVAULT_DEBUG": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert words in done.stderr.strip().splitlines()[-1]


def test_settings_without_a_value_count_as_not_given() -> None:
    empty = dict.fromkeys(("DOCUVAULT_STATIC_ROOT", "DOCUVAULT_DATA", "DOCUVAULT_TRASH_DAYS"), "")
    script = "from django.conf import settings as s; print(s.STATIC_ROOT, s.DATA_DIR, s.TRASH_DAYS, sep='|')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=CHECKOUT,
        env={**os.environ, **empty},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().split("|") == [f"{CHECKOUT}/var/static", f"{CHECKOUT}/var", "30"]
