"""A small library for the tests of finding: documents whose pages are written here instead of read."""

from accounts.actors import Actor
from documents.models import Document, Folder, Page, Reading, ReadingState
from documents.search import index_document, parse
from documents.search.finding import Found, find
from documents.tests.making import put


def write(
    name: str,
    *pages: str,
    by: Actor,
    language: str = "en",
    folder: Folder | None = None,
    state: ReadingState = ReadingState.READY,
    title: str = "",
    data: bytes = b"",
) -> Document:
    """A document that has been read, with these pages."""
    document = put(name, folder, by, data=data or name.encode())
    read(document, *pages, language=language, state=state, title=title)
    return document


def read(
    document: Document,
    *pages: str,
    language: str = "en",
    state: ReadingState = ReadingState.READY,
    title: str = "",
) -> None:
    """What the reading of the current version found, in place of what was there, and written down."""
    assert document.current_version_id is not None
    Reading.objects.filter(version=document.current_version_id).delete()
    reading = Reading.objects.create(
        version_id=document.current_version_id,
        owner_id=document.user_id,
        state=state,
        language=language,
        page_count=len(pages),
        title=title,
    )
    Page.objects.bulk_create([Page(reading=reading, number=number, text=text) for number, text in enumerate(pages, 1)])
    index_document(document.pk)


def found(line: str, by: Actor, **options: object) -> Found:
    return find(parse(line), by, **options)  # type: ignore[arg-type]


def names(line: str, by: Actor, **options: object) -> list[str]:
    """The names of what is found, in order."""
    ids = found(line, by, **options).ids
    by_id = {row.pk: row.name for row in Document.objects.filter(pk__in=ids)}
    return [by_id[key] for key in ids]
