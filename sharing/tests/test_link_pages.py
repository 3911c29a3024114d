"""The pages of a link, as whoever holds it meets them: door, password, folder, document, downloads, files put in."""

import io
import json
import logging
import zipfile
from collections.abc import Callable
from unittest import mock

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import previews
from documents.models import Document, Folder, Page, Reading, Version
from documents.tests.making import folders, put
from docuvault.lib.logs import OneLine
from sharing import gate
from sharing.actions import Terms, change_link, pause_link, revoke_link
from sharing.actions.links import UPLOADS_LIMIT
from sharing.gate import Kind
from sharing.listing import shown_links
from sharing.models import AuditEvent, LinkLevel, Receipt, ShareLink
from sharing.tests.linking import LOOKING, Holder, link_to, token_of

VIEW, DOWNLOAD, UPLOAD, EDIT = LinkLevel.VIEW, LinkLevel.DOWNLOAD, LinkLevel.UPLOAD, LinkLevel.EDIT
PASSWORD = "Blue-horse-77"


@pytest.fixture(autouse=True)
def no_tries(db: None) -> None:
    cache.clear()


def told() -> list[str]:
    return list(AuditEvent.objects.filter(actor_kind="link").order_by("id").values_list("action", flat=True))


def taken(answer: object) -> bytes:
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


# --- Looking and downloading -------------------------------------------------------------------------------


def test_an_open_link_shows_its_document_at_once_and_its_maker_sees_the_receipt(
    paper: Document, alice_actor: Actor
) -> None:
    link = link_to(paper, by=alice_actor, message="Have a look")
    holder = Holder(link)
    page = holder.get()
    assert page.status_code == 200
    assert b"paper.txt" in page.content
    assert b"Have a look" in page.content
    assert b"Landlord" not in page.content
    assert "sessionid" not in holder.client.cookies
    assert not Session.objects.exists()
    assert taken(holder.get("link_download", paper.pk)) == b"paper"
    holder.get()
    Holder(link, "192.0.2.8").get()
    assert told() == ["link_opened", "document_viewed", "document_downloaded", "link_opened", "document_viewed"]
    first = AuditEvent.objects.get(action="document_downloaded")
    assert (first.actor_name, first.actor_id, first.on_behalf_of) == ("Landlord", link.pk, alice_actor.pk)
    link.refresh_from_db()
    assert (link.opens, link.downloads) == (2, 1)
    assert link.first_opened_at is not None
    assert link.last_used_at is not None
    assert link.first_opened_at < link.last_used_at
    receipt = Receipt.objects.get(document=paper)
    assert (receipt.reader, receipt.views, receipt.downloads) == (f"link:{link.pk}", 2, 1)
    (row,) = shown_links([link], alice_actor)
    assert [(one.document, one.reading.views) for one in row.documents] == [(paper, 2)]


def test_a_folder_is_walked_down_to_its_papers_and_leaves_as_a_zip(
    car: Folder, paper: Document, alice_actor: Actor
) -> None:
    put("top.txt", car, alice_actor)
    holder = Holder(link_to(car, by=alice_actor))
    page = holder.get().content.decode()
    assert holder.at("link_folder", paper.folder_id) in page
    assert "top.txt" in page
    below = holder.get("link_folder", paper.folder_id).content.decode()
    assert holder.at("link_document", paper.pk) in below
    assert holder.at("link_folder", car.pk) in below
    answer = holder.get("link_zip", car.pk)
    names = set(zipfile.ZipFile(io.BytesIO(taken(answer))).namelist())
    assert names == {"Car/top.txt", "Car/Insurance/paper.txt", "SHA256SUMS.txt"}
    assert told().count("document_downloaded") == 2


def test_a_folder_page_asks_the_same_number_of_questions_however_much_lies_in_it(
    car: Folder, alice_actor: Actor
) -> None:
    put("first.txt", car, alice_actor)
    holder = Holder(link_to(car, by=alice_actor))
    holder.get()
    counts = []
    for _time in range(2):
        with CaptureQueriesContext(connection) as asked:
            holder.get()
        counts.append(len(asked))
        for number in range(5):
            put(f"more {number}.txt", car, alice_actor)
            folders(f"Car/Sub {number}", alice_actor)
    assert counts[0] == counts[1]


# --- The door ---------------------------------------------------------------------------------------------------


def test_a_password_is_asked_before_anything_is_said(paper: Document, alice_actor: Actor) -> None:
    holder = Holder(link_to(paper, by=alice_actor, password=PASSWORD))
    door = holder.get()
    assert door.status_code == 200
    assert b"paper" not in door.content.replace(b"papers", b"")
    assert b"Alice" not in door.content
    for name in ("link_document", "link_content", "link_download"):
        assert holder.get(name, paper.pk).headers["Location"] == holder.at()
    wrong = holder.come("wrong")
    assert wrong.status_code == 422
    assert told() == ["link_password_failed"]
    right = holder.come(PASSWORD)
    assert (right.status_code, right.headers["Location"]) == (303, holder.at())
    assert b"paper.txt" in holder.get().content
    assert PASSWORD not in repr(list(AuditEvent.objects.values()))


def test_a71_what_lets_into_one_link_lets_into_no_other_and_ends_with_the_password(
    paper: Document, alice_actor: Actor
) -> None:
    link, other = (link_to(paper, by=alice_actor, password=PASSWORD, name=name) for name in "AB")
    holder = Holder(link)
    holder.come(PASSWORD)
    assert holder.get("link_download", paper.pk).status_code == 200
    (name, proof), *more = holder.client.cookies.items()
    assert not more
    elsewhere = Holder(other)
    for key in (name, f"link-{'0' * 16}", *Holder(other).client.cookies):
        elsewhere.client.cookies[key] = proof.value
    assert elsewhere.get("link_download", paper.pk).status_code == 302
    change_link(link, Terms("A", DOWNLOAD, password="Green-horse-88"), by=alice_actor)
    assert holder.get("link_download", paper.pk).status_code == 302
    assert b"password" in holder.get().content
    # Other terms that are no password let in whoever is in.
    holder.come("Green-horse-88")
    change_link(link, Terms("A2", DOWNLOAD), by=alice_actor)
    assert holder.get("link_download", paper.pk).status_code == 200


def test_a72_what_a_browser_had_before_is_not_what_lets_it_in(paper: Document, alice_actor: Actor) -> None:
    link = link_to(paper, by=alice_actor, password=PASSWORD)
    holder, planted = Holder(link), Holder(link)
    planted.come(PASSWORD)
    (name, before), *_ = planted.client.cookies.items()
    holder.client.cookies[name] = "planted"
    holder.come(PASSWORD)
    mine = holder.client.cookies[name]
    assert mine.value not in {"planted", before.value}
    assert mine["httponly"]
    assert mine["samesite"] == "Lax"
    holder.client.cookies[name] = before.value
    door = holder.client.post(holder.at(), {"ticket": gate.make_ticket(Kind.LINK, link.pk), "password": PASSWORD})
    assert door.status_code == 303
    assert holder.client.cookies[name].value != before.value


def test_a70_tries_of_a_password_run_out_and_the_right_one_comes_too_late(paper: Document, alice_actor: Actor) -> None:
    link, other = (link_to(paper, by=alice_actor, password=PASSWORD, name=name) for name in "AB")
    holder = Holder(link)
    statuses = [holder.come(f"guess {number}").status_code for number in range(12)]
    assert statuses == [422] * 10 + [429] * 2
    with mock.patch("sharing.gate.check_password", side_effect=AssertionError("looked at")):
        assert holder.come(PASSWORD).status_code == 429
    # From elsewhere the link is as exhausted; the other link is not, and coming in there gives nothing back.
    assert Holder(link, "198.51.100.1").come(PASSWORD).status_code == 429
    assert Holder(other, "198.51.100.2").come(PASSWORD).status_code == 303
    assert holder.come(PASSWORD).status_code == 429
    assert AuditEvent.objects.filter(action="link_password_failed").count() == 10


def test_a69_tokens_are_not_guessed_and_all_that_is_closed_looks_the_same(paper: Document, alice_actor: Actor) -> None:
    over, revoked, paused, used = (link_to(paper, by=alice_actor, name=name, max_opens=1) for name in "orpu")
    tokens = [token_of(link) for link in (over, revoked, paused, used)]
    ShareLink.objects.filter(pk=over.pk).update(expires_at=now())
    revoke_link(revoked, by=alice_actor)
    pause_link(paused, by=alice_actor)
    Holder(used).come()
    pages: set[tuple[int, bytes, str]] = set()
    for token in (*tokens, "x" * 43, "short", "%00"):
        for path in (f"/l/{token}/", f"/l/{token}/documents/{paper.pk}/", f"/l/{token}/documents/{paper.pk}/download/"):
            answer = Client(REMOTE_ADDR=f"192.0.2.{len(pages) + 10}").get(path, headers=LOOKING)
            pages.add((answer.status_code, answer.content, json.dumps(dict(answer.headers), sort_keys=True)))
    assert len(pages) == 1
    assert next(iter(pages))[0] == 404
    cache.clear()
    guesser = Client(REMOTE_ADDR="203.0.113.5")
    statuses = [guesser.get(f"/l/{number:043}/").status_code for number in range(40)]
    assert statuses == [404] * 30 + [429] * 10
    assert guesser.get(f"/l/{token_of(link_to(paper, by=alice_actor))}/", headers=LOOKING).status_code == 429


def test_a77_robots_and_heads_count_nothing_and_learn_nothing(paper: Document, alice_actor: Actor) -> None:
    limited, free = link_to(paper, by=alice_actor, max_opens=1), link_to(paper, by=alice_actor, name="free")
    for link in (limited, free):
        holder = Holder(link)
        for headers in (
            {},
            {"User-Agent": "Slackbot"},
            {**LOOKING, "Sec-Purpose": "prefetch"},
            {"Sec-Fetch-Dest": "image"},
        ):
            answer = holder.client.get(holder.at(), headers=headers)
            assert answer.status_code == 200
            assert b"paper.txt" not in answer.content
        assert holder.client.head(holder.at(), headers=LOOKING).status_code == 200
        link.refresh_from_db()
        assert link.opens == 0
    holder = Holder(limited)
    assert holder.come().status_code == 303
    for _again in range(3):
        assert b"paper.txt" in holder.get().content
    limited.refresh_from_db()
    assert limited.opens == 1
    late = Holder(limited, "192.0.2.99")
    assert late.get().status_code == 404
    assert late.get("link_document", paper.pk).status_code == 404
    ticket = gate.make_ticket(Kind.LINK, limited.pk)
    assert late.client.post(late.at(), {"ticket": ticket}).status_code == 404


def test_a119_a_form_that_is_not_of_our_page_changes_nothing(car: Folder, paper: Document, alice_actor: Actor) -> None:
    link = link_to(car, EDIT, by=alice_actor, password=PASSWORD)
    holder = Holder(link)
    for fields in ({}, {"ticket": "forged"}, {"ticket": gate.make_ticket(Kind.REQUEST, link.pk)}):
        answer = holder.client.post(holder.at(), {"password": PASSWORD, **fields})
        assert answer.status_code == 403
    good = {"ticket": gate.make_ticket(Kind.LINK, link.pk), "password": PASSWORD}
    assert holder.client.post(holder.at(), good, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    # What a browser says of a page without a referrer.
    assert holder.client.post(holder.at(), good, headers={"Origin": "null"}).status_code == 303
    file = SimpleUploadedFile("a.txt", b"a")
    for ticket in ("forged", gate.make_ticket(Kind.LINK, link.pk), gate.make_ticket(Kind.LINK, link.pk, "other")):
        assert holder.send("link_add", car.pk, file, ticket).status_code == 403
        assert holder.send("link_replace", paper.pk, file, ticket).status_code == 403
    assert Document.objects.count() == 1


def test_a78_the_token_stays_in_the_address(
    paper: Document,
    alice_actor: Actor,
    client_for: Callable[[User], Client],
    alice: User,
    caplog: pytest.LogCaptureFixture,
) -> None:
    link = link_to(paper, by=alice_actor)
    token, holder = token_of(link), Holder(link)
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(OneLine())
    logger = logging.getLogger("django.request")
    caplog.set_level(logging.WARNING, logger.name)  # whatever a test before has made of it
    logger.addHandler(handler)
    try:
        answers = [holder.get(), holder.get("link_download", paper.pk), holder.get("link_folder", paper.pk)]
        revoke_link(link, by=alice_actor)
        answers.append(holder.get())
    finally:
        logger.removeHandler(handler)
    assert [answer.status_code for answer in answers] == [200, 200, 404, 404]
    for answer in answers:
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert "no-store" in answer.headers["Cache-Control"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert "'none'" in answer.headers["Content-Security-Policy"]
        assert token not in repr(answer.headers)
    title = answers[0].content.decode().partition("<title>")[2].partition("</title>")[0]
    assert token not in title
    assert "Not Found" in written.getvalue(), (logger.disabled, logger.manager.disable, caplog.text)
    assert token not in written.getvalue()
    assert gate.hash_of(token)[:12] in written.getvalue()
    assert token not in repr(list(AuditEvent.objects.values()))
    assert token not in client_for(alice).get(reverse("my_activity")).content.decode()


# --- For looking only -----------------------------------------------------------------------------------------


def drawn(paper: Document, content_type: str) -> Version:
    """As if it had been read, with a picture of its page."""
    version = paper.versions.get()
    Version.objects.filter(pk=version.pk).update(content_type=content_type)
    Document.objects.filter(pk=paper.pk).update(content_type=content_type)
    Reading.objects.filter(pk=version.pk).update(state="ready", kind="pdf", page_count=1)
    Page.objects.create(reading_id=version.pk, number=1, text="secret words")
    for kind in ("thumbnail", "page"):
        previews.keep_object(version.pk, kind, 1, b"RIFF", "image/webp", 1, 1)
    return version


@pytest.mark.parametrize("kind", ["application/pdf", "image/png"])
def test_a74_a_link_for_looking_gives_pictures_and_never_the_bytes(
    car: Folder, paper: Document, alice_actor: Actor, kind: str
) -> None:
    drawn(paper, kind)
    counted = {"max_downloads": 1}
    for level, terms, may_download in ((VIEW, {}, False), (DOWNLOAD, counted, True)):
        holder = Holder(link_to(car, level, by=alice_actor, **terms))
        holder.get()
        page = holder.get("link_document", paper.pk)
        text = page.content.decode()
        assert holder.at("link_page_picture", paper.pk, 1) in text
        assert holder.at("link_content", paper.pk) not in text
        assert 'data-tool="print"' not in text
        assert ("screenshot" in text) == (not may_download)
        assert (holder.at("link_download", paper.pk) in text) == may_download
        assert holder.get("link_page_picture", paper.pk, 1).status_code == 200
        assert holder.get("link_thumbnail", paper.pk).status_code == 200
        for name, *rest in (("link_content",), ("link_page_words", 1), ("link_enclosure", 0)):
            for headers in ({}, {"Range": "bytes=0-1"}):
                assert holder.get(name, paper.pk, *rest, **headers).status_code == 403, name
        asked_as = holder.client.get(holder.at("link_document", paper.pk), {"as": "text"})
        assert asked_as.status_code == 403
        if not may_download:
            for name, key in (("link_download", paper.pk), ("link_zip", car.pk)):
                assert holder.get(name, key).status_code == 403
                assert holder.client.head(holder.at(name, key)).status_code == 403


@pytest.mark.parametrize("state", ["waiting", "failed", "encrypted"])
def test_what_the_vault_cannot_draw_is_not_given_for_looking(paper: Document, alice_actor: Actor, state: str) -> None:
    version = drawn(paper, "application/pdf")
    Reading.objects.filter(pk=version.pk).update(state=state)
    holder = Holder(link_to(paper, VIEW, by=alice_actor))
    page = holder.get().content.decode()
    assert ("looked at" in page) == (state != "waiting")
    assert "ownload it" not in page
    assert "link_content" not in page
    assert "<a" not in page.partition('class="document-face"')[2].partition("</section>")[0]


def test_counted_downloads_run_out_and_one_that_goes_on_is_one(
    car: Folder, paper: Document, alice_actor: Actor
) -> None:
    other = put("other.txt", car, alice_actor)
    link = link_to(car, by=alice_actor, max_downloads=1)
    holder = Holder(link)
    holder.get()
    assert holder.client.head(holder.at("link_download", paper.pk)).status_code == 200
    assert taken(holder.get("link_download", paper.pk)) == b"paper"
    assert taken(holder.get("link_download", paper.pk, Range="bytes=2-")) == b"per"
    assert holder.get("link_download", other.pk).status_code == 404
    assert holder.get("link_zip", car.pk).status_code == 404
    assert Holder(link, "192.0.2.50").get("link_download", paper.pk).status_code == 404
    link.refresh_from_db()
    assert link.downloads == 1
    assert holder.at("link_download", paper.pk) not in holder.get("link_document", paper.pk).content.decode()


# --- Putting files in --------------------------------------------------------------------------------------------


def files(*names: str, data: bytes = b"sent") -> list[SimpleUploadedFile]:
    return [SimpleUploadedFile(name, data) for name in names]


def test_a79_a_link_for_uploading_takes_files_and_shows_nothing(
    car: Folder, paper: Document, alice: User, alice_actor: Actor
) -> None:
    put("known.txt", car, alice_actor)
    link = link_to(car, UPLOAD, by=alice_actor)
    holder = Holder(link)
    page = holder.get()
    assert b"known" not in page.content
    assert b"Car" not in page.content
    used = Quota.objects.get(user=alice).used_bytes
    ticket = page.context["ticket"]
    for clash in ("keep", "replace", "skip"):
        answer = holder.send("link_add", car.pk, files("known.txt"), ticket, on_clash=clash)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert "known.txt" in text
        assert "known (" not in text
    assert Quota.objects.get(user=alice).used_bytes == used + 3 * 4
    names = set(Document.objects.filter(folder=car).values_list("name", flat=True))
    assert names == {"known.txt", "known (2).txt", "known (3).txt", "known (4).txt"}
    assert all(document.versions.count() == 1 for document in Document.objects.filter(folder=car))
    added = AuditEvent.objects.filter(action="document_added", actor_kind="link")
    assert {(row.actor_name, row.owner_id) for row in added} == {("Landlord", alice.pk)}
    new = Document.objects.get(name="known (2).txt")
    for name, key in (
        ("link_folder", car.pk),
        ("link_document", new.pk),
        ("link_download", new.pk),
        ("link_zip", car.pk),
    ):
        assert holder.get(name, key).status_code == 404
    # Nowhere else, and no document is replaced.
    other = folders("Other", alice_actor)
    assert holder.send("link_add", other.pk, files("x.txt"), ticket).status_code == 404
    assert holder.send("link_replace", new.pk, files("x.txt"), ticket).status_code == 404
    ShareLink.objects.filter(pk=link.pk).update(uploads=UPLOADS_LIMIT)
    full = holder.send("link_add", car.pk, files("more.txt"), ticket)
    assert full.status_code == 409
    assert b"no more files" in full.content
    assert Document.objects.filter(folder=car).count() == 4


def test_a_link_for_adding_takes_new_files_and_new_versions_and_nothing_else(
    car: Folder, paper: Document, alice: User, alice_actor: Actor
) -> None:
    link = link_to(car, EDIT, by=alice_actor)
    holder = Holder(link)
    ticket = holder.get().context["ticket"]
    answer = holder.send("link_add", paper.folder_id, files("new.txt", "paper.txt"), ticket, on_clash="replace")
    assert answer.status_code == 200
    assert b"2 files have arrived" in answer.content
    assert paper.versions.count() == 2
    assert holder.send("link_replace", paper.pk, files("whatever.doc", data=b"third"), ticket).status_code == 200
    paper.refresh_from_db()
    assert paper.versions.count() == 3
    assert (paper.name, paper.size_bytes) == ("paper.txt", 5)
    assert [version.created_by for version in paper.versions.order_by("number")] == [alice, None, None]
    assert told().count("version_added") == 2
    link.refresh_from_db()
    assert link.uploads == 3
    # Whoever may only look and download sends nothing.
    reader = Holder(link_to(car, by=alice_actor, name="reader"))
    ticket = reader.get().context["ticket"]
    assert reader.send("link_add", car.pk, files("x.txt"), ticket).status_code == 403
    assert reader.send("link_replace", paper.pk, files("x.txt"), ticket).status_code == 403


def test_a131_what_does_not_fit_the_owners_space_is_refused_without_its_figures(
    car: Folder, alice: User, alice_actor: Actor
) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=Quota.objects.get(user=alice).used_bytes + 10)
    holder = Holder(link_to(car, UPLOAD, by=alice_actor))
    ticket = holder.get().context["ticket"]
    answer = holder.send("link_add", car.pk, files("big.bin", data=b"x" * 5000), ticket)
    assert answer.status_code == 413
    assert b"not enough space" in answer.content
    assert b" left" not in answer.content.replace(b"space left", b"")
    assert Quota.objects.get(user=alice).reserved_bytes == 0


def test_a66_a_link_closed_while_a_file_arrives_takes_it_no_more(car: Folder, alice: User, alice_actor: Actor) -> None:
    link = link_to(car, UPLOAD, by=alice_actor)
    holder = Holder(link)
    ticket = holder.get().context["ticket"]
    from documents.uploads import OnePass

    finish = OnePass.finish

    def close_first(writing: OnePass) -> Document:
        revoke_link(link, by=alice_actor)
        return finish(writing)

    with mock.patch.object(OnePass, "finish", close_first):
        assert holder.send("link_add", car.pk, files("late.txt"), ticket).status_code == 404
    assert not Document.objects.filter(name="late.txt").exists()
    assert Quota.objects.get(user=alice).reserved_bytes == 0


def test_a19_names_that_are_markup_stay_names(
    alice: User, alice_actor: Actor, client_for: Callable[[User], Client]
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    folder = folders(evil, alice_actor)
    link = link_to(folder, EDIT, by=alice_actor, name=evil, message=evil)
    holder = Holder(link)
    page = holder.get()
    sent = holder.send("link_add", folder.pk, files("{{7*7}}.txt"), page.context["ticket"])
    sheet = client_for(alice).get(reverse("share_folder", args=[folder.pk]))
    for answer in (page, sent, sheet, client_for(alice).get(reverse("shared_by_link"))):
        assert b"<img src=x" not in answer.content
    assert b"{{7*7}}.txt" in sent.content
