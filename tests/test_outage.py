"""Database, store, disks or web server stop while people work, or senders stall: what can be answered is, nothing is
half made, and it goes on by itself."""

import base64
import contextlib
import hashlib
import io
import os
import re
import socket
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from docuvault.stack.postgres import SUPERUSER
from tests.outage import Vault, running_vault, soon

pytestmark = [pytest.mark.xdist_group("outage"), pytest.mark.timeout(180)]
FORM = "application/x-www-form-urlencoded"
SHA256_OF = "SELECT sha256 FROM documents WHERE name = '{}'"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with running_vault(tmp_path_factory.mktemp("outage")) as made:
        yield made


def test_f08_without_the_store_the_lists_go_on_and_bytes_are_told_to_be_away(vault: Vault) -> None:
    path = f"/documents/{vault.document}/download/"
    assert vault.ask(path)[2] == b"paper"
    vault.store.stop()
    try:
        assert vault.ask("/files/")[0] == 200
        assert vault.ask(f"/documents/{vault.document}/")[0] == 200
        status, headers, page = vault.ask(path)
        assert (status, headers["retry-after"]) == (503, "10")
        assert b"<html" in page
        # The upload may be begun, but no byte of it counts as received.
        status, headers, _told = vault.send("b.txt")
        assert status == 503 or (status, headers["upload-offset"]) == (201, "0")
        if status == 201:
            sent = {"Tus_Resumable": "1.0.0", "Upload_Offset": "0", "Content_Type": "application/offset+octet-stream"}
            status, headers, told = vault.ask(headers["location"], "PATCH", b"12345", **sent)
            assert (status, headers["content-type"]) == (503, "application/json")
            assert b"message" in told
    finally:
        vault.store.start()
    assert soon(lambda: vault.ask(path)[2] == b"paper")
    assert b"b.txt" not in vault.ask("/files/")[2]
    assert vault.send("b.txt")[0] == 201
    assert b"b.txt" in vault.ask("/files/")[2]


def test_f15_without_the_database_a_plain_page_says_so_and_it_recovers_by_itself(vault: Vault) -> None:
    assert vault.ask("/files/")[0] == 200
    vault.postgres.stop()
    try:
        for path in ("/files/", f"/documents/{vault.document}/download/", "/account/login/"):
            status, headers, page = vault.ask(path)
            assert (status, headers["retry-after"]) == (503, "10"), path
            assert b"<html" in page
            assert b"Traceback" not in page
        status, headers, _told = vault.send("c.txt")
        assert status == 503
        assert vault.ask("/health")[0] == 503
    finally:
        vault.postgres.start()
    assert soon(lambda: vault.ask("/files/")[0] == 200)
    assert b"c.txt" not in vault.ask("/files/")[2]
    assert soon(lambda: vault.send("c.txt")[0] == 201)


def test_a34_sixty_four_senders_who_stall_keep_nobody_waiting(vault: Vault) -> None:
    size, token = 5_000_000, "a" * 32
    senders = []
    try:
        for number in range(64):
            name = base64.b64encode(f"stalled {number}".encode()).decode()
            sender = socket.create_connection(("localhost", vault.port), 20)
            senders.append(sender)
            sender.sendall(
                f"POST /uploads/ HTTP/1.1\r\nHost: localhost:{vault.port}\r\n"
                f"Cookie: sessionid={vault.session}; csrftoken={token}\r\nX-CSRFToken: {token}\r\n"
                f"Tus-Resumable: 1.0.0\r\nUpload-Length: {size}\r\nUpload-Metadata: filename {name}\r\n"
                f"Content-Type: application/offset+octet-stream\r\nContent-Length: {size}\r\n\r\n".encode()
                + b"x"
            )
        for _ in range(4):
            assert vault.ask("/files/")[0] == 200, vault.log.read_text()[-2000:]
            assert vault.ask(f"/documents/{vault.document}/download/")[2] == b"paper"
        assert vault.send("meanwhile.txt")[0] == 201
        for sender in senders:  # each is still there: nobody was answered by being thrown out
            sender.sendall(b"x")
    finally:
        for sender in senders:
            sender.close()
    assert soon(lambda: vault.rows("SELECT reserved_bytes FROM quotas WHERE reserved_bytes > 0") == [])
    assert b"stalled" not in vault.ask("/files/")[2]


def test_a34_a_sender_of_a_byte_now_and_then_is_ended_and_what_came_is_kept(vault: Vault) -> None:
    vault.restart_web(DOCUVAULT_SLOW_SENDER_SECONDS="3")
    data, came = os.urandom(600_000), 200_000
    address = vault.begin("slow.bin", len(data))
    sender, sent = vault.sending(address, len(data), data[:came]), came

    def is_ended() -> bool:
        nonlocal sent
        try:
            sent += sender.send(data[sent : sent + 1])
        except OSError:
            return True
        return False

    assert soon(is_ended)
    sender.close()
    # What came is taken in once the connection has ended.
    assert soon(lambda: came <= vault.sender(address, data).offset <= sent)
    vault.sender(address, data, chunk_size=500_000).upload()
    assert vault.rows(SHA256_OF.format("slow.bin")) == [(hashlib.sha256(data).hexdigest(),)]
    vault.restart_web()


def test_f07_uploads_meet_a_stop_and_end_or_go_on(vault: Vault) -> None:
    vault.restart_web(kill_after="3")
    data, came = os.urandom(600_000), 200_000
    through, stalled = vault.begin("through.bin", len(data)), vault.begin("stalled.bin", len(data))
    senders = [vault.sending(address, len(data), data[:came]) for address in (through, stalled)]
    assert vault.ask("/files/")[0] == 200  # both are being read
    begun = time.monotonic()
    vault.web.terminate()
    with contextlib.suppress(OSError):
        senders[0].sendall(data[came:])
        senders[0].recv(100)
    vault.web.wait(20)
    assert time.monotonic() - begun < 15
    for sender in senders:
        sender.close()
    vault.start_web()
    for name, address in (("through.bin", through), ("stalled.bin", stalled)):
        # Filed meanwhile, or where it was: never a part of it for the whole.
        if not vault.rows(SHA256_OF.format(name)):
            assert vault.sender(address, data).offset in {0, came}
            vault.sender(address, data, chunk_size=500_000).upload()
        assert vault.rows(SHA256_OF.format(name)) == [(hashlib.sha256(data).hexdigest(),)]


def test_f31_f33_a_server_that_can_write_no_file_and_no_log_goes_on(vault: Vault) -> None:
    """Nothing is spooled on the way in or out, and no line of the log is worth a request."""
    vault.restart_web(is_disk_full=True)
    data = os.urandom(9_000_000)  # more than one piece
    address = vault.begin("spooled.bin", len(data))
    vault.sender(address, data).upload()
    ((document, digest),) = vault.rows("SELECT id::text, sha256 FROM documents WHERE name = 'spooled.bin'")
    assert digest == hashlib.sha256(data).hexdigest()
    assert vault.ask(f"/documents/{document}/download/")[2] == data
    chosen = f"action=download&document={document}&document={vault.document}".encode()
    status, _headers, page = vault.ask("/add/")
    assert status == 200
    form = re.search(rb'action="([^"]*/add/[^"]+)"', page)
    assert form is not None
    body = b'--b\r\nContent-Disposition: form-data; name="files"; filename="form.bin"\r\n\r\n' + data + b"\r\n--b--\r\n"
    # What is worth a warning is written to the log, where it can be.
    assert vault.ask("/nowhere/")[0] == 404
    assert vault.ask(form.group(1).decode(), "POST", body, Content_Type="multipart/form-data; boundary=b")[0] == 302
    status, _headers, packed = vault.ask("/selection/", "POST", chosen, Content_Type=FORM)
    assert status == 200
    assert zipfile.ZipFile(io.BytesIO(packed)).read("spooled.bin") == data
    told = (
        "SELECT count(*) FROM audit_log WHERE action = 'document_added' AND target_name IN ('spooled.bin', 'form.bin')"
    )
    assert vault.rows(told) == [(2,)]
    vault.restart_web()


def test_f32_a_full_disk_below_the_database_is_told_and_over_when_there_is_room(vault: Vault) -> None:
    """Rows of uploads lie on a disk of their own that is full. A log of the database that cannot grow ends it (F15)."""
    disk = Path(tempfile.mkdtemp(prefix="docuvault-disk-"))
    disk.chmod(0o711)
    is_root = os.geteuid() == 0
    if not is_root or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "x", disk], check=False).returncode:
        disk.rmdir()
        pytest.skip("a disk of its own cannot be made on this machine")
    superuser = vault.postgres.url(SUPERUSER)
    try:
        (disk / "rows").mkdir()
        assert vault.postgres.account is not None
        os.chown(disk / "rows", vault.postgres.account.uid, vault.postgres.account.gid)
        with psycopg.connect(superuser, autocommit=True) as session:
            session.execute(f"CREATE TABLESPACE small LOCATION '{disk / 'rows'}'")
            session.execute("ALTER TABLE uploads SET TABLESPACE small")
        filler = (disk / "filler").open("wb", buffering=0)
        with contextlib.suppress(OSError):
            while filler.write(bytes(4096)):
                pass
        filler.close()
        answers = [vault.send(f"full {number}.txt") for number in range(80)]
        refused = [answer for answer in answers if answer[0] != 201]
        assert refused, "the disk was not full"
        assert {status for status, _headers, _told in refused} == {503}
        assert b"Traceback" not in refused[0][2]
        taken = len(answers) - len(refused)
        assert vault.rows("SELECT count(*) FROM documents WHERE name LIKE 'full %'") == [(taken,)]
        assert vault.ask("/files/")[0] == 200
        assert vault.ask(f"/documents/{vault.document}/download/")[2] == b"paper"
        (disk / "filler").unlink()
        assert vault.send("full no more.txt")[0] == 201
        assert vault.rows("SELECT reserved_bytes FROM quotas WHERE reserved_bytes > 0") == []
    finally:
        with psycopg.connect(superuser, autocommit=True) as session:
            session.execute("ALTER TABLE uploads SET TABLESPACE pg_default")
            session.execute("DROP TABLESPACE IF EXISTS small")
        subprocess.run(["umount", disk], check=True)
        disk.rmdir()


def test_an_independent_client_goes_on_after_both_were_restarted_and_days_later(vault: Vault) -> None:
    data, part = os.urandom(400_000), 100_000
    sender = vault.sender(data=data, chunk_size=part, metadata={"filename": "long.bin"})
    sender.upload_chunk()
    vault.store.stop()
    vault.store.start()
    sender.upload_chunk()
    vault.restart_web()
    # Another day, another process of the sender: nothing but the address is known.
    moved = "UPDATE uploads SET expires_at = expires_at - interval '6 days' WHERE name = 'long.bin' RETURNING name"
    assert vault.rows(moved) == [("long.bin",)]
    later = vault.sender(sender.url, data, chunk_size=part)
    assert later.offset == 2 * part
    later.upload()
    ((document, digest),) = vault.rows("SELECT id::text, sha256 FROM documents WHERE name = 'long.bin'")
    assert digest == hashlib.sha256(data).hexdigest()
    assert vault.ask(f"/documents/{document}/download/")[2] == data
