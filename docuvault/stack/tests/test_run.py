"""`make run` as a person meets it: started, asked, hurt and stopped."""

import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from docuvault.stack.configuration import CHECKOUT, OURS
from docuvault.stack.process import family
from docuvault.stack.tests.running import ADMIN_PASSWORD, RunningStack, passable_folder, survivors, until

pytestmark = pytest.mark.timeout(300)
PARTS = ("store", "postgres", "worker", "reader", "web")


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    """One stack for all tests here, in a folder whose path has a space."""
    with passable_folder("stack") as folder:
        running = RunningStack(
            folder / "the data",
            DOCUVAULT_ADMIN_EMAIL="ada@vault.test",
            DOCUVAULT_ADMIN_PASSWORD=ADMIN_PASSWORD,
        )
        try:
            yield running.start()
        finally:
            running.stop()


def query(stack: RunningStack, text: str) -> list[tuple[object, ...]]:
    with psycopg.connect(stack.settings()["DATABASE_URL"], connect_timeout=5) as connection:
        cursor = connection.execute(text)
        return cursor.fetchall() if cursor.description else []


def test_the_address_and_the_first_admin_are_printed_in_one_block(stack: RunningStack) -> None:
    told = stack.log.read_text()
    assert f"http://localhost:{stack.port}" in told
    assert "ada@vault.test" in told
    assert ADMIN_PASSWORD not in told
    assert query(stack, "SELECT role FROM users") == [("admin",)]


def test_a_second_run_on_the_same_data_is_told_in_one_line(stack: RunningStack) -> None:
    done = stack.command("run", PORT="1")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "already runs" in done.stderr
    assert "make stop" in done.stderr
    assert stack.health() == 200


def test_a_taken_port_is_told_in_one_line(stack: RunningStack, tmp_path: Path) -> None:
    done = stack.command("run", DOCUVAULT_DATA=str(tmp_path / "other"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"Port {stack.port} is taken" in done.stderr
    assert "PORT=" in done.stderr


@pytest.mark.parametrize("port", ["0", "65536", "http", "80a", "-1", "８０００"])
def test_a_port_that_cannot_be_is_told_in_one_line(stack: RunningStack, tmp_path: Path, port: str) -> None:
    done = stack.command("run", PORT=port, DOCUVAULT_DATA=str(tmp_path / "other"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "PORT must be a number" in done.stderr
    assert not (tmp_path / "other").exists()


def test_a_data_folder_that_cannot_be_written_is_told_in_one_line(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("not a folder")
    done = stack.command("run", DOCUVAULT_DATA=str(tmp_path / "a file" / "data"), PORT="1")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "Cannot write to" in done.stderr


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DOCUVAULT_SECRET_KEY": "short"}, "DOCUVAULT_SECRET_KEY is weak"),
        ({"DOCUVAULT_SIGNUP": "perhaps"}, "DOCUVAULT_SIGNUP must be"),
        ({"DOCUVAULT_BASE_URL": "ftp://vault"}, "DOCUVAULT_BASE_URL must be"),
        pytest.param(  # a whole start, up to its end
            {"DOCUVAULT_ADMIN_EMAIL": "a@b.test", "DOCUVAULT_ADMIN_PASSWORD": "short"},
            "first admin was not made",
            marks=pytest.mark.soak,
        ),
        ({"S3_ENDPOINT_URL": "http://127.0.0.1:1"}, "S3_ENDPOINT_URL needs"),
        ({"DOCUVAULT_PG_BIN": "/nowhere"}, "holds no initdb"),
    ],
)
def test_settings_that_cannot_be_are_told_in_one_line(settings: dict[str, str], words: str) -> None:
    with passable_folder("settings") as folder:
        other = RunningStack(folder / "data")
        done = other.command("run", **settings)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        assert words in done.stderr
        assert other.parts() == {}


def test_secrets_are_readable_by_their_owner_alone(stack: RunningStack) -> None:
    data = stack.data
    for path in [data / "secrets.env", data / "run" / "stack.env", *data.glob("postgres/*.password")]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for folder in ("objects", "run", "mail"):
        assert stat.S_IMODE((data / folder).stat().st_mode) == 0o700, folder
    assert stat.S_IMODE(data.stat().st_mode) & 0o066 == 0
    assert ADMIN_PASSWORD not in (data / "run" / "stack.env").read_text()


def test_no_secret_stands_on_a_command_line_and_the_running_parts_get_only_what_they_need(
    stack: RunningStack,
) -> None:
    kept = stack.settings()
    secrets = [kept[name] for name in ("DOCUVAULT_SECRET_KEY", "DOCUVAULT_MASTER_KEYS", "S3_SECRET_ACCESS_KEY")]
    secrets += [path.read_text() for path in stack.data.glob("postgres/*.password")]
    assert len(secrets) == 6
    for pid in stack.everybody():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        assert not [secret for secret in secrets if secret in words], words
    for name in ("web", "worker"):
        environment = Path(f"/proc/{stack.parts()[name].pid}/environ").read_bytes().decode().split("\0")
        assert "DATABASE_MIGRATE_URL=" in environment
        assert not [line for line in environment if "docuvault_migrate" in line or ADMIN_PASSWORD in line]


def test_postgresql_never_runs_as_root(stack: RunningStack) -> None:
    owner = Path(f"/proc/{stack.parts()['postgres'].pid}").stat().st_uid
    assert owner != 0
    assert owner == (os.geteuid() or pwd.getpwnam("nobody").pw_uid)


def test_each_part_has_a_session_of_its_own(stack: RunningStack) -> None:
    assert stack.process is not None
    sessions = {name: os.getsid(entry.pid) for name, entry in stack.parts().items()}
    assert set(sessions) == set(PARTS)
    assert len({*sessions.values(), os.getsid(stack.process.pid)}) == len(PARTS) + 1


def test_status_names_every_part_and_its_health(stack: RunningStack) -> None:
    done = stack.command("status", PORT="1")
    assert done.returncode == 0, done.stdout
    for name in PARTS:
        assert f"\n{name} " in done.stdout
    assert "database ok, storage ok, queue ok" in done.stdout


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_is_killed_is_started_again(stack: RunningStack, name: str) -> None:
    before = stack.parts()[name].pid
    os.kill(before, signal.SIGKILL)
    until(lambda: stack.parts()[name].pid != before, f"a new {name}")
    until(lambda: stack.health() == 200, f"health after the death of {name}")
    assert f"{name:<9}| was ended by SIGKILL; starting it again" in stack.log.read_text()
    assert not stack.process_ended()


def test_a_web_process_that_is_killed_is_replaced(stack: RunningStack) -> None:
    main = stack.parts()["web"].pid
    os.kill(family(main)[-1], signal.SIGKILL)
    until(lambda: all(stack.health() == 200 for _ in range(5)), "health after the death of a web process")


def test_committed_rows_outlive_a_kill_of_the_database(stack: RunningStack) -> None:
    query(
        stack,
        "INSERT INTO groups (id, name, name_key, created_at) VALUES (gen_random_uuid(), 'K', 'k', now())",
    )
    before = stack.parts()["postgres"].pid
    os.kill(before, signal.SIGKILL)
    until(lambda: stack.parts()["postgres"].pid != before, "a new database server")
    until(lambda: stack.health() == 200, "health")
    assert query(stack, "SELECT name FROM groups WHERE name_key = 'k'") == [("K",)]


def test_manage_works_beside_the_running_stack(stack: RunningStack) -> None:
    environment = {key: value for key, value in os.environ.items() if not OURS.match(key)}
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--check"],
        cwd=CHECKOUT,
        env={**environment, "DOCUVAULT_DATA": str(stack.data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_ctrl_c_ends_everything_in_order_and_a_new_start_finds_it_all(stack: RunningStack) -> None:
    assert stack.process is not None
    everybody = stack.everybody()
    assert len(everybody) > 12
    os.killpg(stack.process.pid, signal.SIGINT)  # what a terminal does
    assert stack.process.wait(60) == 0
    assert survivors(everybody) == []
    assert not (stack.data / "run" / "stack.env").exists()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", stack.port))
    assert stack.command("status").returncode == 3
    stack.start()
    assert query(stack, "SELECT name FROM groups WHERE name_key = 'k'") == [("K",)]


def test_a_killed_supervisor_leaves_nothing_behind(stack: RunningStack) -> None:
    assert stack.process is not None
    everybody = stack.everybody()
    stack.process.kill()
    stack.process.wait()
    until(lambda: not survivors(everybody), "the end of all parts", limit=30)
    stack.start()
    assert stack.health() == 200


def test_make_stop_ends_it(stack: RunningStack) -> None:
    everybody = stack.everybody()
    done = stack.command("stop")
    assert (done.returncode, done.stdout) == (0, "DocuVault has stopped.\n")
    assert survivors(everybody) == []
    assert stack.process is not None
    assert stack.process.wait(5) == 0
    assert "is not running" in stack.command("stop").stdout
