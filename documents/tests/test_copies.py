"""Office papers as they look: by a program that obeys LibreOffice's command line, behind walls, or as text."""

import os
import socket
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents import jobs
from documents.actions.copies import CopyState, copy_state
from documents.extraction import converting, office_cage
from documents.extraction.converting import CannotConvert, to_pdf
from documents.management.papers import pdf
from documents.models import Document, JobRun, Picture, PictureKind
from documents.storage import store
from documents.tests.library import read
from documents.tests.making import put
from sharing.models import LinkLevel
from sharing.tests.linking import LOOKING, Holder, link_to

ClientFor = Callable[[User], Client]
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PAPER = pdf("The letter as it looks", ["Dear reader"])
# As `soffice --headless … --convert-to pdf --outdir DIR FILE` does it: DIR/FILE's stem.pdf.
STAND_IN = """#!/bin/sh
here=$(dirname "$0")
echo "$@" > "$HOME/said"
while [ $# -gt 0 ]; do
  case "$1" in
    --outdir) out=$2; shift;;
    --convert-to) kind=$2; shift;;
    -*) ;;
    *) file=$1;;
  esac
  shift
done
name=$(basename "$file")
made="$out/${name%%.*}.$kind"
%s
"""
CONVERTS = 'cat "$here/paper.pdf" > "$made"; { echo; echo "% from:"; cat "$HOME/said" "$file"; } >> "$made"'


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder that is not below /tmp, which the program has for itself."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        yield Path(name)


@pytest.fixture
def office(room: Path, settings: Any) -> Callable[[str], str]:
    """Puts a program there that does this with the file."""
    place = room / "programs"
    place.mkdir()
    (place / "paper.pdf").write_bytes(PAPER)

    def make(does: str = CONVERTS) -> str:
        path = place / f"soffice-{len(list(place.iterdir()))}"
        path.write_text(STAND_IN % does)
        path.chmod(0o755)
        settings.OFFICE_PROGRAM = str(path)
        return str(path)

    return make


def letter(by: Actor, name: str = "letter.docx") -> Document:
    document = put(name, None, by, b"PK\x03\x04" + b"\0" * 26 + b"word/document.xml")
    read(document, "Dear reader of the text")
    assert document.current_version is not None
    assert document.current_version.content_type == DOCX
    return document


def page(client: Client, document: Document, query: str = "") -> str:
    answer = client.get(reverse("document", args=[document.pk]) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def work() -> None:
    """What waits in the queue, as a worker does it."""
    for run in JobRun.objects.filter(task="documents.tasks.make_copy", state="waiting"):
        jobs.run(str(run.pk))


@pytest.mark.django_db
def test_an_office_paper_is_shown_as_it_looks_once_the_copy_is_made(
    alice: User, bob: User, alice_actor: Actor, client_for: ClientFor, office: Callable[[str], str]
) -> None:
    office(CONVERTS)
    document, client = letter(alice_actor), client_for(alice)
    first = page(client, document)
    assert 'data-viewer="pages"' in first
    assert "Dear reader of the text" in first
    assert "It is being made ready" in first
    state = reverse("copy_progress", args=[document.pk])
    assert 'hx-trigger="every 2s"' in client.get(state, headers={"HX-Request": "true"}).content.decode()
    page(client, document)
    assert JobRun.objects.filter(task="documents.tasks.make_copy").count() == 1, "asked for once"
    work()
    assert "Show it" in client.get(state, headers={"HX-Request": "true"}).content.decode()
    copy = Picture.objects.get(kind=PictureKind.COPY)
    shown = page(client, document)
    address = reverse("document_copy", args=[document.pk])
    assert (
        f'data-viewer="pdf" data-content="{address}" data-size="{copy.size_bytes}" data-sha256="{copy.pk.hex}"' in shown
    )
    assert "Dear reader of the text" in shown, "for whoever has no scripts"
    assert 'data-viewer="pages"' in page(client, document, "?as=text")

    answer = client.get(address)
    data = b"".join(answer)
    assert data.startswith(PAPER[:60])
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Content-Disposition"].startswith("attachment")
    part = client.get(address, headers={"Range": "bytes=1-4", "If-Range": f'"{copy.pk.hex}"'})
    assert (part.status_code, b"".join(part)) == (206, b"PDF-")
    assert client.get(address, headers={"Range": "bytes=99999999-"}).status_code == 416
    assert client_for(bob).get(address).status_code == 404
    assert client_for(bob).get(state, headers={"HX-Request": "true"}).status_code == 404

    store().delete(copy.object_key)
    assert client.get(address).status_code == 404
    assert "It cannot be shown as it looks" in page(client, document), "it is not made over and over"


@pytest.mark.django_db
def test_guests_see_it_as_it_looks_once_the_copy_is_made_and_have_none_made(
    alice: User, alice_actor: Actor, client_for: ClientFor, office: Callable[[str], str]
) -> None:
    office(CONVERTS)
    document = letter(alice_actor)
    holder, looker, counted = (
        Holder(link_to(document, level, by=alice_actor, max_downloads=most))
        for level, most in ((LinkLevel.DOWNLOAD, None), (LinkLevel.VIEW, None), (LinkLevel.EDIT, 3))
    )
    assert 'data-viewer="pages"' in holder.get().content.decode()
    assert holder.get("link_copy", document.pk).status_code == 404
    assert not JobRun.objects.filter(task="documents.tasks.make_copy").exists(), "not for whoever holds a link"
    # Who makes a link has it made.
    client_for(alice).post(reverse("make_document_link", args=[document.pk]), {"level": "20", "protect": "none"})
    work()
    page_of_it = holder.get().content.decode()
    assert f'data-viewer="pdf" data-content="{holder.at("link_copy", document.pk)}"' in page_of_it
    assert b"".join(holder.get("link_copy", document.pk)).startswith(b"%PDF-")
    assert 'data-viewer="pages"' in holder.client.get(holder.at() + "?as=text", headers=LOOKING).content.decode()
    for other in (looker, counted):
        assert 'data-viewer="pages"' in other.get().content.decode(), "bytes are not given to those"
        assert other.get("link_copy", document.pk).status_code == 403


@pytest.mark.django_db
def test_a_name_that_looks_like_an_option_is_no_part_of_the_command(
    alice: User, alice_actor: Actor, client_for: ClientFor, office: Callable[[str], str]
) -> None:
    office(CONVERTS)
    for name in ("--outdir=x.docx", "-rf.docx", "$(id).docx"):
        document = letter(alice_actor, name)
        page(client_for(alice), document)
        work()
        made = b"".join(client_for(alice).get(reverse("document_copy", args=[document.pk])))
        command = made.partition(b"% from:")[2].split(b"PK\x03\x04")[0].decode().split()
        assert command[-3] == "--outdir"
        assert command[-1].endswith("/document.docx")
        assert name not in " ".join(command)


@pytest.mark.django_db
def test_without_an_office_program_its_text_is_shown(
    alice: User, alice_actor: Actor, client_for: ClientFor, settings: Any
) -> None:
    for setting in ("off", "/nowhere/soffice"):
        settings.OFFICE_PROGRAM = setting
        document = letter(alice_actor)
        shown = page(client_for(alice), document)
        assert 'data-viewer="pages"' in shown
        assert "as it looks" not in shown
        assert not JobRun.objects.filter(task="documents.tasks.make_copy").exists()


@pytest.mark.django_db
def test_a_paper_that_cannot_be_converted_stays_text_and_says_so(
    alice: User, alice_actor: Actor, client_for: ClientFor, office: Callable[[str], str]
) -> None:
    office("exit 1")
    document = letter(alice_actor)
    page(client_for(alice), document)
    work()
    assert document.current_version is not None
    assert copy_state(document.current_version) == CopyState.FAILED
    shown = page(client_for(alice), document)
    assert "It cannot be shown as it looks, so this is its text." in shown
    assert "Dear reader of the text" in shown
    assert JobRun.objects.get(task="documents.tasks.make_copy").state == "done"


@pytest.mark.django_db
def test_a_protected_paper_is_not_given_to_a_second_program(
    alice: User, alice_actor: Actor, client_for: ClientFor, office: Callable[[str], str]
) -> None:
    office(CONVERTS)
    document = letter(alice_actor)
    read(document, state="encrypted")  # type: ignore[arg-type]
    page(client_for(alice), document)
    assert not JobRun.objects.filter(task="documents.tasks.make_copy").exists()


def refused(program: str, why: str) -> None:
    with pytest.raises(CannotConvert, match=f"^{why}$"):
        to_pdf(program, BytesIO(b"PK"), DOCX)


def test_what_is_no_pdf_too_much_or_too_slow_is_refused(
    office: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(office('echo "<html>" > "$made"'), "nothing")
    refused(office('ln -s "$here/paper.pdf" "$made"'), "nothing")
    refused(office(":"), "nothing")
    monkeypatch.setattr(converting, "OUTPUT_BYTES", 2000)
    refused(office('cat "$here/paper.pdf" "$here/paper.pdf" "$here/paper.pdf" > "$made"'), "nothing|output")
    monkeypatch.setattr(converting, "SECONDS", 1)
    refused(office("sleep 600 & sleep 600"), "time")
    left = subprocess.run(["pgrep", "-f", "^sleep 600$"], capture_output=True, text=True, check=False).stdout.split()
    ours = [pid for pid in left if os.getsid(int(pid)) == os.getsid(0)]
    assert ours == [], "what it has started goes with it"
    monkeypatch.setattr(converting, "MEMORY_BYTES", 1024)
    refused(office("sleep 600"), "memory")
    assert not list(Path(tempfile.gettempdir()).glob("docuvault-office-*"))


def test_the_program_sees_no_files_of_the_vault_and_no_network(office: Callable[[str], str], room: Path) -> None:
    assert office_cage.abi(), "this machine has no Landlock: nothing is converted, and this cannot be tried"
    secret = room / "secret"
    secret.write_text("CANARY-SECRET")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        probe.settimeout(0.2)
        port = probe.getsockname()[1]
        calls = f"exec 3<>/dev/tcp/127.0.0.1/{port}"
        tries = f"""
        cat "$here/paper.pdf" > "$made"
        {{ cat {secret} /etc/passwd /proc/$PPID/environ /proc/1/environ; ls {room};
          echo x > {room}/written; echo x > "$here/written"; echo x > /tmp/written-{room.name};
          bash -c "{calls}" && echo CALLED;
        }} >> "$made" 2>&1
        echo END >> "$made"
        """
        made = to_pdf(office(tries), BytesIO(b"PK"), DOCX)
        with pytest.raises(TimeoutError):
            probe.accept()
    told = made[len(PAPER) :].decode()
    assert "END" in told
    for word in ("CANARY", "root:", "DATABASE_URL", "PATH=", "CALLED"):
        assert word not in told, told
    assert told.count("ermission denied") >= 5, told
    assert not (room / "written").exists()
    assert not (room / "programs" / "written").exists()
    assert not Path(f"/tmp/written-{room.name}").exists(), "the /tmp it has is its own"


# What a reader of the original sees on its first page.
REAL = {
    "office/writer.odt": "This is an example document",
    "office/comments.docx": "This is the first paragraph",
    "office/table-with-title.xlsx": "Number of freshwater ducks per year",
    "office/bullets.pptx": "Adding a Bullet Slide",
}


@pytest.mark.django_db
def test_where_libreoffice_is_it_makes_copies_behind_the_walls_that_the_viewer_shows(
    alice: User, alice_actor: Actor, client_for: ClientFor, settings: Any, corpus: Path
) -> None:
    found = converting.program("")
    if not found:
        pytest.skip("there is no LibreOffice on this machine: what it makes of papers is not seen here")
    settings.OFFICE_PROGRAM = found
    client = client_for(alice)
    for name, words in REAL.items():
        document = put(Path(name).name, None, alice_actor, (corpus / name).read_bytes())
        read(document, "its text")
        page(client, document)
        work()
        shown = page(client, document)
        assert 'data-viewer="pdf"' in shown, name
        made = b"".join(client.get(reverse("document_copy", args=[document.pk])))
        with pdfium.PdfDocument(made) as copy:
            first = copy[0].get_textpage().get_text_bounded()
            assert words in first, (name, first)
            picture = copy[0].render(scale=0.3).to_pil().convert("L")
            assert picture.getextrema()[0] < 200, f"{name}: an empty page"
    # A paper that names something elsewhere is drawn without it; nobody is called, and nothing is left lying about.
    with socket.create_server(("127.0.0.1", 0)) as probe:
        probe.settimeout(0.2)
        linked = docx_naming(f"http://127.0.0.1:{probe.getsockname()[1]}/picture.png")
        made = to_pdf(found, BytesIO(linked), DOCX)
        assert made.startswith(b"%PDF-")
        with pytest.raises(TimeoutError):
            probe.accept()
    assert not list(Path(tempfile.gettempdir()).glob("docuvault-office-*"))


def docx_naming(address: str) -> bytes:
    """A paper whose only picture lies elsewhere."""
    types = """<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override
 PartName="/word/document.xml"
 ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    )
    root = f'<Relationship Id="r1" Type="{office}/officeDocument" Target="word/document.xml"/></Relationships>'
    outside = f'<Relationship Id="r2" Type="{office}/image" Target="{address}" TargetMode="External"/></Relationships>'
    drawn = f"""<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"
 xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" xmlns:r="{office}"
 xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"
 xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><w:body><w:p><w:r><w:t>Linked</w:t></w:r><w:r>
<w:drawing><wp:inline><wp:extent cx="900000" cy="900000"/><wp:docPr id="1" name="p"/><a:graphic><a:graphicData
 uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic><pic:nvPicPr><pic:cNvPr id="1" name="p"/>
<pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:link="r2"/></pic:blipFill><pic:spPr/></pic:pic></a:graphicData>
</a:graphic></wp:inline></w:drawing></w:r></w:p></w:body></w:document>"""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, text in (
            ("[Content_Types].xml", types), ("_rels/.rels", relations + root), ("word/document.xml", drawn),
            ("word/_rels/document.xml.rels", relations + outside),
        ):  # fmt: skip
            made.writestr(name, text)
    return out.getvalue()
