"""What a document's page shows of its content, for each kind, and to whom."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents.actions.documents import star_document
from documents.actions.topics import make_topic, tag_documents
from documents.management.papers import mail, pdf, png
from documents.models import Document, Page, Reading, ReadingState, VersionFlaw
from documents.tests.library import write
from documents.tests.making import folders, put
from documents.uploads import store_stream
from documents.viewing.neighbours import origin_of
from documents.viewing.ways import PICTURE_LIMIT, Way, Why, way_of
from sharing.access import Level
from sharing.models import AuditEvent, Share

ClientFor = Callable[[User], Client]


def page(client: Client, document: Document, query: str = "") -> str:
    answer = client.get(reverse("document", args=[document.pk]) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def read(document: Document, *texts: str, state: str = ReadingState.READY) -> Reading:
    """As the reading of a document leaves it."""
    reading, _is_new = Reading.objects.update_or_create(
        version=document.current_version, defaults={"state": state, "page_count": len(texts)}
    )
    Page.objects.filter(reading=reading).delete()
    Page.objects.bulk_create(Page(reading=reading, number=n, text=text) for n, text in enumerate(texts, 1))
    return reading


@pytest.mark.parametrize(
    ("name", "data", "way", "shows"),
    [
        ("a.pdf", pdf("Letter", ["Dear"]), "pdf", 'data-pdfjs="/static/vendor/pdfjs/pdf.min.mjs"'),
        ("a.png", png(8, 8, 1), "picture", "/content/"),
        ("a.txt", b"first\nsecond <b>", "text", "second &lt;b&gt;"),
        ("a.py", b"def f():\n    return 1", "text", "    return 1"),
        ("a.json", b'{"a":[1,2],"b":"' + b"x" * 400 + b'"}', "text", "  &quot;a&quot;: ["),
        ("a.md", b"# Head\n\nSome *words*", "markdown", "<em>words</em>"),
        ("a.csv", b"name;sum\nA;1\nB;=1+1", "table", "=1+1"),
        ("a.tsv", b"name\tsum\nA\t1\nB\t=1+1", "table", "=1+1"),
        ("a.eml", mail("a@b.example", "c@d.example", "Hello", "Dear all"), "letter", "Dear all"),
        ("a.html", b"<html><body>hi<script>x</script>", "text", "&lt;script&gt;x&lt;/script&gt;"),
        ("a.svg", b"<svg onload='x'></svg>", "text", "&lt;svg onload="),
        ("a.docx", b"PK\x03\x04" + b"\0" * 26 + b"word/document.xml", "none", str(Why.WAITING.label)),
        ("a.bin", bytes(range(256)), "none", str(Why.UNKNOWN.label)),
        ("a.pdf", b"", "none", str(Why.EMPTY.label)),
    ],
)
def test_each_kind_is_shown_in_its_own_way(
    name: str, data: bytes, way: str, shows: str, alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    shown = page(client_for(alice), put(name, None, alice_actor, data))
    assert f'data-viewer="{way}"' in shown
    assert shows in shown


def test_what_was_read_of_a_document_is_shown_by_page(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    document = put("a.docx", None, alice_actor, b"PK\x03\x04" + b"\0" * 26 + b"word/document.xml")
    read(document, "The first page", "A <second> page with Fünf")
    client = client_for(alice)
    assert "The first page" in page(client, document)
    second = page(client, document, "?page=2&q=funf")
    assert "A &lt;second&gt; page with <mark>Fünf</mark>" in second
    assert 'rel="prev"' in second
    assert 'rel="next"' not in second
    assert "<mark>second</mark>" in page(client, document, "?q=second").replace("&lt;", "").replace("&gt;", "")


@pytest.mark.parametrize(
    ("state", "why"),
    [("waiting", Why.WAITING), ("reading", Why.WAITING), ("failed", Why.UNREAD), ("encrypted", Why.ENCRYPTED)],
)
def test_what_is_not_read_says_why(state: str, why: Why, alice_actor: Actor) -> None:
    document = put("a.docx", None, alice_actor, b"PK\x03\x04" + b"\0" * 26 + b"word/document.xml")
    assert document.current_version is not None
    assert way_of(document.current_version, read(document, state=state), with_pictures=True) == (Way.NONE, why)


@pytest.mark.parametrize(
    ("state", "way"),
    [
        ("ready", (Way.PAGES, None)),
        ("waiting", (Way.NONE, Why.WAITING)),
        ("nothing", (Way.NONE, Why.UNKNOWN)),
        ("encrypted", (Way.NONE, Why.ENCRYPTED)),
    ],
)
def test_an_archive_is_shown_by_the_names_in_it(state: str, way: tuple[Way, Why | None], alice_actor: Actor) -> None:
    document = put("a.zip", None, alice_actor, b"PK\x03\x04" + b"\0" * 40)
    assert document.current_version is not None
    assert way_of(document.current_version, read(document, "Car/policy.pdf", state=state), with_pictures=True) == way


def test_a_scan_with_page_pictures_is_shown_as_those(alice_actor: Actor) -> None:
    document = put("a.pdf", None, alice_actor, pdf("Scan", ["x"]))
    version = document.current_version
    assert version is not None
    reading = read(document, "recognised")
    assert way_of(version, reading, with_pictures=True) == (Way.PDF, None)
    reading.is_scanned = True
    assert way_of(version, reading, with_pictures=True) == (Way.SCAN, None)
    assert way_of(version, reading, with_pictures=False) == (Way.PDF, None)
    version.content_type = "image/tiff"
    assert way_of(version, reading, with_pictures=True) == (Way.SCAN, None)
    assert way_of(version, None, with_pictures=True) == (Way.NONE, Why.UNKNOWN)


def test_a_long_scan_is_shown_around_the_page_asked_for(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    document = put("a.pdf", None, alice_actor, pdf("Scan", ["x"]))
    reading = read(document, *(f"page {n} Ünique{n}" for n in range(1, 151)))
    Reading.objects.filter(pk=reading.pk).update(is_scanned=True)
    client = client_for(alice)
    for query, first, last, page_asked in (
        ("", 1, 60, 1), ("?page=100", 80, 139, 100), ("?page=150", 91, 150, 150), ("?page=999", 91, 150, 150),
        ("?q=unique120", 91, 150, 120),
    ):  # fmt: skip
        shown = page(client, document, query)
        assert f'id="page-{first}"' in shown, query
        assert f'id="page-{last}"' in shown, query
        assert shown.count('<figure class="sheet is-picture"') == 60
        assert f'data-page="{page_asked}" data-pages="150"' in shown, query
        assert f"Pages {first} to {last} of 150" in shown
    assert 'data-hit-pages="[120]"' in shown
    assert f"?q=unique120&amp;page={91 - 40}#viewer" in shown
    assert "Later pages" not in shown


def test_a_picture_too_large_for_a_page_is_not_put_into_one(alice_actor: Actor) -> None:
    version = put("a.png", None, alice_actor, png(8, 8, 1)).current_version
    assert version is not None
    version.size_bytes = PICTURE_LIMIT + 1
    assert way_of(version, None, with_pictures=True) == (Way.NONE, Why.TOO_LARGE)


@pytest.mark.parametrize("flaw", [VersionFlaw.MISSING, VersionFlaw.DAMAGED])
def test_f14_lost_bytes_are_a_state_of_the_viewer(
    flaw: VersionFlaw, alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    document = put("a.txt", None, alice_actor, b"words")
    document.versions.update(flaw=flaw)
    shown = page(client_for(alice), document)
    assert 'data-viewer="none"' in shown
    assert "words" not in shown
    assert client_for(alice).get(reverse("document_content", args=[document.pk])).status_code == 410


def test_without_scripts_a_pdf_is_its_text_and_its_download(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    document = put("a.pdf", None, alice_actor, pdf("Letter", ["Dear"]))
    assert "Without scripts" in page(client_for(alice), document)
    read(document, "page one", "page two")
    shown = page(client_for(alice), document, "?page=2")
    assert "page two" in shown
    assert "Without scripts" not in shown
    assert 'data-hit-pages="[2]"' in page(client_for(alice), document, "?q=two")
    assert 'data-viewer="pages"' in page(client_for(alice), document, "?as=text")


def test_an_older_version_is_for_those_who_may_edit(
    alice: User, bob: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    document = put("a.txt", None, alice_actor, b"older words")
    older = document.versions.get()
    store_stream("a.txt", iter([b"newer"]), None, size_bound=5, by=alice_actor, replaces=document)
    Share.objects.create(document=document, recipient=bob, shared_by=alice, level=Level.VIEW)
    shown = page(client_for(alice), document, f"?version={older.pk}")
    assert "older words" in shown
    assert "This is version 1" in shown
    assert "newer" in page(client_for(bob), document)
    content = reverse("version_content", args=[document.pk, older.pk])
    for address in (reverse("document", args=[document.pk]) + f"?version={older.pk}", content):
        assert client_for(bob).get(address).status_code == 403
    assert client_for(alice).get(content).getvalue() == b"older words"
    for wrong in (uuid4(), "no-id"):
        answer = client_for(alice).get(reverse("document", args=[document.pk]) + f"?version={wrong}")
        assert answer.status_code == 404


def test_reading_the_bytes_in_the_page_is_told_as_a_view_once(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    document = put("a.pdf", None, alice_actor, pdf("Letter", ["Dear"]))
    client = client_for(alice)
    page(client, document)
    address = reverse("document_content", args=[document.pk])
    for start in range(3):
        answer = client.get(address, headers={"Range": f"bytes={start}-{start + 9}"})
        assert (answer.status_code, len(answer.getvalue())) == (206, 10)
    told = list(AuditEvent.objects.filter(target_id=str(document.pk)).values_list("action", flat=True))
    assert told.count("document_viewed") == 1
    assert "document_downloaded" not in told


def test_an_attachment_leaves_by_id_and_as_guarded_as_any_file(
    alice: User, bob: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    from email.message import EmailMessage

    letter = EmailMessage()
    letter.set_content("words")
    letter.add_attachment(b"<script>x</script>", maintype="text", subtype="html", filename="UPDOWN.html")
    document = put("a.eml", None, alice_actor, bytes(letter).replace(b"UPDOWN", b"../up\r\n x"))
    address = reverse("document_enclosure", args=[document.pk, 1])
    assert address in page(client_for(alice), document)
    answer = client_for(alice).get(address)
    assert answer.content == b"<script>x</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert "/" not in answer["Content-Disposition"]
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    for number in (0, 2, 99):
        assert client_for(alice).get(reverse("document_enclosure", args=[document.pk, number])).status_code == 404
    assert client_for(bob).get(address).status_code == 404
    plain = put("b.txt", None, alice_actor, b"words")
    assert client_for(alice).get(reverse("document_enclosure", args=[plain.pk, 0])).status_code == 404


def test_an_address_that_makes_no_sense_shows_the_document(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    client, document = client_for(alice), put("a.txt", None, alice_actor, b"words")
    pages = ["page=0", "page=-1", "page=9999999999", "page=x", "page=١", "page="]
    for query in [*pages, "q=%00", "as=no", "in=..", "in=topic.name.x", "in=folder.bad", "version="]:
        assert "words" in page(client, document, f"?{query}"), query


# --- Next and previous --------------------------------------------------------------------------------------


def steps(shown: str) -> tuple[str, str]:
    """The names that the two arrows say."""
    import re

    def said(word: str) -> str:
        found = re.search(rf'aria-label="{word}: ([^"]+)"', shown)
        return found[1] if found else ""

    return said("Previous"), said("Next")


def test_next_and_previous_follow_the_list_one_came_from(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    folder = folders("Car", alice_actor)
    sizes = {"b": 1, "a": 3, "c": 2}
    b, a, c = (put(f"{name}.txt", folder, alice_actor, name.encode() * size) for name, size in sizes.items())
    put("elsewhere.txt", None, alice_actor)
    client = client_for(alice)
    assert steps(page(client, b)) == ("", "")
    assert steps(page(client, b, "?in=folder")) == ("a.txt", "c.txt")
    assert steps(page(client, a, "?in=folder")) == ("", "b.txt")
    assert steps(page(client, b, "?in=folder.-name")) == ("c.txt", "a.txt")
    assert steps(page(client, c, "?in=folder.size")) == ("b.txt", "a.txt")
    assert steps(page(client, c, "?in=recent")) == ("elsewhere.txt", "a.txt")
    topic = make_topic("Tax", "green", by=alice_actor)
    tag_documents([a, c], topic, by=alice_actor)
    assert steps(page(client, a, f"?in=topic.name.{topic.pk}")) == ("", "c.txt")
    assert steps(page(client, a, f"?in=folder.name.{topic.pk}")) == ("", "c.txt")
    for one in (b, c):
        star_document(one, by=alice_actor)
    assert steps(page(client, b, "?in=starred")) == ("", "c.txt")
    assert f"/documents/{c.pk}/?in=starred" in page(client, b, "?in=starred")


def test_next_and_previous_go_on_in_a_search(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    a, b, c = (write(f"{name}.txt", "the walrus", by=alice_actor, data=b"walrus" + name.encode()) for name in "abc")
    write("d.txt", "nothing of it", by=alice_actor)
    client = client_for(alice)
    assert steps(page(client, b, "?in=find.name&for=walrus")) == ("a.txt", "c.txt")
    assert steps(page(client, b, "?in=find.oldest&for=walrus")) == ("a.txt", "c.txt")
    assert steps(page(client, c, "?in=find&for=walrus")) == ("", "b.txt")
    assert steps(page(client, a, "?in=find.name.near&for=walrs")) == ("", "b.txt")
    shown = page(client, a, "?in=find.name&for=walrus+type%3Atext")
    assert f'href="/documents/{b.pk}/?in=find.name&amp;for=walrus+type%3Atext&amp;q=walrus"' in shown
    assert f'href="{reverse("find")}?q=walrus+type%3Atext&amp;sort=name"' in shown
    for odd in ("?in=find", "?in=find&for=", "?in=find.x&for=walrus", "?in=find&for=%00", "?in=find&for=gone"):
        assert steps(page(client, b, odd)) == ("", ""), odd
    hits = client.get(reverse("find"), {"q": "walrus", "sort": "name"}).content.decode()
    assert f"/documents/{a.pk}/?q=walrus&amp;in=find.name&amp;for=walrus" in hits


def test_next_and_previous_go_on_in_what_is_shared(
    alice: User, bob: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    a, b, c = (put(f"{name}.txt", None, alice_actor) for name in "abc")
    for one in (a, b, c):
        Share.objects.create(document=one, recipient=bob, shared_by=alice, level=Level.VIEW)
    theirs, ours = client_for(bob), client_for(alice)
    assert steps(page(theirs, b, "?in=shared")) == ("c.txt", "a.txt")
    assert steps(page(ours, b, "?in=lent")) == ("c.txt", "a.txt")
    assert steps(page(theirs, b, "?in=lent")) == ("", "")
    theirs.post(reverse("received_document", args=[c.pk]), {"act": "hide"})
    assert steps(page(theirs, b, "?in=shared")) == ("", "a.txt")
    assert f"/documents/{a.pk}/?in=shared" in theirs.get(reverse("shared_with_me")).content.decode()
    assert f"/documents/{a.pk}/?in=lent" in ours.get(reverse("shared_by_me")).content.decode()


def test_lists_hand_their_place_on(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    document = put("a.txt", folders("Car", alice_actor), alice_actor)
    assert document.folder is not None
    client = client_for(alice)
    for address, way in (
        (reverse("folder", args=[document.folder.pk]), "?in=folder"),
        (reverse("folder", args=[document.folder.pk]) + "?sort=-created", "?in=folder.-created"),
        (reverse("folder", args=[document.folder.pk]) + "?view=tiles", "?in=folder"),
        (reverse("recent"), "?in=recent"),
    ):
        assert f'href="/documents/{document.pk}/{way}"' in client.get(address).content.decode(), address


def test_the_neighbours_of_a_shared_document_are_those_one_may_see(
    alice: User, bob: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    folder = folders("Car", alice_actor)
    a, _b = (put(f"{name}.txt", folder, alice_actor) for name in "ab")
    Share.objects.create(document=a, recipient=bob, shared_by=alice, level=Level.VIEW)
    client = client_for(bob)
    for origin in ("folder", "recent", "starred", f"topic.name.{uuid4()}"):
        assert "b.txt" not in page(client, a, f"?in={origin}"), origin
    Share.objects.create(folder=folder, recipient=bob, shared_by=alice, level=Level.VIEW)
    assert steps(page(client, a, "?in=folder")) == ("", "b.txt")


def test_an_origin_says_itself_again() -> None:
    for text in ("folder", "folder.-size", "recent", f"topic.name.{uuid4()}", f"folder.name.{uuid4()}"):
        assert str(origin_of(text)) == text
    for text in ("", "folders", "folder.-", "topic", "topic.name.no-id", "recent" * 99):
        assert origin_of(text) is None


def test_the_page_of_a_long_document_asks_no_more_than_that_of_a_short_one(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    folder = folders("Car", alice_actor)
    small = put("a.docx", folder, alice_actor, b"PK\x03\x04" + b"\0" * 26 + b"word/a")
    large = put("b.docx", folder, alice_actor, b"PK\x03\x04" + b"\0" * 26 + b"word/bb")
    read(small, "one page")
    read(large, *(f"page {n}" for n in range(80)))
    client = client_for(alice)
    page(client, small), page(client, large)
    counts = []
    for document in (small, large):
        with CaptureQueriesContext(connection) as asked:
            page(client, document, "?in=folder&q=page&page=1")
        counts.append(len(asked))
    assert counts[0] == counts[1] or counts[0] == counts[1] + 1, counts
