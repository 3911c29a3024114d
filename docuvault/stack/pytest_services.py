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


def start_services() -> None:
    """Start both, name them in the environment, and stop them when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="docuvault-tests-"))
    folder.chmod(0o711)
    postgres = Postgres(folder / "postgres", durable=False, may_create_databases=True)
    store = ObjectStoreServer(folder / "objects")
    (folder / "data" / "static").mkdir(parents=True)
    owner = os.getpid()

    def stop() -> None:
        if os.getpid() == owner:
            store.stop()
            postgres.remove()
            shutil.rmtree(folder, ignore_errors=True)

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
