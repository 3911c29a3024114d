"""The gateway to the object store: the same contract against every server there is here.

rclone's server is the embedded default, moto's is the independent second; `S3_TEST_ENDPOINT_URL` (with
`S3_TEST_ACCESS_KEY_ID`, `S3_TEST_SECRET_ACCESS_KEY`) adds any other. What a server cannot do is listed as skipped.
"""

import hashlib
import http.client
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError
from django.conf import settings
from urllib3 import Timeout

from documents import storage
from documents.storage import PART_BYTES, ObjectMissing, ObjectStore, StoreUnavailable, new_key
from docuvault.stack.objectstore import ObjectStoreServer

BUCKET = "contract"


def a_store(kind: str, endpoint: str, access: str, secret: str, root: str = "") -> ObjectStore:
    made = ObjectStore(
        endpoint_url=endpoint, access_key=access, secret_key=secret, bucket=BUCKET, kind=kind, local_root=root
    )
    made.make_bucket()
    return made


@pytest.fixture(scope="module")
def moto_address() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["rclone", "moto", *(["another"] if os.environ.get("S3_TEST_ENDPOINT_URL") else [])])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    if request.param == "rclone":
        return a_store(
            "rclone",
            settings.S3_ENDPOINT_URL,
            settings.S3_ACCESS_KEY_ID,
            settings.S3_SECRET_ACCESS_KEY,
            settings.STORE_ROOT,
        )
    if request.param == "moto":
        return a_store("moto", request.getfixturevalue("moto_address"), "key", "secret")
    return a_store(
        os.environ.get("S3_TEST_KIND", "s3"),
        os.environ["S3_TEST_ENDPOINT_URL"],
        os.environ.get("S3_TEST_ACCESS_KEY_ID", ""),
        os.environ.get("S3_TEST_SECRET_ACCESS_KEY", ""),
    )


def needs(store: ObjectStore, ability: str) -> None:
    if not getattr(store.abilities, ability):
        pytest.skip(f"this server lacks the ability: {ability}")


def put_stream(store: ObjectStore, key: str, chunks: Iterator[bytes]) -> None:
    with store.writing(key) as writer:
        for chunk in chunks:
            writer.write(chunk)


def content(store: ObjectStore, key: str) -> bytes:
    return b"".join(store.open(key))


def test_what_goes_in_comes_out_also_nothing(store: ObjectStore) -> None:
    for data in (b"", b"x", os.urandom(100_000)):
        key = new_key()
        store.put(key, data)
        assert content(store, key) == data
        assert store.head(key).size_bytes == len(data)


def test_a_range_gives_just_those_bytes(store: ObjectStore) -> None:
    data, key = os.urandom(300_000), new_key()
    store.put(key, data)
    for start, end in ((0, 1), (5, 10), (299_999, 300_000), (1000, 250_000)):
        assert b"".join(store.open(key, start, end)) == data[start:end]
    assert b"".join(store.open(key, 299_000)) == data[299_000:]
    assert b"".join(store.open(key, 7, 7)) == b""


def test_a_range_beyond_the_end_is_an_error_and_no_short_success(store: ObjectStore) -> None:
    key = new_key()
    store.put(key, b"12345")
    with pytest.raises(StoreUnavailable):
        b"".join(store.open(key, 0, 50))


def test_what_is_not_there_is_told_so_and_deleting_it_is_fine(store: ObjectStore) -> None:
    key = new_key()
    with pytest.raises(ObjectMissing):
        store.head(key)
    with pytest.raises(ObjectMissing):
        store.open(key)
    store.delete(key)
    store.put(key, b"x")
    store.delete(key)
    with pytest.raises(ObjectMissing):
        store.head(key)


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 5])
def test_a_stream_of_unknown_length_is_stored_whole(store: ObjectStore, size: int) -> None:
    block = os.urandom(1_000_003)
    data = (block * (size // len(block) + 1))[:size]
    key = new_key()
    with store.writing(key) as writer:
        for start in range(0, size, 700_001):
            writer.write(data[start : start + 700_001])
    assert (writer.size_bytes, writer.sha256) == (size, hashlib.sha256(data).hexdigest())
    digest = hashlib.sha256()
    for chunk in store.open(key):
        digest.update(chunk)
    assert digest.hexdigest() == writer.sha256


@pytest.mark.parametrize("size", [10, PART_BYTES * 2 + 10])
def test_a_stream_that_breaks_leaves_no_object_and_no_upload(store: ObjectStore, size: int) -> None:
    key = new_key()

    def breaking() -> Iterator[bytes]:
        yield b"x" * size
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        put_stream(store, key, breaking())
    with pytest.raises(ObjectMissing):
        store.head(key)
    assert key not in {name for name, _id, _at in store.list_multipart()}


def test_multipart_in_order_and_abort(store: ObjectStore) -> None:
    key = new_key()
    upload = store.begin_multipart(key)
    first, second = os.urandom(5 * 1024 * 1024), b"end"
    parts = [store.put_part(key, upload, 1, first), store.put_part(key, upload, 2, second)]
    with pytest.raises(ObjectMissing):
        store.head(key)
    store.complete_multipart(key, upload, parts)
    assert content(store, key) == first + second
    other = new_key()
    upload = store.begin_multipart(other)
    store.put_part(other, upload, 1, b"x")
    store.abort_multipart(other, upload)
    store.abort_multipart(other, upload)
    with pytest.raises(ObjectMissing):
        store.head(other)


def test_parts_are_sent_in_order_one_at_a_time(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: list[int] = []
    busy = threading.Lock()
    original = store.put_part

    def watched(key: str, upload_id: str, number: int, data: bytes) -> storage.PartReceipt:
        assert busy.acquire(blocking=False), "two parts at once"
        try:
            numbers.append(number)
            return original(key, upload_id, number, data)
        finally:
            busy.release()

    monkeypatch.setattr(store, "put_part", watched)
    put_stream(store, new_key(), iter([b"x" * 3_000_000] * 12))
    assert numbers == [1, 2, 3, 4, 5]


def test_a_multipart_upload_that_was_forgotten_is_an_outage_and_no_missing_object(store: ObjectStore) -> None:
    key = new_key()
    upload = store.begin_multipart(key)
    part = store.put_part(key, upload, 1, b"x")
    store.abort_multipart(key, upload)
    with pytest.raises(StoreUnavailable):
        store.complete_multipart(key, upload, [part])
    with pytest.raises(StoreUnavailable):
        store.put_part(key, upload, 2, b"x")


def test_a_missing_bucket_is_an_outage_and_never_a_missing_object(store: ObjectStore) -> None:
    away = ObjectStore(
        endpoint_url=store._client.meta.endpoint_url,
        access_key=store._client._request_signer._credentials.access_key,
        secret_key=store._client._request_signer._credentials.secret_key,
        bucket="not-mounted",
        kind="s3",
    )
    for act in (
        away.check,
        lambda: away.put(new_key(), b"x"),
        lambda: away.open(new_key()),
        lambda: away.delete(new_key()),
        lambda: list(away.objects()),
        lambda: away.begin_multipart(new_key()),
    ):
        with pytest.raises(StoreUnavailable):
            act()


def test_conditions_on_a_put_hold(store: ObjectStore) -> None:
    """Nothing relies on them (see the guard below); here it is only seen which server has them."""
    needs(store, "honours_conditions")
    key = new_key()
    store.put(key, b"first")
    with pytest.raises(ClientError):
        store._client.put_object(Bucket=BUCKET, Key=key, Body=b"second", IfNoneMatch="*")
    assert content(store, key) == b"first"


def test_ranges_are_answered_as_such(store: ObjectStore) -> None:
    needs(store, "answers_ranges_with_206")
    key = new_key()
    store.put(key, b"12345")
    answer = store._client.get_object(Bucket=BUCKET, Key=key, Range="bytes=1-2")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_small_parts_are_refused(store: ObjectStore) -> None:
    needs(store, "refuses_small_parts")
    key = new_key()
    upload = store.begin_multipart(key)
    parts = [store.put_part(key, upload, n, b"small") for n in (1, 2)]
    with pytest.raises(StoreUnavailable):
        store.complete_multipart(key, upload, parts)
    store.abort_multipart(key, upload)


def test_listing_pages_through_everything_in_order(store: ObjectStore) -> None:
    for item in list(store.objects("fa/")):
        store.delete(item.key)
    keys = sorted(f"fa/{secrets.token_hex(16)}" for _ in range(7))
    for key in keys:
        store.put(key, b"x")
    client = store._client
    original = client.list_objects_v2

    def two_at_a_time(**arguments: object) -> object:
        return original(**{**arguments, "MaxKeys": 2})

    client.list_objects_v2 = two_at_a_time
    try:
        listed = list(store.objects("fa/"))
        later = [item.key for item in store.objects("fa/", after=keys[3])]
    finally:
        client.list_objects_v2 = original
    assert [item.key for item in listed] == keys
    assert later == keys[4:]
    assert all(abs(item.modified_at - datetime.now(UTC)) < timedelta(minutes=5) for item in listed)
    for key in keys:
        store.delete(key)


def test_damage_on_the_way_is_noticed_by_the_store(store: ObjectStore) -> None:
    needs(store, "verifies_md5")
    key = new_key()
    with pytest.raises(ClientError):
        store._client.put_object(Bucket=BUCKET, Key=key, Body=b"damaged", ContentMD5=storage._md5(b"original"))
    with pytest.raises(ObjectMissing):
        store.head(key)


def test_a_wrong_secret_gets_nothing(store: ObjectStore) -> None:
    needs(store, "verifies_signature")
    key = new_key()
    store.put(key, b"secret")
    stranger = ObjectStore(
        endpoint_url=store._client.meta.endpoint_url,
        access_key="stranger",
        secret_key="wrong",
        bucket=BUCKET,
        kind="s3",
    )
    with pytest.raises(StoreUnavailable):
        stranger.open(key)


def test_a_signed_address_holds_its_headers_and_bears_no_change(store: ObjectStore) -> None:
    key = new_key()
    store.put(key, b"<script>")
    address = store.presign_get(
        key, seconds=30, disposition='attachment; filename="a.txt"', content_type="application/octet-stream"
    )
    assert "response-content-disposition=attachment" in address
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"<script>")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    connection.close()
    needs(store, "verifies_signature")
    for changed in (
        parts.query.replace("attachment", "inline"),
        parts.query.replace("octet-stream", "html"),
    ):
        connection = http.client.HTTPConnection(parts.netloc, timeout=5)
        connection.request("GET", f"{parts.path}?{changed}")
        assert connection.getresponse().status == 403
        connection.close()


def test_a_bucket_that_is_there_is_fine_and_health_asks_little(store: ObjectStore) -> None:
    store.make_bucket()
    store.check()


def test_a_key_that_a_person_could_choose_is_refused(store: ObjectStore) -> None:
    for key in ("report.pdf", "../../etc/passwd", "aa/bb/../x", "", f"{new_key()}/x", "health/x"):
        with pytest.raises(ValueError, match="new_key"):
            store.put(key, b"x")
        with pytest.raises(ValueError, match="new_key"):
            store.open(key)


def test_one_client_serves_all_threads(store: ObjectStore) -> None:
    seen: set[int] = set()
    keys = [new_key() for _ in range(16)]

    def work(key: str) -> None:
        seen.add(id(store._client))
        store.put(key, key.encode())
        assert content(store, key) == key.encode()

    threads = [threading.Thread(target=work, args=[key]) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 1
    assert all(content(store, key) == key.encode() for key in keys)


def test_a_reader_that_leaves_early_spoils_nothing_for_the_next(store: ObjectStore) -> None:
    key, data = new_key(), os.urandom(3_000_000)
    store.put(key, data)
    for _ in range(5):
        chunks = store.open(key)
        next(chunks)
        chunks.close()
    assert content(store, key) == data


# --- What only needs one server -----------------------------------------------------------------


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ObjectStoreServer]:
    server = ObjectStoreServer(tmp_path / "objects")
    server.start()
    yield server
    server.stop()


def test_only_the_listed_calls_can_be_made() -> None:
    """Tagging, ACLs and policies overwrite or delete on some servers: there is no way to call them."""
    public = {name for name in dir(ObjectStore) if not name.startswith("_")}
    assert public == {
        "put", "writing", "open", "head", "delete", "objects", "begin_multipart", "put_part",
        "complete_multipart", "abort_multipart", "list_multipart", "presign_get", "make_bucket", "check",
        "read_identity", "write_identity", "write_anchor", "anchors",
    }  # fmt: skip
    source = Path(storage.__file__).read_text()
    for trap in ("tagging", "_acl", "legal_hold", "IfNoneMatch", "IfMatch", "Metadata=", "delete_bucket"):
        assert trap not in source.replace("tagging, ACLs", "")


def test_an_acknowledged_object_is_synced_to_disk(
    own_server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = a_store(
        "rclone", own_server.endpoint_url, own_server.access_key, own_server.secret_key, str(own_server.root)
    )
    synced: list[str] = []
    original = os.fsync

    def watch(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        original(handle)

    monkeypatch.setattr(os, "fsync", watch)
    key = new_key()
    made.put(key, b"x")
    path = own_server.root / BUCKET / key
    above = [str(path.parent), str(own_server.root / BUCKET)]
    assert synced == [str(path), *above]
    synced.clear()
    key = new_key()
    put_stream(made, key, iter([b"x" * PART_BYTES, b"y"]))
    assert synced[0] == str(own_server.root / BUCKET / key)
    assert len(synced) == 3


def test_objects_outlive_a_restart_and_a_kill_of_the_store(own_server: ObjectStoreServer) -> None:
    made = a_store("rclone", own_server.endpoint_url, own_server.access_key, own_server.secret_key)
    key = new_key()
    made.put(key, b"kept")
    assert own_server.process is not None
    own_server.process.kill()
    own_server.process.wait()
    with pytest.raises(StoreUnavailable):
        made.open(key)
    own_server.start()
    assert content(made, key) == b"kept"


def test_a_put_that_is_cut_in_the_middle_leaves_no_object(own_server: ObjectStoreServer) -> None:
    made = a_store("rclone", own_server.endpoint_url, own_server.access_key, own_server.secret_key)
    client = boto3.client(
        "s3",
        endpoint_url=own_server.endpoint_url,
        aws_access_key_id=own_server.access_key,
        aws_secret_access_key=own_server.secret_key,
        region_name="us-east-1",
    )
    key = new_key()
    parts = urlsplit(client.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": key}))
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as wire:
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 1000000\r\n\r\n"
        wire.sendall(head.encode() + b"x" * 500_000)
        time.sleep(0.2)
    time.sleep(0.3)
    with pytest.raises(ObjectMissing):
        made.head(key)


def test_a_store_that_is_away_is_told_as_such_and_quickly() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = ObjectStore(
        endpoint_url=f"http://127.0.0.1:{port}", access_key="a", secret_key="b", bucket=BUCKET, kind="rclone"
    )
    start = time.monotonic()
    for act in (
        made.check,
        lambda: made.put(new_key(), b"x"),
        lambda: made.open(new_key()),
        lambda: made.head(new_key()),
    ):
        with pytest.raises(StoreUnavailable):
            act()
    assert time.monotonic() - start < 20


def test_a_server_that_ignores_the_range_is_found_out() -> None:
    """It sends all, and says so by its silence: asked for the end of a file, nobody gets its beginning."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    wire, _address = listener.accept()
                except OSError:
                    return
                with wire:
                    wire.recv(65536)
                    wire.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "x"\r\n\r\n12345')

        threading.Thread(target=serve, daemon=True).start()
        made = ObjectStore(
            endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            access_key="a",
            secret_key="b",
            bucket=BUCKET,
            kind="rclone",
        )
        for start, end in ((3, None), (3, 5), (0, 2)):
            with pytest.raises(StoreUnavailable):
                made.open(new_key(), start, end)
        listener.shutdown(socket.SHUT_RDWR)


def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # takes connections and never answers
        made = ObjectStore(
            endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            access_key="a",
            secret_key="b",
            bucket=BUCKET,
            kind="rclone",
        )
        config = made._client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (3, 20)
        assert config.retries["total_max_attempts"] == 3 or config.retries["max_attempts"] == 2
        monkeypatch.setattr(made._client._endpoint.http_session, "_timeout", 0.3)
        made._client._endpoint.http_session._manager.connection_pool_kw["timeout"] = 0.3
        bytes_limits = made._wire._pool.timeout
        assert (bytes_limits.connect_timeout, bytes_limits.read_timeout) == (3, 20)
        monkeypatch.setattr(made._wire._pool, "timeout", Timeout(0.3))
        start = time.monotonic()
        for act in (made.head, made.open, lambda key: made.put(key, b"x")):
            with pytest.raises(StoreUnavailable):
                act(new_key())
        assert time.monotonic() - start < 30


def test_f09_bytes_that_stop_coming_are_an_error_and_never_a_short_success() -> None:
    """A server that promises more than it sends, spoken to over a real socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            wire, _address = listener.accept()
            with wire:
                wire.recv(65536)
                wire.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: "x"\r\n\r\nonly this')

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        made = ObjectStore(
            endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            access_key="a",
            secret_key="b",
            bucket=BUCKET,
            kind="rclone",
        )
        with pytest.raises(StoreUnavailable):
            b"".join(made.open(new_key()))
        thread.join(5)
