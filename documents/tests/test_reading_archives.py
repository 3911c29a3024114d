"""Archives are found by the names of what lies in them, whatever these are written in; nothing is unpacked."""

import io
import zipfile
from pathlib import Path

import pytest

from documents.extraction.archives import MOST_NAMES
from documents.extraction.lane import Lane
from documents.sniffing import sniff
from documents.tests.readings import told_of


def archive(*names: str, data: bytes = b"content") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as written:
        for name in names:
            written.writestr(name, data)
    return made.getvalue()


def in_old_letters(encoding: str, *names: str) -> bytes:
    """As programs wrote them that knew of one set of letters only."""
    stand_ins = [f"{n:03}".ljust(len(name.encode(encoding)), "x") for n, name in enumerate(names)]
    made = archive(*stand_ins)
    for stand_in, name in zip(stand_ins, names, strict=True):
        made = made.replace(stand_in.encode(), name.encode(encoding))
    return made


def test_the_names_are_its_text(reading_lane: Lane) -> None:
    told = told_of(reading_lane, archive("Car/", "Car/Größe.pdf", "contract with ACME.docx"), "papers.zip")
    assert (told.state, told.facts.kind) == ("ready", "zip")
    assert told.text.split("\n") == ["Car/Größe.pdf", "contract with ACME.docx"]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1252", ["Überweisung März.pdf", "Verträge/Kündigung Müller.pdf"]),
        ("shift_jis", ["請求書.pdf", "契約書/東京.pdf"]),
        ("cp866", ["Счёт за март.pdf", "Договоры/Иванов.pdf"]),
        ("utf-8", ["Überweisung März.pdf", "请求.pdf"]),
    ],
)
def test_names_in_old_letters_are_read(encoding: str, names: list[str], reading_lane: Lane) -> None:
    told = told_of(reading_lane, in_old_letters(encoding, *names), "papers.zip")
    assert told.text.split("\n") == names


def test_what_systems_leave_behind_is_left_out(reading_lane: Lane) -> None:
    made = archive("__MACOSX/._a.txt", "a.txt", ".DS_Store", "b/Thumbs.db", "evil\nname", "c\\d.txt")
    assert told_of(reading_lane, made, "a.zip").text.split("\n") == ["a.txt", "evil name", "c/d.txt"]


@pytest.mark.parametrize(
    "made",
    [
        archive(),
        archive("empty/"),
        archive("META-INF/MANIFEST.MF", "a.class"),
        archive("a.txt")[:-30],
        archive("a.txt", "../b.txt"),
        archive("/etc/c.txt"),
        archive("C:/d.txt"),
    ],
    ids=["empty", "folders", "program", "cut off", "above", "absolute", "drive"],
)
def test_where_nothing_is_to_be_named_nothing_is_to_be_read(made: bytes, reading_lane: Lane) -> None:
    assert told_of(reading_lane, made, "a.zip").state == "nothing"


def test_one_with_a_password_is_told_as_such(reading_lane: Lane) -> None:
    made = bytearray(archive("a.txt"))
    made[made.index(b"PK\x01\x02") + 8] |= 1  # the flag in its list
    assert told_of(reading_lane, bytes(made), "a.zip").state == "encrypted"


def test_more_names_than_anybody_reads_are_left_out(reading_lane: Lane) -> None:
    made = archive(*(f"{n:06}" for n in range(MOST_NAMES + 10)), data=b"")
    told = told_of(reading_lane, made, "a.zip")
    assert (told.state, told.end.reason) == ("ready", "pages")
    assert told.text.count("\n") <= MOST_NAMES


def test_a_paper_that_is_none_is_not_listed(reading_lane: Lane) -> None:
    made = archive("[Content_Types].xml", "_rels/.rels", "other/part.xml")
    assert sniff(made, "a.docx").endswith("wordprocessingml.document")
    assert told_of(reading_lane, made, "a.docx").state == "nothing"


def test_those_of_the_corpus_are_listed_or_left(reading_lane: Lane, corpus: Path) -> None:
    found = {path.name: told_of(reading_lane, path) for path in (corpus / "hostile/archives").glob("*.zip")}
    ends = {name: told.state for name, told in found.items()}
    refused = {"absolute.zip", "slip.zip", "symlink.zip", "truncated.zip", "corrupted-oom.zip"}
    assert {name for name, state in ends.items() if state == "nothing"} == refused
    assert {name for name, state in ends.items() if state == "encrypted"} == {"encrypted-member.zip"}
    assert set(ends.values()) == {"ready", "nothing", "encrypted"}
    assert all(told.seconds < 5 for told in found.values())
    assert found["names-shift-jis.zip"].text.split("\n") == ["文章1.txt", "文章2.txt"]
