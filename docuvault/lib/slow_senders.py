"""Ends connections whose sender is too slow, so that none holds a thread of the server for ever.

A thread that waits for the body of a request sits in one read, which neither it nor the server can give
up. So one thread for each process looks at the kernel's own counts: where a read has lasted too long, every
connection to the server that for as long has brought next to nothing, and has nothing to be sent, is shut.
The read then ends with what has arrived, as when a sender vanishes. Idle connections may go along; a
slow but steady sender, a paused download and an answer under way stay.

Rejected: a thread for each body that waits beside it. The server frees neither that thread nor the connection.
"""

import io
import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

DESCRIPTORS = Path("/proc/self/fd")
# What a sender must bring within the time that is set: less than the slowest of lines carries.
FLOOR_BYTES = 4096
LOOKS = 6  # within that time
# Of Linux's struct tcp_info, in its fixed order.
INFO_BYTES = 160
UNACKED_AT, ACKED_AT, RECEIVED_AT, UNSENT_AT = 24, 120, 128, 144


@dataclass
class Standing:
    """A connection as it stood when it last got on."""

    since: float
    received: int
    acked: int


@dataclass(frozen=True)
class Traffic:
    """What the kernel has counted of a connection."""

    received: int
    acked: int
    waiting: int


class SlowSenders:
    """Knows which threads wait for a body, and since when."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._waiting: dict[int, float] = {}
        self._standing: dict[str, Standing] = {}
        self._lock = threading.Lock()
        self._watcher: threading.Thread | None = None

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """Around one read of a body."""
        thread = threading.get_ident()
        self._waiting[thread] = time.monotonic()
        if self._watcher is None:
            self._begin()
        try:
            yield
        finally:
            self._waiting.pop(thread, None)

    def _begin(self) -> None:
        with self._lock:
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="slow senders", daemon=True)
                self._watcher.start()

    def _watch(self) -> None:
        while True:
            time.sleep(self.seconds / LOOKS)
            try:
                self.look(time.monotonic())
            except OSError as error:  # a socket that went away between two questions
                logger.debug("slow senders: %s", error)

    def look(self, moment: float) -> int:
        """Shut what is too slow by now; answers how many connections that were."""
        waited = [since for since in list(self._waiting.values()) if moment - since >= self.seconds / LOOKS]
        if not waited:
            self._standing.clear()
            return 0
        is_late = moment - min(waited) >= self.seconds
        ended, standing = 0, self._standing
        self._standing = {}
        for name, connection in connections_to_us():
            with connection:
                traffic = traffic_of(connection)
                before = standing.get(name)
                if before is None or self._gets_on(before, traffic):
                    before = Standing(moment, traffic.received, traffic.acked)
                self._standing[name] = before
                if is_late and moment - before.since >= self.seconds:
                    connection.shutdown(socket.SHUT_RDWR)
                    ended += 1
        if ended:
            logger.warning("%d connections were too slow and have been ended", ended)
        return ended

    @staticmethod
    def _gets_on(before: Standing, traffic: Traffic) -> bool:
        is_sending = traffic.waiting > 0 or traffic.acked != before.acked
        return is_sending or traffic.received - before.received >= FLOOR_BYTES


def connections_to_us() -> Iterator[tuple[str, socket.socket]]:
    """The connections that this process has taken, as copies of their own; none where the system does not tell."""
    ports: set[int] = set()
    taken: list[tuple[str, int]] = []
    for descriptor, name in _sockets():
        try:
            with socket.socket(fileno=os.dup(descriptor)) as copy:
                if copy.family not in {socket.AF_INET, socket.AF_INET6} or copy.type != socket.SOCK_STREAM:
                    continue
                if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    ports.add(copy.getsockname()[1])
                else:
                    taken.append((name, descriptor))
        except OSError:
            continue
    for name, descriptor in taken:
        try:
            copy = socket.socket(fileno=os.dup(descriptor))
        except OSError:
            continue
        try:
            is_ours = copy.getsockname()[1] in ports and str((DESCRIPTORS / str(descriptor)).readlink()) == name
            copy.getpeername()
        except OSError:
            is_ours = False
        if is_ours:
            yield name, copy
        else:
            copy.close()


def _sockets() -> Iterable[tuple[int, str]]:
    if not DESCRIPTORS.is_dir():
        return
    for entry in DESCRIPTORS.iterdir():
        try:
            name = str(entry.readlink())
        except OSError:
            continue
        if name.startswith("socket:"):
            yield int(entry.name), name


def traffic_of(connection: socket.socket) -> Traffic:
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
    (unacked,) = struct.unpack_from("=I", info, UNACKED_AT)
    acked, received = struct.unpack_from("=QQ", info, ACKED_AT)
    (unsent,) = struct.unpack_from("=I", info, UNSENT_AT)
    return Traffic(received, acked, unacked + unsent)


class WatchedBody:
    """The body of a request, each read of it known to the watcher."""

    def __init__(self, body: Any, watcher: SlowSenders) -> None:
        self._body, self._watcher = body, watcher

    def read(self, *size: int) -> bytes:
        with self._watcher.waited_for():
            data: bytes = self._body.read(*size)
        return data

    def readline(self, *size: int) -> bytes:
        with self._watcher.waited_for():
            line: bytes = self._body.readline(*size)
        return line

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def let_go(self) -> None:
        """Free what has been read: a request is garbage that is found late."""
        self._body = io.BytesIO()


Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def ending_slow_senders(application: Application, seconds: float) -> Application:
    """The application, with every body watched; as it is where no time is set."""
    if not seconds:
        return application
    watcher = SlowSenders(seconds)

    def watched(request: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if request.get("CONTENT_LENGTH", "0") == "0" and "HTTP_TRANSFER_ENCODING" not in request:
            return application(request, start_response)
        request["wsgi.input"] = body = WatchedBody(request["wsgi.input"], watcher)
        try:
            return application(request, start_response)
        finally:
            body.let_go()

    return watched
