"""Answers of the store that break off at any byte: an error, or all of it; never a part that passes for the whole."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from documents import storage, wire
from documents.storage import ObjectStore, StoreUnavailable, new_key
from tests.faults.proxy import Faults, Proxy

DATA = b"hello world"
FIRST_WORDS = 1300  # bytes: the head of any answer and a good part of its body
CUTS = range(0, FIRST_WORDS, 19)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    address = urlsplit(os.environ["S3_ENDPOINT_URL"])
    made = Proxy((str(address.hostname), int(address.port or 80)))
    yield made
    made.close()


@pytest.fixture
def far(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The store behind the proxy, asked once each time."""
    usual = storage.Config
    once = {"max_attempts": 0, "mode": "standard"}
    monkeypatch.setattr(wire, "TRIES", 1)
    monkeypatch.setattr(storage, "Config", lambda **said: usual(**{**said, "retries": once}))
    made = ObjectStore(
        endpoint_url=f"http://127.0.0.1:{proxy.port}",
        access_key=settings.S3_ACCESS_KEY_ID,
        secret_key=settings.S3_SECRET_ACCESS_KEY,
        bucket=f"{settings.S3_BUCKET}-answers",  # what is written here marks it as somebody else's
        kind="rclone",
    )
    made.make_bucket()
    return made


ASKED: dict[str, Callable[[ObjectStore, str], Any]] = {
    "a listing": lambda store, key: [item.key for item in store.objects()],
    "an object": lambda store, key: b"".join(store.open(key)),
    "a range": lambda store, key: b"".join(store.open(key, 2, 5)),
    "a size": lambda store, key: store.head(key).size_bytes,
    "whose bucket it is": lambda store, key: store.read_identity(),
}


@pytest.mark.parametrize("what", ASKED)
def test_f10_an_answer_that_breaks_off_is_an_error_and_never_a_part(what: str, proxy: Proxy, far: ObjectStore) -> None:
    keys = [new_key() for _ in range(3)]
    for key in keys:
        far.put(key, DATA)
    far.write_identity("this vault")
    ask, outcomes = ASKED[what], {"whole": 0, "refused": 0}
    whole = ask(far, keys[0])
    for cut in CUTS:
        with proxy.broken(Faults(cut_after_answered=cut)):
            try:
                assert ask(far, keys[0]) == whole, f"cut after {cut} bytes"
                outcomes["whole"] += 1
            except StoreUnavailable:
                outcomes["refused"] += 1
    assert outcomes["refused"] > 3
    assert ask(far, keys[0]) == whole


def test_f12_an_object_counts_as_stored_only_when_the_store_has_named_it(proxy: Proxy, far: ObjectStore) -> None:
    refused = 0
    for cut in CUTS:
        key = new_key()
        with proxy.broken(Faults(cut_after_answered=cut)):
            try:
                far.put(key, DATA)
            except StoreUnavailable:
                refused += 1
                continue
        assert b"".join(far.open(key)) == DATA
    assert refused > 3


def test_f10_a_store_that_breaks_off_while_it_says_continue_is_not_waited_for(far: ObjectStore) -> None:
    """botocore reads for ever where an answer ends within its "100 Continue", so none is asked for."""
    heads: list[str] = []
    far._client.meta.events.register("before-send.s3", lambda request, **_: heads.append(str(request.headers).lower()))
    far.write_identity("this vault")
    assert heads
    assert "100-continue" not in heads[0]
