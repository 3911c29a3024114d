"""The short way for bytes to and from the store: what it bears, and that it goes where the client goes."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from documents import wire
from documents.storage import ObjectMissing, ObjectStore, StoreUnavailable, UploadForgotten, new_key

FINE = b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 2\r\n\r\nok'
BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 40\r\n\r\n<Error><Code>SlowDown</Code></Error>     "


def refusal(status: int, code: str) -> bytes:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
    return b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[ObjectStore, list[bytes]]]:
    """A server that gives these answers, one for each connection; an empty one is a connection that breaks."""
    heads: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                with listener.accept()[0] as connection:
                    heads.append(connection.recv(65536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield a_store(f"http://127.0.0.1:{listener.getsockname()[1]}"), heads


def a_store(endpoint_url: str, region: str = "us-east-1", access_key: str = "a") -> ObjectStore:
    return ObjectStore(
        endpoint_url=endpoint_url, access_key=access_key, secret_key="b", bucket="bucket", region=region, kind="s3"
    )


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LONGEST_WAIT", 0.01)


@pytest.mark.parametrize("first", [BUSY, b"", refusal(500, "InternalError")])
def test_a_store_that_is_away_for_a_moment_is_asked_again(first: bytes) -> None:
    with answering(first, first, FINE) as (store, heads):
        store.put(new_key(), b"bytes")
    assert len(heads) == 3
    assert all(b"PUT /bucket/" in head and b"Content-MD5: " in head for head in heads)


def test_a_store_that_stays_away_is_an_outage() -> None:
    with answering(BUSY, b"", BUSY) as (store, heads), pytest.raises(StoreUnavailable, match="503 SlowDown"):
        store.open(new_key())
    assert len(heads) == 3


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal(404, "NoSuchKey"), ObjectMissing),
        (refusal(404, "NoSuchBucket"), StoreUnavailable),
        (refusal(403, "AccessDenied"), StoreUnavailable),
        (refusal(301, "PermanentRedirect"), StoreUnavailable),
        (refusal(400, "BadDigest"), StoreUnavailable),
        (b"HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nno!", StoreUnavailable),
    ],
)
def test_a_refusal_is_told_once_and_for_what_it_is(answer: bytes, expected: type[Exception]) -> None:
    acts: list[Callable[[ObjectStore], object]] = [lambda s: s.open(new_key()), lambda s: s.put(new_key(), b"x")]
    for act in acts:
        with answering(answer) as (store, heads), pytest.raises(expected):
            act(store)
        assert len(heads) == 1


def test_a_part_names_its_upload_and_a_forgotten_one_is_told_as_such() -> None:
    with answering(FINE) as (store, heads):
        assert store.put_part(new_key(), "id/with=signs", 3, b"x").etag == '"e"'
    assert b"?partNumber=3&uploadId=id%2Fwith%3Dsigns HTTP/1.1" in heads[0]
    with answering(refusal(404, "NoSuchUpload")) as (store, heads), pytest.raises(UploadForgotten):
        store.put_part(new_key(), "gone", 1, b"x")


def test_without_an_endpoint_it_goes_to_the_buckets_own_host_by_tls() -> None:
    made = a_store("", region="eu-central-1")
    short = made._wire
    assert (short._root, short._path) == ("https://bucket.s3.eu-central-1.amazonaws.com", "/")
    dotted = ObjectStore(endpoint_url="", access_key="a", secret_key="b", bucket="a.b", region="eu-central-1")._wire
    assert (dotted._root, dotted._path) == ("https://s3.eu-central-1.amazonaws.com", "/a.b/")
    for store in (made, a_store("https://store.test/under")):
        asked = store.presign_get("aa/" + "0" * 32, seconds=9, disposition="", content_type="")
        assert asked.startswith(f"{store._wire._root}{store._wire._path}aa/")
    assert short._pool.cert_reqs == "CERT_REQUIRED"
    assert short._pool.ca_certs


def test_a_proxy_of_the_environment_is_used_as_by_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    pool = a_store("https://store.test")._wire._pool
    assert pool.proxy is not None
    assert pool.proxy.host == "proxy.test"
    monkeypatch.setenv("no_proxy", "store.test")
    assert a_store("https://store.test")._wire._pool.proxy is None


def test_without_credentials_it_is_an_outage_and_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with answering() as (store, heads):
        endpoint = store._client.meta.endpoint_url
        bare = ObjectStore(endpoint_url=endpoint, access_key="", secret_key="", bucket="bucket", kind="s3")
        with pytest.raises(StoreUnavailable):
            bare.put(new_key(), b"x")
    assert heads == []
