"""Who adds to somebody else's vault hears that there is no room, by every door, and none of its owner's figures."""

import base64
import json
import re
from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.actors import Actor
from accounts.models import Quota, User
from accounts.quota import NoRoomThere, QuotaExceeded
from documents import uploads
from documents.models import Document, Folder
from documents.tests.making import folders, put
from sharing.access import Level
from sharing.actions import share
from sharing.models import AuditEvent

BODY = "application/offset+octet-stream"
LIMIT, USED, FILES = 7_340_032, 1_234_567, 97
# As pages and sentences would write what is used, left, and allowed.
FIGURES = re.compile(r"7[.,]0|7[.,]3|1[.,]2|5[.,]8|6[.,]1|7340032|1234567|6105465|\b97\b|you have|you may")
SAID = "There is no room for this in the owner&#x27;s vault."


@pytest.fixture
def shared(alice: User, alice_actor: Actor, dora: User) -> tuple[Folder, Document]:
    """A folder of Alice's that Dora may add to, nearly full."""
    folder = folders("Car", alice_actor)
    document = put("letter.txt", folder, alice_actor)
    share(folder, dora, Level.EDIT, by=alice_actor)
    Quota.objects.filter(user=alice).update(limit_bytes=LIMIT, used_bytes=USED)
    return folder, document


def create(client: Client, size: int, data: bytes = b"", **told: str) -> HttpResponse:
    told = {"filename": "big.bin", **told}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size), "Upload-Metadata": metadata}
    kind = BODY if data else "text/plain"
    return client.post("/uploads/", data, content_type=kind, headers=headers)  # type: ignore[return-value]


def form(client: Client, query: str, size: int) -> HttpResponse:
    page = client.get(f"/add/?{query}").content.decode()
    assert not FIGURES.search(main_of(page)), page
    action = re.search(r'action="([^"]*/add/[^"]+)"', page)
    assert action is not None
    kind = "multipart/form-data; boundary=b"
    head = '--b\r\nContent-Disposition: form-data; name="files"; filename="big.bin"\r\n\r\n'
    body = head.encode() + bytes(size) + b"\r\n--b--\r\n"
    return client.post(action.group(1), body, content_type=kind)  # type: ignore[return-value]


def main_of(page: str) -> str:
    """What the page itself says: the rail beside it tells Dora of her own room, and addresses are no figures."""
    found = re.search(r"<main.*?</main>", page, re.S)
    said = found.group() if found else page
    return re.sub(r"<[^>]*>", " ", said)


def test_an_editor_is_told_that_there_is_no_room_and_no_figure(
    shared: tuple[Folder, Document], dora: User, dora_actor: Actor, client_for: Callable[[User], Client]
) -> None:
    folder, document = shared
    client, too_much = client_for(dora), LIMIT - USED + 1
    by_tus = [
        create(client, too_much, folder=str(folder.pk)),
        create(client, too_much, b"x", folder=str(folder.pk)),
        create(client, too_much, b"x" * too_much, folder=str(folder.pk)),  # whole, on the shortest way
        create(client, too_much, folder=str(folder.pk), relativePath="Bills/2024/big.bin"),
        create(client, too_much, replaces=str(document.pk)),
    ]
    for answer in by_tus:
        assert answer.status_code == 413
        assert json.loads(answer.content) == {"message": "There is no room for this in the owner's vault."}
    for query in (f"folder={folder.pk}", f"document={document.pk}"):
        answer = form(client, query, too_much)
        page = answer.content.decode()
        assert (answer.status_code, SAID in page) == (413, True)
        assert not FIGURES.search(main_of(page))
    asked = {"files": json.dumps([["a.bin", too_much]]), "folder": folder.pk}
    foreseen = client.post("/uploads/foresee/", asked, headers={"HX-Request": "true"}).content.decode()
    assert "They do not fit into the vault they would go to" in foreseen
    assert not re.search(r"7[.,]0|1[.,]2|5[.,]8 |too few", main_of(foreseen)), foreseen
    with pytest.raises(NoRoomThere):
        uploads.store_stream("a", iter([b""]), folder, size_bound=too_much, by=dora_actor)
    # What the trail keeps of it is read by both.
    rows = AuditEvent.objects.filter(action="quota_refused")
    assert {tuple(row.metadata) for row in rows} == {("wanted",)}
    assert not FIGURES.search(main_of(client.get("/activity/").content.decode()))


def test_the_number_of_files_is_the_owners_too(
    shared: tuple[Folder, Document], alice: User, dora: User, client_for: Callable[[User], Client]
) -> None:
    folder, document = shared
    Quota.objects.filter(user=alice).update(file_limit=1)
    client = client_for(dora)
    for answer in (create(client, 1, b"x", folder=str(folder.pk)), create(client, 1, replaces=str(document.pk))):
        assert answer.status_code == 413
        assert json.loads(answer.content) == {"message": "There is no room for this in the owner's vault."}


def test_the_owner_is_told_what_is_left(
    shared: tuple[Folder, Document], alice: User, alice_actor: Actor, client_for: Callable[[User], Client]
) -> None:
    with pytest.raises(QuotaExceeded, match=r"you have 5\.8") as caught:
        uploads.begin_upload("a", LIMIT, shared[0], by=alice_actor)
    assert type(caught.value) is QuotaExceeded
    answer = create(client_for(alice), LIMIT)
    assert "left" in json.loads(answer.content)["message"]
    assert AuditEvent.objects.filter(action="quota_refused").latest("pk").metadata["available"] == LIMIT - USED
