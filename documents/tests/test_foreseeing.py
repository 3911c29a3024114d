"""What files would meet, the questions before they travel, and those after they have arrived."""

import base64
import io
import json
import re
from collections.abc import Callable

import pytest
from django.test import Client, override_settings
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.actors import Actor
from accounts.models import Quota, User
from documents import uploads
from documents.actions.folders import ensure_folder_path, make_folder
from documents.actions.trash import trash_document, trash_folder
from documents.actions.versions import give_to
from documents.models import Document, Folder
from sharing import access
from sharing.access import Level
from sharing.actions import share

TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture
def alice_client(alice: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(alice)


@pytest.fixture
def bob_client(bob: User, client_for: Callable[[User], Client]) -> Client:
    return client_for(bob)


def encoded(**pairs: str) -> str:
    """Upload-Metadata."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def put(name: str, by: Actor, folder: Folder | None = None, data: bytes = b"paper") -> Document:
    document = uploads.file_whole(name, io.BytesIO(data), len(data), folder, by=by).document
    assert document is not None
    return document


def test_clashes_are_found_by_folded_name_in_their_own_folder(alice: User, alice_actor: Actor) -> None:
    tax = make_folder("Tax", None, by=alice_actor)
    there = put("Letter.PDF", alice_actor, tax)
    put("top.txt", alice_actor)
    trash_document(put("thrown.txt", alice_actor), by=alice_actor)
    outlook = uploads.foresee(
        [("Tax/letter.pdf", 7), ("letter.pdf", 1), ("TOP.txt", 2), ("thrown.txt", 3)], None, by=alice_actor
    )
    assert [(clash.path, clash.document.name) for clash in outlook.clashes] == [
        ("Tax/letter.pdf", "Letter.PDF"),
        ("TOP.txt", "top.txt"),
    ]
    assert outlook.clashes[0].document.pk == there.pk
    assert (outlook.made, outlook.joined, outlook.size_bytes) == ([], ["Tax"], 13)


def test_folders_to_be_made_and_those_that_are_there(alice_actor: Actor) -> None:
    ensure_folder_path(["A", "B"], None, by=alice_actor)
    gone = make_folder("Gone", None, by=alice_actor)
    trash_folder(gone, by=alice_actor)
    files = [("a/b/1", 1), ("A/C/2", 1), ("Gone/3", 1), ("X/Y/4", 1)]
    outlook = uploads.foresee(files, None, by=alice_actor, folders=["Empty/in it"])
    assert outlook.made == ["A/C", "Empty", "Empty/in it", "Gone", "X", "X/Y"]
    assert outlook.joined == ["A", "a", "a/b"]
    assert Folder.objects.count() == 3


def test_below_a_folder_and_never_elsewhere(alice_actor: Actor) -> None:
    place = make_folder("Place", None, by=alice_actor)
    put("a.txt", alice_actor)
    assert uploads.foresee([("a.txt", 1)], place, by=alice_actor).asks is False
    put("a.txt", alice_actor, place)
    assert len(uploads.foresee([("a.txt", 1)], place, by=alice_actor).clashes) == 1


def test_what_does_not_fit_is_told_before_it_travels(alice: User, alice_actor: Actor) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=10)
    assert uploads.foresee([("a", 10)], None, by=alice_actor).fits
    outlook = uploads.foresee([("a", 6), ("b", 5)], None, by=alice_actor)
    assert not outlook.fits
    assert outlook.asks


def test_names_that_cannot_be_are_named(alice_actor: Actor) -> None:
    outlook = uploads.foresee([("a/../b", 1), ("", 1)], None, by=alice_actor)
    assert [path for path, _reason in outlook.unusable] == ["a/../b", ""]


def test_another_persons_folder_is_not_looked_into(alice_actor: Actor, bob: User, bob_actor: Actor) -> None:
    folder = make_folder("Ours", None, by=alice_actor)
    with pytest.raises(access.NotVisible):
        uploads.foresee([("a", 1)], folder, by=bob_actor)
    share(folder, bob, Level.VIEW, by=alice_actor)
    with pytest.raises(access.NotAllowed):
        uploads.foresee([("a", 1)], folder, by=bob_actor)


def test_queries_do_not_grow_with_the_number_of_files(
    alice_actor: Actor, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    place = ensure_folder_path(["A", "B", "C"], None, by=alice_actor)
    put("1", alice_actor, place)
    files = [(f"A/B/C/{n}", 1) for n in range(900)]
    with django_assert_max_num_queries(8):
        assert len(uploads.foresee(files, None, by=alice_actor).clashes) == 1


# --- The doors --------------------------------------------------------------------------------------


def ask(client: Client, files: object, folder: Folder | None = None) -> tuple[int, str]:
    data = {"files": files if isinstance(files, str) else json.dumps(files), "folder": folder.pk if folder else ""}
    answer = client.post(reverse("foresee_uploads"), data, headers={"HX-Request": "true"})
    return answer.status_code, answer.content.decode()


def test_nothing_to_ask_is_no_content(alice_client: Client) -> None:
    assert ask(alice_client, [["a.txt", 3]]) == (204, "")


def test_the_questions_name_what_is_there(alice_client: Client, alice_actor: Actor) -> None:
    document = put("a.txt", alice_actor)
    status, page = ask(alice_client, [["a.txt", 3], ["New/b.txt", 4]])
    assert status == 200
    assert "1 folder will be made" in page
    assert "1 name is taken" in page
    assert str(document.pk) in page


@pytest.mark.parametrize("files", ["", "{", "[1]", '[["a"]]', '[["a", "x"]]', '[["a", -1]]', "[" * 5000])
def test_a_list_that_cannot_be_read_is_refused(files: str, alice_client: Client) -> None:
    assert ask(alice_client, files)[0] == 400


def test_tus_replaces_a_document(alice_client: Client, alice_actor: Actor) -> None:
    document = put("a.txt", alice_actor, data=b"old")
    headers = {**TUS, "Upload-Length": "3", "Upload-Metadata": encoded(filename="a.txt", replaces=str(document.pk))}
    answer = alice_client.post(
        reverse("uploads"), b"new", content_type="application/offset+octet-stream", headers=headers
    )
    assert (answer.status_code, answer["Upload-Document"]) == (201, str(document.pk))
    assert document.versions.count() == 2


@pytest.mark.parametrize("key", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_tus_cannot_replace_what_one_does_not_see(key: str, alice_client: Client) -> None:
    headers = {**TUS, "Upload-Length": "3", "Upload-Metadata": encoded(filename="a.txt", replaces=key)}
    assert alice_client.post(reverse("uploads"), headers=headers, content_type="text/plain").status_code == 404


def send_form(client: Client, address: str, name: str, data: bytes, **fields: str) -> int:
    page = client.get(address).content.decode()
    found = re.search(r'action="([^"]*/add/[^"]+)"', page)
    assert found is not None
    boundary = "edge"
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    )
    body += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        + data
        + f"\r\n--{boundary}--\r\n".encode()
    )
    return client.post(found.group(1), body, content_type=f"multipart/form-data; boundary={boundary}").status_code


def test_the_plain_form_keeps_both_or_replaces(alice_client: Client, alice_actor: Actor) -> None:
    document = put("a.txt", alice_actor, data=b"old")
    assert send_form(alice_client, reverse("add_files"), "a.txt", b"other", on_clash="keep") == 302
    assert Document.objects.count() == 2
    assert send_form(alice_client, reverse("add_files"), "A.txt", b"new", on_clash="replace") == 302
    assert Document.objects.count() == 2
    assert document.versions.count() == 2
    assert send_form(alice_client, reverse("add_files"), "a.TXT", b"third", on_clash="skip") == 302
    assert send_form(alice_client, reverse("add_files"), "fresh.txt", b"fresh", on_clash="skip") == 302
    assert sorted(Document.objects.values_list("name", flat=True)) == ["a (2).txt", "a.txt", "fresh.txt"]
    assert document.versions.count() == 2


def test_the_plain_form_of_a_document_makes_its_next_version(alice_client: Client, alice_actor: Actor) -> None:
    document = put("a.txt", alice_actor, data=b"old")
    address = f"{reverse('add_files')}?document={document.pk}"
    assert send_form(alice_client, address, "whatever.bin", b"new") == 302
    document.refresh_from_db()
    assert (document.name, document.versions.count(), document.size_bytes) == ("a.txt", 2, 3)


def test_a_ticket_for_a_document_is_for_whoever_may_still_edit_it(
    alice_actor: Actor, bob: User, bob_client: Client
) -> None:
    document = put("a.txt", alice_actor, data=b"old")
    assert bob_client.get(f"{reverse('add_files')}?document={document.pk}").status_code == 404
    granted = share(document, bob, Level.EDIT, by=alice_actor)
    page = bob_client.get(f"{reverse('add_files')}?document={document.pk}").content.decode()
    found = re.search(r'action="([^"]*/add/[^"]+)"', page)
    assert found is not None
    granted.delete()
    body = b'--e\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\nx\r\n--e--\r\n'
    assert bob_client.post(found.group(1), body, content_type="multipart/form-data; boundary=e").status_code == 404
    assert document.versions.count() == 1


def twins_address(*documents: Document) -> str:
    return reverse("twins") + "?" + "&".join(f"document={document.pk}" for document in documents)


def test_twins_are_shown_and_decided(alice_client: Client, alice_actor: Actor) -> None:
    there, thrown = put("there.txt", alice_actor), put("thrown.txt", alice_actor, data=b"other")
    trash_document(thrown, by=alice_actor)
    same, again = put("same.txt", alice_actor), put("thrown.txt", alice_actor, data=b"other")
    address = twins_address(same, again)
    page = alice_client.get(address).content.decode()
    assert "there.txt" in page
    assert "In the trash" in page
    assert alice_client.get(address + "&count=1").status_code == 200
    answer = alice_client.post(address, {str(same.pk): f"drop:{there.pk}", str(again.pk): f"restore:{thrown.pk}"})
    assert answer.status_code == 302
    live = Document.objects.live().order_by("name").values_list("pk", "name")
    assert list(live) == [(there.pk, "there.txt"), (thrown.pk, "thrown.txt")]
    assert alice_client.get(address + "&count=1").status_code == 204


def test_a_twin_becomes_a_version_and_nonsense_does_nothing(alice_client: Client, alice_actor: Actor) -> None:
    there, same = put("there.txt", alice_actor), put("same.txt", alice_actor)
    for choice in ("", "drop:", f"shred:{there.pk}", f"drop:{same.pk}", "give:00000000-0000-4000-8000-000000000000"):
        alice_client.post(twins_address(same), {str(same.pk): choice})
    assert Document.objects.count() == 2
    alice_client.post(twins_address(same), {str(same.pk): f"give:{there.pk}"})
    assert Document.objects.get().versions.count() == 2


def test_the_twins_page_shows_nobody_elses(alice_client: Client, alice_actor: Actor, bob_actor: Actor) -> None:
    his = put("zorro.txt", bob_actor)
    put("zorro again.txt", bob_actor)
    assert "zorro" not in alice_client.get(twins_address(his)).content.decode().split("<main", 1)[1]
    mine = put("mine.txt", alice_actor)
    assert "zorro" not in alice_client.get(twins_address(mine)).content.decode().split("<main", 1)[1]


def test_the_versions_are_on_the_page_and_their_doors_work(alice_client: Client, alice_actor: Actor) -> None:
    document, other = put("a.txt", alice_actor, data=b"one"), put("b.txt", alice_actor, data=b"two!")
    give_to(other, document, by=alice_actor)
    first, second = document.versions.order_by("number")

    def door(name: str, version: object) -> str:
        return reverse(name, args=[document.pk, version])

    page = alice_client.get(reverse("document", args=[document.pk])).content.decode()
    assert all(door(name, first.pk) in page for name in ("download_version", "note_version", "promote_version"))
    assert door("delete_version", second.pk) not in page  # the current one
    got = alice_client.get(door("download_version", first.pk))
    assert b"".join(got) == b"one"
    alice_client.post(door("note_version", first.pk), {"note": "the draft"})
    assert "the draft" in alice_client.get(reverse("document", args=[document.pk])).content.decode()
    assert alice_client.post(door("note_version", first.pk), {"note": "x" * 501}).status_code == 422
    assert alice_client.post(door("delete_version", second.pk)).status_code == 422
    alice_client.post(door("promote_version", first.pk))
    document.refresh_from_db()
    assert document.current_version_id == first.pk
    assert alice_client.get(door("delete_version", second.pk)).status_code == 200
    alice_client.post(door("delete_version", second.pk))
    assert document.versions.get() == first


def test_what_does_not_fit_stays_out_and_the_rest_is_offered(alice: User, alice_actor: Actor) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=100)
    files = [("a", 60), ("b", 50), ("c", 40), ("empty", 0)]
    outlook = uploads.foresee(files, None, by=alice_actor)
    assert [path for path, _reason in outlook.left_out] == ["b"]
    assert (outlook.over_bytes, outlook.fitting, outlook.asks) == (50, 3, True)
    with override_settings(MAX_FILE_BYTES=55):
        outlook = uploads.foresee(files, None, by=alice_actor)
        assert [path for path, _reason in outlook.left_out] == ["a"]
    Quota.objects.filter(user=alice).update(file_limit=1)
    outlook = uploads.foresee([("a", 1), ("b", 1)], None, by=alice_actor)
    assert outlook.left_out == [("b", "No place is left for one more file.")]


def test_a_dialog_of_what_cannot_be_added_offers_no_adding_and_says_by_how_much(
    alice: User, alice_client: Client
) -> None:
    Quota.objects.filter(user=alice).update(limit_bytes=1024)
    words = {"files": json.dumps([["film.mov", 3072]])}
    html = alice_client.post(reverse("foresee_uploads"), words, headers={"HX-Request": "true"}).content.decode()
    assert "do not fit" in html
    assert html.count("2.0") == 1
    assert "Nothing has been sent." in html
    assert "button-primary" not in html


def test_how_full_somebody_elses_vault_is_stays_his_own_business(
    alice: User, alice_actor: Actor, bob: User, bob_client: Client
) -> None:
    car = make_folder("Car", None, by=alice_actor)
    share(car, bob, Level.EDIT, by=alice_actor)
    Quota.objects.filter(user=alice).update(limit_bytes=7777)
    words = {"folder": str(car.pk), "files": json.dumps([["film.mov", 99_999]])}
    html = bob_client.post(reverse("foresee_uploads"), words, headers={"HX-Request": "true"}).content.decode()
    assert "They do not fit into the vault they would go to" in html
    assert "7.6" not in html
