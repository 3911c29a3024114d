"""What fills a vault, to the byte; and the acts on that page: keep one of several, thin out, stop an upload."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import filling, uploads
from documents.actions.errors import Refused
from documents.actions.trash import trash_document
from documents.actions.versions import drop_older_versions, keep_one
from documents.models import Document, PendingDeletion, Upload, Version
from documents.tests.making import folders, put
from documents.uploads import store_stream
from sharing import access
from sharing.access import Level, NotAllowed, NotVisible
from sharing.models import AuditEvent, Share

ClientFor = Callable[[User], Client]


def replace(document: Document, data: bytes, by: Actor) -> Document:
    return store_stream(document.name, iter([data]), None, size_bound=len(data), by=by, replaces=document)


def used(user: User) -> int:
    return Quota.objects.get(user=user).used_bytes


def told(verb: str) -> int:
    return AuditEvent.objects.filter(action=verb).count()


def test_the_parts_come_to_what_is_counted(alice: User, alice_actor: Actor, bob_actor: Actor) -> None:
    replace(put("a.txt", None, alice_actor, b"12345"), b"1234567", alice_actor)
    trash_document(replace(put("b.txt", None, alice_actor, b"123"), b"12", alice_actor), by=alice_actor)
    put("c.txt", folders("Car", alice_actor), alice_actor, b"1")
    put("other.txt", None, bob_actor, b"x" * 100)
    uploads.begin_upload("d.txt", 1000, None, by=alice_actor)
    parts = filling.filling_of(alice_actor)
    assert (parts.live_bytes, parts.live_count) == (8, 2)
    assert (parts.older_bytes, parts.trash_bytes, parts.trash_count, parts.way_bytes) == (5, 5, 1, 1000)
    assert parts.live_bytes + parts.older_bytes + parts.trash_bytes == used(alice)
    assert parts.files_left is None
    Quota.objects.filter(user=alice).update(file_limit=7, limit_bytes=10)
    parts = filling.filling_of(alice_actor)
    assert (parts.file_count, parts.files_left) == (6, 1)
    assert parts.whole_bytes == 1018, "the picture has room for what is too much"


def test_what_is_kept_twice_is_found_in_ones_own_vault_alone(alice_actor: Actor, bob_actor: Actor) -> None:
    for name in ("one", "two", "three"):
        put(name, None, alice_actor, b"same bytes")
    for name in ("large", "larger"):
        put(name, None, alice_actor, b"x" * 50)
    for name in ("empty", "nothing"):
        put(name, None, alice_actor, b"")
    trash_document(put("thrown", None, alice_actor, b"x" * 50), by=alice_actor)
    put("bobs", None, bob_actor, b"same bytes")
    put("single", None, alice_actor, b"alone")
    found = filling.doubled_in(alice_actor)
    assert [(group.count, group.size_bytes, group.spare_bytes) for group in found.groups] == [(2, 50, 50), (3, 10, 20)]
    assert (found.group_count, found.spare_bytes) == (2, 70)
    assert [row.name for row in found.groups[1].documents] == ["one", "two", "three"]
    first = filling.doubled_in(alice_actor, limit=1)
    assert (len(first.groups), first.group_count, first.spare_bytes) == (1, 2, 70)
    assert filling.doubled_in(bob_actor).groups == []


def test_one_is_kept_and_the_others_go_with_their_bytes(alice: User, alice_actor: Actor, bob_actor: Actor) -> None:
    kept = put("keep.txt", folders("Car", alice_actor), alice_actor, b"same")
    others = [put(f"{n}.txt", None, alice_actor, b"same") for n in range(3)]
    versioned = replace(put("versioned.txt", None, alice_actor, b"before"), b"same", alice_actor)
    thrown = trash_document(put("thrown.txt", None, alice_actor, b"same"), by=alice_actor)
    theirs = put("bobs.txt", None, bob_actor, b"same")
    assert keep_one(kept, by=alice_actor) == (3, 12)
    assert set(Document.objects.values_list("name", flat=True)) == {
        "keep.txt", "versioned.txt", "thrown.txt", "bobs.txt",
    }  # fmt: skip
    assert set(PendingDeletion.objects.values_list("object_key", flat=True)) >= {row.object_key for row in others}
    assert not PendingDeletion.objects.filter(object_key__in=[kept.object_key, theirs.object_key]).exists()
    assert used(alice) == 4 + 6 + 4 + 4
    assert told("document_purged") == 3
    assert keep_one(kept, by=alice_actor) == (0, 0)
    assert thrown.documents.exists()
    assert versioned.versions.count() == 2


def test_the_one_to_keep_must_be_whole(alice_actor: Actor) -> None:
    kept, _other = (put(name, None, alice_actor, b"same") for name in ("a", "b"))
    Version.objects.filter(document=kept).update(flaw="damaged")
    with pytest.raises(Refused):
        keep_one(kept, by=alice_actor)
    assert Document.objects.count() == 2


def test_nobody_else_keeps_one_or_thins_out(
    alice: User, alice_actor: Actor, dora: User, dora_actor: Actor, charlie_actor: Actor
) -> None:
    car = folders("Car", alice_actor)
    one, _two = (put(name, car, alice_actor, b"same") for name in ("a", "b"))
    one = replace(one, b"newer", alice_actor)
    Share.objects.create(folder=car, recipient=dora, shared_by=alice, level=Level.EDIT)
    for act in (keep_one, drop_older_versions):
        with pytest.raises(NotAllowed):
            act(one, by=dora_actor)
        with pytest.raises(NotVisible):
            act(one, by=charlie_actor)
    assert (Document.objects.count(), Version.objects.count()) == (2, 3)


def test_thinning_out_leaves_the_current_one_and_those_with_a_note(alice: User, alice_actor: Actor) -> None:
    document = put("a.txt", None, alice_actor, b"1")
    for data in (b"22", b"333", b"4444"):
        document = replace(document, data, alice_actor)
    Version.objects.filter(document=document, number=2).update(note="sent")
    (row,) = filling.most_older_versions(alice_actor)
    assert (row.older_count, row.older_bytes, row.noted_count, row.spare_count) == (3, 6, 1, 2)  # type: ignore[attr-defined]
    assert drop_older_versions(document, by=alice_actor) == 2
    assert drop_older_versions(document, by=alice_actor) == 0
    assert list(document.versions.order_by("number").values_list("number", flat=True)) == [2, 4]
    assert used(alice) == 6
    assert told("version_deleted") == 2


def test_an_upload_into_ones_vault_is_stopped_whoever_sends_it(
    alice: User, alice_actor: Actor, dora: User, dora_actor: Actor, charlie_actor: Actor
) -> None:
    car = folders("Car", alice_actor)
    Share.objects.create(folder=car, recipient=dora, shared_by=alice, level=Level.EDIT)
    row = uploads.begin_upload("film.mov", 1000, car, by=dora_actor)
    (shown,) = filling.uploads_under_way(alice_actor)
    assert not shown.is_own  # type: ignore[attr-defined]
    assert filling.uploads_under_way(dora_actor) == []
    for stranger in (dora_actor, charlie_actor):
        with pytest.raises(NotVisible):
            uploads.turn_away(row.pk, by=stranger)
    assert uploads.turn_away(row.pk, by=alice_actor)
    assert not uploads.turn_away(row.pk, by=alice_actor)
    row.refresh_from_db()
    assert (row.state, row.failure) == ("cancelled", "The owner of the vault has stopped it.")
    assert Quota.objects.get(user=alice).reserved_bytes == 0
    assert access.own_uploads(dora_actor).count() == 1


# --- The page -----------------------------------------------------------------------------------------


@pytest.fixture
def full(alice_actor: Actor) -> Document:
    """A vault with one of each kind that the page shows."""
    document = replace(put("letter.txt", None, alice_actor, b"before"), b"after", alice_actor)
    for name in ("twin a", "twin b"):
        put(name, None, alice_actor, b"twins")
    trash_document(put("thrown.txt", None, alice_actor, b"thrown"), by=alice_actor)
    uploads.begin_upload("coming.txt", 1000, None, by=alice_actor)
    return document


def test_the_page_shows_each_part_with_its_acts(full: Document, alice: User, client_for: ClientFor) -> None:
    client = client_for(alice)
    html = client.get(reverse("space")).content.decode()
    for words in ("Kept more than once", "Under way", "Older versions", "In the trash", "never charged", "Thin out"):
        assert words in html
    client.post(reverse("keep_one", args=[Document.objects.get(name="twin a").pk]))
    assert "“twin a” stays" in client.get(reverse("space")).content.decode()
    assert full.name in client.get(reverse("thin_document", args=[full.pk])).content.decode()
    client.post(reverse("thin_document", args=[full.pk]))
    client.post(reverse("turn_away_upload", args=[Upload.objects.get(state="receiving").pk]))
    html = client.get(reverse("space")).content.decode()
    for words in ("Kept more than once", "older-title", "under-way-title"):
        assert words not in html


def test_a_thing_is_thrown_away_from_there_and_one_can_undo_without_scripts(
    full: Document, alice: User, client_for: ClientFor
) -> None:
    client = client_for(alice)
    words = {"action": "trash", "document": str(full.pk), "next": reverse("space")}
    html = client.post(reverse("selection"), words, follow=True).content.decode()
    assert "1 thing is in the trash." in html
    (undo,) = {part.split('"')[0] for part in html.split('action="') if part.startswith(reverse("undo_trash"))}
    client.post(undo)
    full.refresh_from_db()
    assert full.trash_id is None


def test_a132_over_the_limit_one_reads_downloads_and_deletes_and_is_told_so(
    full: Document, alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=10)
    client = client_for(alice)
    assert b"more than you may" in client.get(reverse("space")).content
    assert client.get(reverse("document", args=[full.pk])).status_code == 200
    assert b"".join(client.get(reverse("download_document", args=[full.pk]))) == b"after"
    before = used(alice)
    entry = trash_document(full, by=alice_actor)
    client.post(reverse("restore", args=[entry.pk]))
    client.post(reverse("thin_document", args=[full.pk]))
    assert used(alice) == before - len(b"before")


def test_the_page_costs_the_same_however_much_is_kept(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    client = client_for(alice)
    counts = []
    for many in (2, 12):
        for number in range(many):
            put(f"{many} {number}", None, alice_actor, b"same bytes")
            replace(put(f"{many} {number} new", None, alice_actor, b"%d" % number), b"twice %d" % number, alice_actor)
            trash_document(put(f"{many} {number} old", None, alice_actor, b"thrown"), by=alice_actor)
            uploads.begin_upload(f"{many} {number} coming", 10, None, by=alice_actor)
        client.get(reverse("space"))
        with CaptureQueriesContext(connection) as asked:
            html = client.get(reverse("space")).content.decode()
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert html.count('class="good"') < 60, "lists are short"
