"""A proxy that breaks what passes through it: between the vault and PostgreSQL, or the vault and its store."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.totals import TOTALS

CHUNK = 65536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing tells the other side of a reset
HTTP_ANSWER = (
    "HTTP/1.1 {status} Fault\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n"
    "Connection: close\r\n\r\n{body}"
)
ERROR_BODY = '<?xml version="1.0"?><Error><Code>{code}</Code><Message>a fault</Message></Error>'


@dataclass
class Faults:
    """What happens to connections from now on; `times` is how many of them are struck before all is well again."""

    is_refusing: bool = False  # closed as soon as they are accepted
    is_silent: bool = False  # accepted, and never answered
    delay: float = 0.0  # seconds before each chunk
    bytes_per_second: int = 0
    cut_after_sent: int = -1  # bytes of the vault's, then a reset
    cut_after_answered: int = -1  # bytes of the answer, then a reset
    loses_answer_to: bytes = b""  # passed on when it is seen; what comes back is not
    status: int = 0  # to one request: an HTTP answer instead of the other side's, with this code
    code: str = "InternalError"
    only: bytes = b""  # strikes what the vault sends with this in its first bytes
    skips: int = 0  # connections that are left alone before
    times: int = -1


class Proxy:
    """Listens on a loopback port and passes on to an address or a unix socket."""

    def __init__(self, target: tuple[str, int] | Path) -> None:
        self.target = target
        self.faults = Faults()
        self.struck = 0
        self._live: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    @contextlib.contextmanager
    def broken(self, faults: Faults) -> Iterator[None]:
        """These faults as long as the block lasts, for new connections; those there are end now."""
        self.faults = faults
        self.cut()
        try:
            yield
        finally:
            self.faults = Faults()
            self.cut()

    def cut(self) -> None:
        """Reset every connection there is."""
        with self._lock:
            live, self._live = self._live, set()
        for one in live:
            _reset(one)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def _listen(self) -> None:
        while True:
            try:
                near, _address = self._listening.accept()
            except OSError:
                return
            if self.faults.is_refusing:
                self._strike()
                _reset(near)
                continue
            threading.Thread(target=self._serve, args=[near], daemon=True).start()

    def _strike(self) -> None:
        self.struck += 1
        TOTALS.faults += 1

    def _connect(self) -> socket.socket:
        if isinstance(self.target, Path):
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self.target))
            return far
        return socket.create_connection(self.target)

    def _serve(self, near: socket.socket) -> None:
        with self._lock:
            self._live.add(near)
        try:
            first = near.recv(CHUNK)
            if not first:
                near.close()
                return
            faults = self._faults_for(first)
            if faults.is_silent:
                return  # `cut` closes it
            if faults.status:
                self._answer(near, first, faults)
                return
            far = self._connect()
        except OSError:
            _reset(near)
            return
        with self._lock:
            self._live.add(far)
        is_lost = threading.Event()
        threading.Thread(target=self._pass_back, args=[far, near, faults, is_lost], daemon=True).start()
        self._pass_on(near, far, first, faults, is_lost)

    def _faults_for(self, first: bytes) -> Faults:
        with self._lock:
            faults = self.faults
            if faults == Faults() or not faults.times or faults.only not in first:
                return Faults()
            if faults.skips:
                faults.skips -= 1
                return Faults()
            faults.times -= 1
            self._strike()
            return Faults(**{**vars(faults), "times": -1})

    def _answer(self, near: socket.socket, first: bytes, faults: Faults) -> None:
        """Take the request in, as a server does, and answer with the error."""
        head, _blank, body = first.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields.get(b"content-length", b"0"))
        if b"100-continue" in head:
            near.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        taken = len(body)
        while taken < length and (chunk := near.recv(CHUNK)):
            taken += len(chunk)
        told = ERROR_BODY.format(code=faults.code)
        near.sendall(HTTP_ANSWER.format(status=faults.status, length=len(told), body=told).encode())
        near.close()

    def _pass_on(
        self, near: socket.socket, far: socket.socket, chunk: bytes, faults: Faults, is_lost: threading.Event
    ) -> None:
        sent = 0
        try:
            while chunk:
                if sent and self.faults.status and self.faults.only and chunk.startswith(self.faults.only):
                    faults = self._faults_for(chunk)  # the next request on a connection that is kept
                    if faults.status:
                        self._answer(near, chunk, faults)
                        break
                _slow(chunk, faults)
                if faults.loses_answer_to and faults.loses_answer_to in chunk:
                    is_lost.set()
                if 0 <= faults.cut_after_sent < sent + len(chunk):
                    far.sendall(chunk[: faults.cut_after_sent - sent])
                    break
                far.sendall(chunk)
                sent += len(chunk)
                chunk = near.recv(CHUNK)
            else:
                far.shutdown(socket.SHUT_WR)
                return
        except OSError:
            pass
        _reset(near)
        _reset(far)

    def _pass_back(self, far: socket.socket, near: socket.socket, faults: Faults, is_lost: threading.Event) -> None:
        answered = 0
        try:
            while chunk := far.recv(CHUNK):
                if is_lost.is_set():
                    break
                _slow(chunk, faults)
                if 0 <= faults.cut_after_answered < answered + len(chunk):
                    near.sendall(chunk[: faults.cut_after_answered - answered])
                    break
                near.sendall(chunk)
                answered += len(chunk)
        except OSError:
            pass
        _reset(near)
        _reset(far)


def _slow(chunk: bytes, faults: Faults) -> None:
    if faults.delay:
        time.sleep(faults.delay)
    if faults.bytes_per_second:
        time.sleep(len(chunk) / faults.bytes_per_second)


def _reset(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        one.close()
