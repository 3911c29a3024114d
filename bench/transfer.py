"""Bytes in and out through the application, beside the same bytes straight to the same store."""

import base64
import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from time import perf_counter, sleep
from typing import Any
from urllib.parse import urlencode

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from bench.report import Row, in_turns, shown
from bench.vault import ADMIN_PASSWORD, Client, RunningVault

MB = 1_000_000
BIG = 1_000 * MB
SMALL_COUNT, SMALL, SMALL_ROUNDS = 200, 1 * MB, 5
CLIENTS = 4
BIG_DOWNLOADS = 5
PART = 8 * 1024 * 1024
PDF_SIZES = [n * 10_000 for n in range(1, 51)]  # 50 files, 12.75 MB, like the peers' set
BOUNDARY = "bench-boundary-7f3a"


class Bytes:
    """A stream of `size` bytes made as they are read; random enough not to be compressed away."""

    def __init__(self, size: int, head: bytes = b"", tail: bytes = b"") -> None:
        self.block = os.urandom(1 << 20)
        self.left, self.head, self.tail = size, head, tail

    def read(self, count: int = -1) -> bytes:
        """As many bytes as asked for, while there are any: fewer would look like the end to boto3."""
        if self.head:
            chunk, self.head = self.head, b""
            return chunk
        if self.left:
            wanted = self.left if count < 0 else min(self.left, count)
            self.left -= wanted
            if wanted <= len(self.block):
                return self.block[:wanted]
            return (self.block * (wanted // len(self.block) + 1))[:wanted]
        chunk, self.tail = self.tail, b""
        return chunk


def straight_client(vault: RunningVault) -> Any:
    env = vault.environment
    return boto3.client(
        "s3",
        endpoint_url=env["S3_ENDPOINT_URL"],
        aws_access_key_id=env["S3_ACCESS_KEY_ID"],
        aws_secret_access_key=env["S3_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
        config=Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
            max_pool_connections=50,
        ),
    )


def send_tus(client: Client, name: str, data: bytes) -> str:
    """Creation with the whole file in one request; answers the upload's address."""
    token = csrf(client)
    answer = client.ask(
        "POST",
        "/uploads/",
        data,
        {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(data)),
            "Upload-Metadata": "filename " + base64.b64encode(name.encode()).decode(),
            "Content-Type": "application/offset+octet-stream",
            "X-CSRFToken": token,
        },
    )
    if answer.status != 201:
        raise RuntimeError(f"upload of {name} answered {answer.status}: {answer.body[:300]!r}")
    return answer.headers["location"]


def csrf(client: Client) -> str:
    """The page's token for scripts, taken once per client."""
    token = client.cookies.get("csrftoken", "")
    if not getattr(client, "token", ""):
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/add/").text)
        client.token = found.group(1) if found else token  # type: ignore[attr-defined]
    return str(client.token)  # type: ignore[attr-defined]


def send_form(client: Client, name: str, size: int) -> None:
    """The plain form, streamed."""
    found = re.search(r'action="([^"]*/add/[^"]+)"', client.get("/add/").text)
    if found is None:
        raise RuntimeError("the plain form has no address to send to")
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    answer = client.ask(
        "POST",
        found.group(1),
        Bytes(size, head, tail),
        {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Content-Length": str(len(head) + size + len(tail)),
        },
    )
    if answer.status not in {200, 302, 303}:
        raise RuntimeError(f"the plain form answered {answer.status}: {answer.text[:300]}")


@contextmanager
def watched_memory(vault: RunningVault) -> Iterator[Callable[[], float]]:
    """By how many MB the web processes grew at most while the block ran."""
    before = peak = vault.memory_mb(containing="docuvault.serving")
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.1):
            peak = max(peak, vault.memory_mb(containing="docuvault.serving"))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: peak - before
    finally:
        done.set()
        thread.join()


def timed(act: Callable[[], object]) -> float:
    start = perf_counter()
    act()
    return perf_counter() - start


def drained(straight: Any, bucket: str, key: str) -> None:
    """Read an object straight from the store without keeping it."""
    body = straight.get_object(Bucket=bucket, Key=key)["Body"]
    while body.read(1 << 20):
        pass


def speed_row(name: str, size: int, taken: float, below: float, *, least: float, besides: str = "") -> Row:
    """So many bytes in `taken` seconds, beside the `below` seconds of the floor: at least this part of its speed."""
    ratio = below / taken
    ours, floor = (f"{size / MB / seconds:.0f} MB/s" for seconds in (taken, below))
    return Row(name, ours, floor, f"{ratio:.2f}", f">= {least}{besides}", ratio >= least)


def rows(vault: RunningVault) -> Iterator[Row]:
    client = Client(vault.port)
    client.sign_in("admin", ADMIN_PASSWORD)
    vault.manage(
        "shell",
        "--no-imports",
        "-c",
        "from accounts.models import Quota; Quota.objects.update(limit_bytes=20_000_000_000)",
    )
    straight, bucket = straight_client(vault), vault.environment["S3_BUCKET"]
    yield from _accepted(client, straight, bucket)
    vault.wait_until_read()
    yield from _big(vault, client, straight, bucket)
    yield from _small(vault, straight, bucket)
    vault.wait_until_read()
    yield from _downloads(client, straight, bucket)


def _accepted(client: Client, straight: Any, bucket: str) -> Iterator[Row]:
    files = [os.urandom(size) for size in PDF_SIZES]
    turn = iter(range(10_000))

    def put_straight() -> None:
        n = next(turn)
        straight.put_object(Bucket=bucket, Key=f"bench/{n}", Body=files[n % 50])

    def put_ours() -> None:
        n = next(turn)
        send_tus(client, f"letter {n}.pdf", files[n % 50])

    ours, floor = in_turns(50, put_ours, put_straight)
    yield Row(
        "upload accepted, 1 client, 50 files of 10-500 kB (durable and filed on answer)",
        shown(ours),
        shown(floor),
        f"{median(ours) / median(floor):.1f} x",
        "< 31 ms; aim 10",
        median(ours) < 31,
    )


def _big(vault: RunningVault, client: Client, straight: Any, bucket: str) -> Iterator[Row]:
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=1, use_threads=False)

    def put_straight() -> None:
        straight.upload_fileobj(Bytes(BIG), bucket, "bench/big", Config=config)

    floors = [timed(put_straight)]
    with watched_memory(vault) as grown:
        ours = [timed(lambda n=n: send_form(client, f"film {n}.bin", BIG)) for n in range(2)]  # type: ignore[misc]
        growth = grown()
    floors.append(timed(put_straight))
    path = _download_named(client, "film 1.bin")
    down, down_floor = in_turns(
        BIG_DOWNLOADS, lambda: client.drain(path), lambda: drained(straight, bucket, "bench/big"), warm=1
    )
    straight.delete_object(Bucket=bucket, Key="bench/big")
    yield speed_row("1 GB through the plain form", BIG, median(ours), median(floors), least=0.7)
    yield speed_row("download of the 1 GB", BIG, median(down) / 1000, median(down_floor) / 1000, least=0.7)
    yield Row("growth of the web processes meanwhile", f"{growth:.0f} MB", "", "", "< 100 MB", growth < 100)


def _small(vault: RunningVault, straight: Any, bucket: str) -> Iterator[Row]:
    data = os.urandom(SMALL)
    clients = []
    for _ in range(CLIENTS):
        one = Client(vault.port)
        one.sign_in("admin", ADMIN_PASSWORD)
        csrf(one)
        clients.append(one)

    def ours(first: int, turn: int) -> None:
        for n in range(first, SMALL_COUNT, CLIENTS):
            send_tus(clients[first], f"scan {turn}-{n}.bin", data)

    def floor(first: int, turn: int) -> None:
        for n in range(first, SMALL_COUNT, CLIENTS):
            straight.put_object(Bucket=bucket, Key=f"bench/small-{turn}-{n}", Body=data)

    def together(act: Callable[[int, int], None], turn: int) -> float:
        vault.wait_until_read()
        with ThreadPoolExecutor(CLIENTS) as pool:
            return timed(lambda: list(pool.map(lambda first: act(first, turn), range(CLIENTS))))

    # In turns, since what the disk still has to write slows down whoever comes next.
    rounds = [(together(floor, turn), together(ours, turn)) for turn in range(SMALL_ROUNDS)]
    below, taken = median(floors for floors, _ in rounds), median(times for _, times in rounds)
    name = f"{SMALL_COUNT} files of 1 MB from {CLIENTS} clients, {SMALL_ROUNDS} rounds"
    yield speed_row(name, SMALL_COUNT * SMALL, taken, below, least=0.4)


def _document_of(client: Client, upload: str) -> str:
    """Wait until an upload is a document; answers the document's id."""
    for _ in range(600):
        answer = client.get(upload, {"Accept": "application/json"})
        found = re.search(r'"document": ?"([0-9a-f-]{36})"', answer.text)
        if found:
            return found.group(1)
        sleep(0.1)
    raise RuntimeError("the upload never became a document")


def _download_named(client: Client, name: str) -> str:
    """Where to download the document of this name."""
    found = re.search(r"/documents/[0-9a-f-]{36}/", client.get(f"/find/?{urlencode({'q': name})}").text)
    if found is None:
        raise RuntimeError(f"{name} is not found")
    return f"{found.group()}download/"


def _downloads(client: Client, straight: Any, bucket: str) -> Iterator[Row]:
    for size, times, limit in ((250_000, 50, 17.0), (50 * MB, 20, 0.0)):
        data = os.urandom(size)
        document = _document_of(client, send_tus(client, f"download {size}.bin", data))
        straight.put_object(Bucket=bucket, Key=f"bench/get-{size}", Body=data)
        path = f"/documents/{document}/download/"
        if hashlib.sha256(client.get(path).body).digest() != hashlib.sha256(data).digest():
            raise RuntimeError("the download is not what went in")
        piece = client.get(path, {"Range": "bytes=1000-1999"})
        if piece.status != 206 or piece.body != data[1000:2000]:
            raise RuntimeError("a range did not come back as 206 with its bytes")

        key = f"bench/get-{size}"
        ours, floor = in_turns(
            times,
            lambda p=path: client.drain(p),  # type: ignore[misc]
            lambda k=key: drained(straight, bucket, k),  # type: ignore[misc]
        )
        if limit:
            yield Row(
                "download of 0.25 MB",
                shown(ours),
                shown(floor),
                f"{median(ours) / median(floor):.1f} x",
                "< 17 ms; aim 3",
                median(ours) < limit,
            )
        else:
            name, taken, below = "download of 50 MB, ranges right (206)", median(ours) / 1000, median(floor) / 1000
            yield speed_row(name, size, taken, below, least=0.7, besides=" and > 319 MB/s")
