"""What an export says of itself, compared with its checksums before anything is taken from it."""

import hashlib
from collections.abc import Iterator

from django.utils.translation import gettext as _

from documents.exports.known import LINE
from documents.exports.layout import FILING, FOLDERS, MARK, SUMS, TOPICS
from documents.exports.marks import LARGEST, Mark, MarkedPerson, NotAnExport, read_mark
from documents.exports.sources import Source, Unreadable, chunks_of

LONGEST_LINE = 8192


def opened_export(source: Source) -> tuple[Mark, dict[str, str]]:
    """The mark, compared with the checksums, and the digests of the lists. Raises NotAnExport."""
    try:
        data = b"".join(chunks_of(source, MARK, LARGEST))
    except Unreadable as error:
        raise NotAnExport(f"{MARK}: {error.message}") from error
    mark = read_mark(data)
    if not mark.is_finished:
        raise NotAnExport(_("This export was never finished. Run `manage.py export` into it again first."))
    wanted = {MARK, *(f"{part.directory}/{name}" for part in mark.people for name in (FOLDERS, TOPICS, FILING))}
    digests = {path: digest for digest, path in sums_of(source) if path in wanted}
    if digests.get(MARK) != hashlib.sha256(data).hexdigest():
        raise NotAnExport(_("%(file)s is damaged.") % {"file": MARK})
    return mark, digests


def part_of(mark: Mark, person: str, preferred: str = "") -> MarkedPerson:
    """The part of this person; where nobody is named, the only one, or that of the preferred. Raises NotAnExport."""
    if not person and len(mark.people) > 1:
        person = next((part.handle for part in mark.people if part.handle.casefold() == preferred.casefold()), "")
    handles = ", ".join(part.handle for part in mark.people)
    if person:
        for part in mark.people:
            if part.handle.casefold() == person.casefold():
                return part
        raise NotAnExport(
            _("There is no %(person)s in this export. There are: %(people)s.") % {"person": person, "people": handles}
        )
    if len(mark.people) != 1:
        raise NotAnExport(
            _("This is the export of several people (%(people)s). Say with --person whose part to take.")
            % {"people": handles}
        )
    return mark.people[0]


def sums_of(source: Source) -> Iterator[tuple[str, str]]:
    """Digest and path of every line of the checksums. Raises NotAnExport."""
    try:
        for line in _lines(chunks_of(source, SUMS, source.largest_sums)):
            found = LINE.match(line.decode("utf-8", "replace"))
            if found is None:
                raise NotAnExport(_("%(file)s is damaged.") % {"file": SUMS})
            yield found[1], found[2]
    except Unreadable as error:
        raise NotAnExport(f"{SUMS}: {error.message}") from error


def _lines(chunks: Iterator[bytes], longest: int = LONGEST_LINE) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        if len(rest) > longest:
            raise Unreadable(_("a line of it is too long"))
    if rest:
        yield rest
