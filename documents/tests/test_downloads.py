"""What leaves: the same bytes, with right ranges, recorded once, and nothing that a browser would run."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents.downloads import HARMLESS_TYPES, UnsatisfiableRange, parse_range, sent_type
from documents.models import Document
from documents.storage import ObjectStore
from documents.tests.making import put
from sharing.models import AuditEvent, Share, ShareLevel

ClientFor = Callable[[User], Client]


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def address(document: Document) -> str:
    return reverse("download_document", args=[document.pk])


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=5-99", (5, 10)),
        ("bytes=0-1,3-4", None),
        ("bytes=4-2", None),
        ("chunks=0-1", None),
        ("bytes=a-b", None),
        ("", None),
    ],
)
def test_a_range_is_read_as_the_standard_says(header: str, expected: tuple[int, int] | None) -> None:
    found = parse_range(header, 10)
    assert (None if found is None else (found.start, found.end)) == expected


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=99-100", 10)]
)
def test_a_range_outside_is_told(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableRange):
        parse_range(header, size)


def test_the_same_bytes_come_out_whole_and_in_ranges(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    data = os.urandom(1_200_000)
    document = put("a b.bin", None, alice_actor, data)
    client = client_for(alice)
    whole = client.get(address(document))
    assert (whole.status_code, body(whole)) == (200, data)
    assert whole.headers["Content-Length"] == str(len(data))
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["ETag"] == f'"{document.sha256}"'
    part = client.get(address(document), headers={"Range": "bytes=100-1099999"})
    assert (part.status_code, body(part)) == (206, data[100:1_100_000])
    assert part.headers["Content-Range"] == f"bytes 100-1099999/{len(data)}"
    assert part.headers["Content-Length"] == str(1_100_000 - 100)
    assert body(client.get(address(document), headers={"Range": "bytes=-5"})) == data[-5:]
    outside = client.get(address(document), headers={"Range": f"bytes={len(data)}-"})
    assert (outside.status_code, outside.headers["Content-Range"]) == (416, f"bytes */{len(data)}")
    several = client.get(address(document), headers={"Range": "bytes=0-1,4-5"})
    assert (several.status_code, body(several)) == (200, data)


def test_a_range_for_other_bytes_gives_the_whole(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    document = put("a", None, alice_actor, b"12345")
    client = client_for(alice)
    stale = client.get(address(document), headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert (stale.status_code, body(stale)) == (200, b"12345")
    fresh = client.get(address(document), headers={"Range": "bytes=0-1", "If-Range": f'"{document.sha256}"'})
    assert (fresh.status_code, body(fresh)) == (206, b"12")


def test_an_empty_file_and_a_question_about_one_are_answered(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    client = client_for(alice)
    empty = client.get(address(put("empty", None, alice_actor, b"")))
    assert (empty.status_code, body(empty), empty.headers["Content-Length"]) == (200, b"", "0")
    head = client.head(address(put("a", None, alice_actor, b"12345")))
    assert (head.status_code, body(head), head.headers["Content-Length"]) == (200, b"", "5")
    assert not AuditEvent.objects.filter(action="document_downloaded", target_name="a").exists()


def test_a_download_is_told_once_however_many_ranges_were_read(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    document = put("a", None, alice_actor, b"12345")
    client = client_for(alice)
    for start in range(5):
        body(client.get(address(document), headers={"Range": f"bytes={start}-{start}"}))
    assert AuditEvent.objects.filter(action="document_downloaded").count() == 1


def test_who_knows_the_digest_learns_nothing_of_anothers_file(
    alice_actor: Actor, charlie: User, client_for: ClientFor
) -> None:
    document = put("a", None, alice_actor, b"12345")
    for headers in ({"If-None-Match": f'"{document.sha256}"'}, {"Range": "bytes=0-1"}, {}):
        answer = client_for(charlie).get(address(document), headers=headers)
        assert answer.status_code == 404
        assert "ETag" not in answer.headers
        assert "Content-Range" not in answer.headers


def test_what_is_kept_already_is_not_sent_again(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    document = put("a", None, alice_actor, b"12345")
    answer = client_for(alice).get(address(document), headers={"If-None-Match": f'"{document.sha256}"'})
    assert (answer.status_code, body(answer)) == (304, b"")


HOSTILE = {
    "script.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "page.html": b"<!doctype html><script>alert(1)</script>",
    "photo.jpg": b"<html><script>alert(1)</script>",
    "sheet.xml": b'<?xml version="1.0"?><?xml-stylesheet href="x.xsl"?><x/>',
    "utf7.txt": b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "app.js": b"alert(1)",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_a_file_holds_can_run_in_our_origin(
    name: str, alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    document = put(name, None, alice_actor, HOSTILE[name])
    for query in ("", "?inline=1", "?disposition=inline", "?response-content-type=text/html"):
        answer = client_for(alice).get(address(document) + query)
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"] in {"application/octet-stream", "text/plain; charset=utf-8"}
        assert "no-store" in answer.headers["Cache-Control"]
        assert body(answer) == HOSTILE[name]


def test_only_types_that_a_browser_draws_and_never_runs_keep_their_own() -> None:
    assert not any(word in kind for kind in HARMLESS_TYPES for word in ("html", "svg", "script", "xml;", "text/"))
    assert sent_type("text/html") == sent_type("image/svg+xml") == "application/octet-stream"


@pytest.mark.parametrize(
    "name", ['a";filename=evil.exe', "a;b.txt", "Отчёт.txt", "年度報告書.pdf", "🗂️ x.txt", "100% (a=b)+c #1?.txt"]
)
def test_a_name_is_one_name_in_the_header(name: str, alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    header = client_for(alice).get(address(put(name, None, alice_actor))).headers["Content-Disposition"]
    assert header.startswith("attachment; filename")
    assert "\n" not in header
    assert header.count("filename") - name.count("filename") == 1


def test_a_reader_of_a_shared_paper_downloads_it_and_the_owner_can_know(
    alice: User, alice_actor: Actor, bob: User, client_for: ClientFor
) -> None:
    document = put("a", None, alice_actor, b"12345")
    share = Share.objects.create(document=document, recipient=bob, shared_by=alice, level=ShareLevel.VIEW)
    client = client_for(bob)
    assert body(client.get(address(document))) == b"12345"
    event = AuditEvent.objects.get(action="document_downloaded")
    assert (event.actor_id, event.owner_id) == (bob.pk, alice.pk)
    share.delete()
    assert client.get(address(document)).status_code == 404


def test_a_store_that_breaks_off_cuts_the_answer_and_is_no_short_success(
    alice: User, alice_actor: Actor, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = put("a", None, alice_actor, b"12345")
    original = ObjectStore.open

    def breaking(self: ObjectStore, *arguments: Any) -> Any:
        yield next(iter(original(self, *arguments)))[:2]
        raise ConnectionError("gone")

    monkeypatch.setattr(ObjectStore, "open", breaking)
    answer = client_for(alice).get(address(document))
    assert answer.headers["Content-Length"] == "5"
    with pytest.raises(ConnectionError):
        body(answer)
