"""What hangs on a mail, kept as documents of their own: each is filed as if it had been sent.

They go where the mail lies for whoever may add there, else to the top of the actor's own vault. What
lies there already with the same bytes is not added again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from accounts import quota
from accounts.actors import Actor
from documents import previews
from documents.extraction.frames import FileFound
from documents.models import Document, Folder, Version
from documents.names import InvalidName, clean_name
from documents.uploads.one_pass import store_stream
from documents.uploads.refusals import UploadRefused
from sharing import access, audit
from sharing.access import Level

MAILS = frozenset({"message/rfc822", "application/vnd.ms-outlook"})
CHUNK = 256 * 1024


@dataclass
class Kept:
    """What became of each file: added, there already, or refused with the reason."""

    added: list[Document] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def place_for(document: Document, *, by: Actor) -> Folder | None:
    """Where its attachments go: beside it, or None for the top of the actor's own vault."""
    folder = document.folder
    if folder is None or folder.trash_id is not None:
        return None
    level = access.level_on_folder(by, folder)
    return folder if level is not None and level >= Level.EDIT else None


def name_of(found: FileFound) -> str:
    """Its name as it will be kept: what a name may not be is left out of it."""
    last = found.name.replace("\\", "/").rpartition("/")[2]
    try:
        return clean_name("".join(letter for letter in last if letter.isprintable()))
    except InvalidName:
        return _("attachment %(number)d") % {"number": found.number + 1}


def keep_enclosures(version: Version, numbers: Sequence[int], *, by: Actor) -> Kept:
    """File these attachments of a mail that the actor may see.

    Raises NotVisible, also where the version is no mail, NotMade where it cannot be taken apart, PictureBusy,
    CannotRead, StoreError, QuotaExceeded never: what does not fit is told in the answer.
    """
    if version.content_type not in MAILS or by.active_user is None:
        raise access.NotVisible(_("There is nothing here that you can see."))
    document = access.fetch_document(by, version.document_id)
    folder, kept = place_for(document, by=by), Kept()
    wanted = set(numbers)
    found = [one for one in previews.enclosed_files(version, sorted(wanted)) if one.number in wanted]
    audit.record_reading(audit.Verb.DOCUMENT_DOWNLOADED, version, by=by)
    owner = folder.user_id if folder else by.active_user.pk
    for one in found:
        name = name_of(one)
        same = Document.objects.live().owned_by(owner).in_folder(folder)
        if one.data and same.filter(sha256=hashlib.sha256(one.data).hexdigest()).exists():
            kept.there.append(name)
            continue
        chunks = (one.data[start : start + CHUNK] for start in range(0, len(one.data), CHUNK))
        try:
            kept.added.append(store_stream(name, chunks, folder, size_bound=len(one.data), by=by))
        except (quota.QuotaExceeded, UploadRefused) as error:
            kept.refused.append((name, str(error.message)))
    return kept
