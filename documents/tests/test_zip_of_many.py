"""A48: a folder as ZIP whose names meet without case or hold a backslash, are thousands, and some may not be seen."""

import hashlib
import shutil
import subprocess
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from accounts.actors import Actor
from accounts.models import User
from documents.actions.trash import trash_document
from documents.downloads import MANIFEST, zip_documents
from documents.models import Document, Folder, Version
from documents.names import name_key
from documents.storage import new_key, store
from documents.tests.making import folders, put
from sharing.models import AuditEvent, Share, ShareLevel


def many(count: int, folder: Folder) -> dict[str, bytes]:
    """So many documents with bytes of their own, put and filed in bulk; content by name."""
    contents = {f"paper {n:05}.txt": b"content of %d" % n for n in range(count)}
    keys = {name: new_key() for name in contents}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store().put(keys[name], contents[name]), contents))
    documents, versions = [], []
    for name, data in contents.items():
        facts = {
            "object_key": keys[name],
            "size_bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "content_type": "text/plain",
        }
        document = Document(user_id=folder.user_id, folder=folder, name=name, name_key=name_key(name), **facts)
        document.current_version_id = uuid.uuid4()
        documents.append(document)
        versions.append(Version(pk=document.current_version_id, document=document, number=1, **facts))
    Document.objects.bulk_create(documents, batch_size=1000)
    Version.objects.bulk_create(versions, batch_size=1000)
    return contents


@pytest.mark.parametrize("count", [40, pytest.param(5000, marks=[pytest.mark.soak, pytest.mark.timeout(900)])])
def test_a48_a_folder_leaves_whole_with_names_that_meet_nowhere(
    count: int, alice: User, alice_actor: Actor, bob: User, bob_actor: Actor, tmp_path: Path
) -> None:
    shared = folders("Shared", alice_actor)
    contents = {f"Shared/{name}": data for name, data in many(count, shared).items()}
    # The vault keeps no such name; an older row or another program might.
    odd = put("odd.txt", shared, alice_actor, b"odd")
    Document.objects.filter(pk=odd.pk).update(name="..\\..\\evil.txt", name_key="..\\..\\evil.txt")
    contents["Shared/.._.._evil.txt"] = b"odd"
    # A folder and a document of one name, and two chosen from different places that differ by case alone.
    put("in.txt", folders("Shared/same", alice_actor), alice_actor, b"in")
    put("SAME", shared, alice_actor, b"same")
    contents |= {"Shared/same/in.txt": b"in", "Shared/SAME (2)": b"same"}
    chosen = [
        put(name, folders(place, alice_actor), alice_actor, name.encode())
        for name, place in (("read me", "X"), ("Read Me", "Y"))
    ]
    contents |= {"read me": b"read me", "Read Me (2)": b"Read Me"}
    # Bob may not see these two.
    trash_document(put("thrown away.txt", shared, alice_actor), by=alice_actor)
    put("hers alone.txt", None, alice_actor)
    for item in ({"folder": shared}, {"document": chosen[0]}, {"document": chosen[1]}):
        Share.objects.create(recipient=bob, shared_by=alice, level=ShareLevel.VIEW, **item)
    answer = zip_documents(chosen, [Folder.objects.get(pk=shared.pk)], "x.zip", by=bob_actor)
    path = tmp_path / "x.zip"
    with path.open("wb") as file:
        file.writelines(answer.streaming_content)  # type: ignore[arg-type]
    assert path.stat().st_size == int(answer.headers["Content-Length"])
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = [name for name in archive.namelist() if name != MANIFEST]
        assert {name: archive.read(name) for name in names} == contents
        assert len({name.casefold() for name in names}) == len(names)
        assert all(not name.startswith("/") and "\\" not in name and ".." not in name.split("/") for name in names)
        archive.extractall(tmp_path / "out")
    sums = subprocess.run(["sha256sum", "-c", "--quiet", MANIFEST], cwd=tmp_path / "out", check=False)
    assert sums.returncode == 0
    if unzip := shutil.which("unzip"):
        assert subprocess.run([unzip, "-tq", str(path)], capture_output=True, check=False).returncode == 0
    told = AuditEvent.objects.filter(action="document_downloaded", actor_id=bob.pk)
    assert told.count() == len(contents)
