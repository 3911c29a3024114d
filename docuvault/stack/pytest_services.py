"""A pytest plugin: a throw-away PostgreSQL and object store for the tests of one run."""

import atexit
import base64
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from docuvault.stack.objectstore import BUCKET, ObjectStoreServer
from docuvault.stack.postgres import Postgres

MARK = "DOCUVAULT_TEST_SERVICES"
# Every object is synced to disk before it counts, several folders each time. In memory that costs nothing.
MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 6 * 1024**3
OURS = "docuvault-objects-"


def place_of_objects(folder: Path) -> Path:
    """In memory where there is plenty of it, else beside the rest."""
    try:
        there = os.statvfs(MEMORY)
        if there.f_bavail * there.f_frsize < ENOUGH_BYTES or not os.access(MEMORY, os.W_OK):
            return folder / "objects"
    except OSError:
        return folder / "objects"
    for left in MEMORY.glob(f"{OURS}*"):
        if not Path("/proc", left.name.removeprefix(OURS).partition("-")[0]).exists():
            shutil.rmtree(left, ignore_errors=True)  # of a run that was killed
    return Path(tempfile.mkdtemp(prefix=f"{OURS}{os.getpid()}-", dir=MEMORY))


def start_services() -> None:
    """Start both, name them in the environment, and stop them when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="docuvault-tests-"))
    folder.chmod(0o711)
    postgres = Postgres(folder / "postgres", durable=False, may_create_databases=True)
    objects = place_of_objects(folder)
    store = ObjectStoreServer(objects)
    (folder / "data" / "static").mkdir(parents=True)
    owner = os.getpid()

    def stop() -> None:
        if os.getpid() == owner:
            store.stop()
            postgres.remove()
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(objects, ignore_errors=True)

    atexit.register(stop)
    postgres.start()
    store.start()
    os.environ.update(
        {
            MARK: "1",
            "DATABASE_URL": postgres.app_url,
            "DATABASE_MIGRATE_URL": postgres.migrate_url,
            "S3_ENDPOINT_URL": store.endpoint_url,
            "S3_ACCESS_KEY_ID": store.access_key,
            "S3_SECRET_ACCESS_KEY": store.secret_key,
            "S3_BUCKET": BUCKET,
            "DOCUVAULT_STORE_KIND": "rclone",
            "DOCUVAULT_STORE_ROOT": str(store.root),
            "DOCUVAULT_DATA": str(folder / "data"),
            "DOCUVAULT_SECRET_KEY": secrets.token_urlsafe(64),
            "DOCUVAULT_MASTER_KEYS": "t1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            "DOCUVAULT_BASE_URL": "http://localhost:8000",
            "DOCUVAULT_DB_POOL_SIZE": "0",
            "DOCUVAULT_DEBUG": "",
        }
    )
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docuvault.settings")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Any, parser: Any, args: Any) -> None:
    """Before Django reads its settings. Workers of xdist inherit what the controller started."""
    if not os.environ.get(MARK):
        start_services()
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        # Each worker has a database of its own, so its objects lie apart as well (conftest.py makes the bucket).
        os.environ["S3_BUCKET"] = f"{BUCKET}-{worker}"
