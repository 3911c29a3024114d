"""Reading what was made to harm: bombs, loops, floods, network, memory, time; a child or a reader that is killed."""

import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from accounts.actors import Actor
from documents.actions.reading import claim, read_version, read_waiting
from documents.extraction import lane as lane_module
from documents.extraction.lane import Lane
from documents.extraction.limits import MIB, Limits
from documents.models import Page, Reading, ReadingState
from documents.tests.papers import PDF, archive
from documents.tests.readings import Told, told_of, told_once
from documents.tests.test_reading import put, reading_of

CHECKOUT = Path(__file__).resolve().parents[2]
MOST_BYTES = 400 * MIB


def ended_well(told: Told) -> None:
    """A final state in time, little memory, and nobody else harmed."""
    assert told.state in {"ready", "failed", "encrypted", "nothing"}
    assert told.end.reason not in {"died", "time"}, told.end
    assert told.seconds < 60
    assert told.end.peak_bytes < MOST_BYTES
    assert sum(len(page.text) for page in told.pages) < 10_000_000


@pytest.fixture
def probe() -> Iterator[Callable[[], int]]:
    """Listens on the loopback; answers how many have called."""
    calls: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        port, stopping = server.getsockname()[1], threading.Event()

        def listen() -> None:
            while not stopping.is_set():
                try:
                    caller, _address = server.accept()
                    caller.close()
                    calls.append(caller)
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        count: Callable[[], int] = lambda: len(calls)  # noqa: E731
        count.port = port  # type: ignore[attr-defined]
        yield count
        stopping.set()
        thread.join()


def png_of(width: int, height: int) -> bytes:
    """A picture that claims a size and holds nothing of it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def noise(side: int = 1400) -> bytes:
    """A picture that is long to be recognised, since there is nothing to recognise."""
    out = io.BytesIO()
    Image.frombytes("L", (side, side), os.urandom(side * side)).save(out, "PNG", compress_level=0)
    return out.getvalue()


def pdf_of(pages: str, more: str = "") -> bytes:
    """A PDF with this tree of pages, without a table: readers build it."""
    catalog = f"1 0 obj\n<< /Type /Catalog /Pages 2 0 R {more} >>\nendobj"
    return f"%PDF-1.4\n{catalog}\n{pages}\ntrailer\n<< /Root 1 0 R >>".encode()


# --- What the files do -----------------------------------------------------------------------------------


def test_a35_every_hostile_pdf_ends_in_time_within_its_memory_and_harms_nobody(
    corpus: Path, reading_lane: Lane
) -> None:
    told_of(reading_lane, b"before", "a.txt")
    zygote = reading_lane.pid
    files = sorted((corpus / "hostile" / "pdf").iterdir())
    assert len(files) > 20
    for path in files:
        ended_well(told_once(reading_lane, path))
    assert told_of(reading_lane, b"a document after them", "a.txt").text == "a document after them"
    assert zygote == reading_lane.pid


def test_a36_pictures_larger_than_can_be_held_are_refused_before_they_are_decoded(
    corpus: Path, reading_lane: Lane
) -> None:
    told = told_of(reading_lane, png_of(60_000, 60_000), "a.png")
    assert (told.state, told.end.reason, told.pictures) == ("failed", "pixels", [])
    for name in ("hostile/images/pixel-flood-30000.png", "hostile/images/pixel-bomb.gif"):
        told = told_once(reading_lane, corpus / name)
        assert told.state == "failed", name
        assert told.end.peak_bytes < 150 * MIB, name
    for name in ("hostile/pdf/bomb-giant.pdf", "hostile/pdf/hugemono-35000x35000.pdf"):
        told = told_once(reading_lane, corpus / name)
        ended_well(told)
        assert told.end.peak_bytes < 250 * MIB, name


def test_a37_loops_and_claims_in_a_pdf_come_to_an_end(reading_lane: Lane) -> None:
    itself = "2 0 obj\n<< /Type /Pages /Kids [2 0 R] /Count 1 >>\nendobj"
    page = "3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>\nendobj"
    million = f"2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1000000 >>\nendobj\n{page}"
    outline = (
        million.replace("1000000", "1")
        + "\n4 0 obj\n<< /First 5 0 R >>\nendobj\n5 0 obj\n<< /Title (a) /Next 5 0 R >>\nendobj"
    )
    nested = f"2 0 obj\n{'[' * 20_000}{']' * 20_000}\nendobj"
    for data in (pdf_of(itself), pdf_of(million), pdf_of(outline, "/Outlines 4 0 R"), pdf_of(nested)):
        told = told_of(reading_lane, data, "a.pdf")
        ended_well(told)
        assert told.seconds < 10
        assert len(told.pages) <= 2_000
        assert (told.facts.page_count or 0) <= 2_000


def test_a37_the_same_of_the_corpus(corpus: Path, reading_lane: Lane) -> None:
    for name in (
        "recursive-page-tree",
        "page-tree-loop",
        "outline-loop",
        "deep-nesting-20000",
        "million-pages-claimed",
    ):
        told = told_once(reading_lane, corpus / "hostile" / "pdf" / f"{name}.pdf")
        ended_well(told)
        assert (told.facts.page_count or 0) <= 2_000, name


def test_a38_pictures_that_broke_their_readers_cost_a_picture_and_nothing_else(
    corpus: Path, reading_lane: Lane
) -> None:
    for name in ("fuzzed.tif", "libtiff-crash.tif", "oom.tif"):
        told = told_once(reading_lane, corpus / "hostile" / "images" / name)
        assert told.state in {"ready", "failed"}
        assert told.end.peak_bytes < MOST_BYTES
    assert told_of(reading_lane, PDF, "a.pdf").state == "ready"


def test_a39_entities_are_refused_and_fetch_nothing(reading_lane: Lane, probe: Callable[[], int]) -> None:
    port = probe.port  # type: ignore[attr-defined]
    name = socket.gethostname()
    entities = f'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/hostname"><!ENTITY b SYSTEM "http://127.0.0.1:{port}/">]>'
    body = "<w:p><w:r><w:t>&a;&b;</w:t></w:r></w:p>"
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    paper = f'<?xml version="1.0"?>{entities}<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>'
    told = told_of(reading_lane, archive(word__document_xml=paper), "a.docx")
    assert (told.state, told.text) == ("failed", "")
    for suffix, start in ((".xml", '<?xml version="1.0"?>'), (".svg", "")):
        markup = f'{start}{entities}<svg xmlns="http://www.w3.org/2000/svg"><text>&a;&b;</text></svg>'
        told = told_of(reading_lane, markup.encode(), f"a{suffix}")
        assert f"\n{name}\n" not in told.text
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    told = told_of(reading_lane, f'<!DOCTYPE r [<!ENTITY l0 "ha">{laughs}]><r>&l9;</r>'.encode(), "a.xml")
    assert len(told.text) < 10_000
    ended_well(told_of(reading_lane, b"<a>" * 50_000 + b"</a>" * 50_000, "a.xml"))
    assert probe() == 0


def test_a39_the_same_of_the_corpus(corpus: Path, reading_lane: Lane) -> None:
    told = told_once(reading_lane, corpus / "hostile" / "archives" / "xxe.docx")
    assert told.state == "failed"
    for name in ("xxe.svg", "billion-laughs.xml", "quadratic.xml", "deep-50000.xml"):
        told = told_once(reading_lane, corpus / "hostile" / "xml" / name)
        ended_well(told)
        assert len(told.text) < 1_000_000
        assert socket.gethostname() not in told.text or socket.gethostname() == "localhost"


def test_a40_references_lead_nowhere_and_only_a_closed_list_is_decoded(
    reading_lane: Lane, probe: Callable[[], int], corpus: Path
) -> None:
    port = probe.port  # type: ignore[attr-defined]
    where = f"http://127.0.0.1:{port}/x"
    page = f'<html><link rel="stylesheet" href="{where}"><img src="{where}"><p>words</p></html>'
    assert told_of(reading_lane, page.encode(), "a.html").text.strip() == "words"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{where}"/><text>seen</text></svg>'
    told = told_of(reading_lane, svg.encode(), "a.svg")
    assert (told.state, told.pictures) == ("ready", [])  # read as letters, never drawn
    magick = f"push graphic-context\nimage over 0,0 0,0 'https://127.0.0.1:{port}/x'\n"
    for name in ("a.mvg", "a.jpg"):
        told = told_of(reading_lane, magick.encode(), name)
        assert told.pictures == []
    assert told_of(reading_lane, b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file", "a.eps").state == "nothing"
    for name in (
        "archives/external-refs.docx",
        "active/remote-refs.svg",
        "active/playlist.m3u8",
        "active/read-file.eps",
    ):
        told = told_once(reading_lane, corpus / "hostile" / name)
        ended_well(told)
        assert told.pictures == []
    assert probe() == 0


CAGED = """
import json, os, signal, socket, sys
from documents.extraction import cage
has_network = cage.leave_network()
cage.let_nobody_look()
parent = os.getpid()
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
cage.limit(200_000_000, 5)
held = cage.give_up_rights() and cage.refuse_calls()
rights = [line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "CapPrm"))]
found = {"held": held, "network": has_network, "rights": rights}
def tried(name, act):
    try:
        act()
        found[name] = "done"
    except (OSError, MemoryError) as error:
        found[name] = type(error).__name__
tried("socket", lambda: socket.socket())
tried("fork", os.fork)
tried("exec", lambda: os.execv("/bin/true", ["true"]))
tried("kill", lambda: os.kill(parent, 0))
tried("signal", lambda: signal.pidfd_send_signal(os.pidfd_open(parent), 0))
tried("look", lambda: open(f"/proc/{parent}/mem", "rb"))
tried("rewrite", lambda: open(f"/proc/{parent}/mem", "r+b"))
def write():
    with open("/tmp/docuvault-cage-" + str(os.getpid()), "wb") as file:
        file.write(b"x")
        file.flush()
    os.unlink(file.name)
tried("write", write)
tried("memory", lambda: bytearray(900_000_000))
tried("files", lambda: [os.dup(1) for _ in range(80)])
sys.stdout.write(json.dumps(found))
"""


def test_a40_the_cage_refuses_the_network_programs_processes_files_and_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CAGED], cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("held") is True
    assert found.pop("network") in {True, False}
    assert {int(each, 16) for each in found.pop("rights")} == {0}
    assert found == {
        "signal": "PermissionError", "look": "PermissionError", "rewrite": "PermissionError",
        "socket": "PermissionError", "fork": "PermissionError", "exec": "PermissionError", "kill": "PermissionError",
        "write": "OSError", "memory": "MemoryError", "files": "OSError",
    }  # fmt: skip


def test_a41_what_unpacks_to_far_more_is_stopped(reading_lane: Lane, corpus: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("word/document.xml", "<w:t>" + "a" * 120_000_000 + "</w:t>")
    for source in (out.getvalue(), corpus / "hostile" / "archives" / "bomb.docx"):
        told = told_of(reading_lane, source, "a.docx")
        ended_well(told)
        assert len(told.text) <= 8_000_000
    told = told_once(reading_lane, corpus / "hostile" / "images" / "ztxt-bomb.png")
    ended_well(told)


ODD_TEXTS = {
    "nul.txt": (b"before\0after", "beforeafter"),
    "lone.json": (b'{"a": "\xed\xa0\x80 words"}', "words"),
    "utf16.txt": ("Größe".encode("utf-16"), "Größe"),
    "utf16be.csv": ("a,Größe\nb,c".encode("utf-16-be"), "Größe"),
    "utf32.txt": ("Größe".encode("utf-32"), "Größe"),
    "cp866.txt": ("Отчёт за год, написан для проверки чтения старых файлов и их букв".encode("cp866"), "Отчёт"),
    "latin.txt": ("Die Straße führt über Köln nach Düsseldorf und weiter".encode("latin-1"), "Straße"),
}


def test_a42_odd_texts_are_kept_without_nul_and_found(alice_actor: Actor, reading_lane: Lane, corpus: Path) -> None:
    made = {name: put(name, data, alice_actor) for name, (data, _words) in ODD_TEXTS.items()}
    for name in ("hostile/lies/nul-bytes.txt", "hostile/lies/lone-surrogates.json", "text/ebcdic-cp500.txt"):
        put(f"corpus-{Path(name).name}", (corpus / name).read_bytes(), alice_actor)
    assert read_waiting(reading_lane) == len(made) + 3
    for name, document in made.items():
        text = "".join(Page.objects.filter(reading=document.current_version_id).values_list("text", flat=True))
        assert ODD_TEXTS[name][1] in text, name
        assert "\0" not in text
    assert not Reading.objects.exclude(state__in=["ready", "nothing"]).exists()


def test_a43_a_password_is_a_final_state_that_the_owner_is_told_of(
    alice_actor: Actor, reading_lane: Lane, corpus: Path
) -> None:
    names = ("pdf/password-openpassword.pdf", "office/encrypted.odt", "office/protected-password-tika.docx")
    documents = [put(Path(name).name, (corpus / name).read_bytes(), alice_actor) for name in names]
    assert read_waiting(reading_lane) == 3
    assert {reading_of(document).state for document in documents} == {ReadingState.ENCRYPTED}
    assert claim() is None
    zipped = told_once(reading_lane, corpus / "hostile" / "archives" / "encrypted-member.zip")
    assert zipped.state == "encrypted"


def test_a50_names_are_told_to_no_program(
    alice_actor: Actor, reading_lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    send = socket.send_fds

    def noted(to: socket.socket, parts: list[bytes], handles: list[int]) -> int:
        asked.extend(parts)
        return send(to, parts, handles)

    monkeypatch.setattr(lane_module.socket, "send_fds", noted)
    documents = [put(name, PDF, alice_actor) for name in ("-rf.pdf", "--output=x", "$(id).pdf", "a; b.pdf")]
    Reading.objects.filter(pk__in=[document.current_version_id for document in documents[1:]]).delete()
    assert read_waiting(reading_lane) == 1
    assert len(asked) == 1
    assert b"-rf" not in asked[0]
    assert reading_of(documents[0]).state == ReadingState.READY
    # What children there are get descriptors: the command line of the reader is the same for all.
    command = Path(f"/proc/{reading_lane.pid}/cmdline").read_bytes().split(b"\0")
    assert command[1:3] == [b"-m", b"documents.extraction.zygote"]


# --- Limits and deaths -----------------------------------------------------------------------------------


def test_a_document_that_takes_too_long_is_ended(reading_lane: Lane) -> None:
    told = told_of(reading_lane, noise(), "a.png", limits=Limits(seconds=0.2, longest_seconds=0.2))
    assert (told.state, told.end.reason) == ("failed", "time")
    assert told.seconds < 5
    assert told_of(reading_lane, b"next", "a.txt").text == "next"


def test_a_document_that_takes_too_much_memory_is_ended(reading_lane: Lane) -> None:
    told = told_of(reading_lane, noise(3000), "a.png", limits=Limits(memory_bytes=24 * MIB))
    assert (told.state, told.end.reason) == ("failed", "memory"), told.end
    assert told_of(reading_lane, b"next", "a.txt").text == "next"


def test_a_flood_of_output_is_cut_off(reading_lane: Lane) -> None:
    told = told_of(reading_lane, b"word " * 100_000, "a.txt", limits=Limits(output_bytes=100_000))
    assert (told.state, told.end.reason) == ("failed", "output")
    assert told_of(reading_lane, b"next", "a.txt").text == "next"


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def successor_of(pid: int) -> int:
    """The child that waits for the next document, once the one before it is gone."""
    until = time.monotonic() + 10
    while len(found := children_of(pid)) != 1 and time.monotonic() < until:
        time.sleep(0.005)
    (only,) = found
    return only


@pytest.mark.parametrize("who", ["the child", "the process that forks"])
def test_f28_a_child_that_is_killed_is_the_state_of_its_document_alone(
    who: str, alice_actor: Actor, tessdata: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "TICK_SECONDS", 0.02)
    lane = Lane(tessdata, ["eng"])
    killed: list[int] = []
    usual = lane.work

    def work(*given: object, tick: Callable[[], None], **more: object) -> object:
        def strike() -> None:
            tick()
            assert lane.pid is not None
            there = children_of(lane.pid) if who == "the child" else [lane.pid]
            if there and not killed:
                killed.append(there[0])
                os.kill(there[0], signal.SIGKILL)

        return usual(*given, tick=strike, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(lane, "work", work)
    try:
        document = put("noise.png", noise(), alice_actor)
        assert read_waiting(lane) == 1
        row = reading_of(document)
        assert killed
        assert (row.state, row.reason, row.attempts) == (ReadingState.FAILED, "died", 1)
        after = put("after.txt", b"still here", alice_actor)
        assert read_waiting(lane) == 1
        assert reading_of(after).state == ReadingState.READY
    finally:
        lane.stop()


def test_f28_each_document_has_a_child_of_its_own_and_one_killed_while_it_waits_is_replaced(
    reading_lane: Lane,
) -> None:
    told_of(reading_lane, b"first", "a.txt")
    pid = reading_lane.pid or 0
    waiting = successor_of(pid)
    assert told_of(reading_lane, b"second", "a.txt").text == "second"
    successor = successor_of(pid)
    assert successor != waiting
    assert not Path(f"/proc/{waiting}").exists(), "it read one document and ended"
    os.kill(successor, signal.SIGKILL)
    while Path(f"/proc/{successor}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        os.sched_yield()
    assert told_of(reading_lane, b"third", "a.txt").text == "third"
    assert reading_lane.pid == pid
    assert successor not in children_of(pid)


def test_f28_a_reader_that_is_told_to_stop_gives_its_document_back(
    alice_actor: Actor, reading_lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "TICK_SECONDS", 0.02)
    document = put("noise.png", noise(), alice_actor)
    version_id = claim()
    assert version_id is not None
    assert version_id == document.current_version_id
    read_version(version_id, reading_lane, lambda: True)
    row = reading_of(document)
    assert (row.state, row.attempts) == (ReadingState.WAITING, 0)  # no try of the document's
    assert told_of(reading_lane, b"next", "a.txt").text == "next"
    assert successor_of(reading_lane.pid or 0)
