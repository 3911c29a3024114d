"""The vault's side of reading: one lane has one zygote, and gives it one document at a time.

The zygote is started when there is something to read and ended when there has been nothing for a
while. It gets no environment and no secrets: the document comes as an open file, what it says goes
down a pipe, and every frame is looked at. However the child ends, the last frame says so.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from documents.extraction import frames
from documents.extraction.frames import BadFrame, Ended, Frame
from documents.extraction.limits import SECONDS_EARNED, Limits

CHECKOUT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
END_SECONDS = 10.0
TICK_SECONDS = 1.0
READ_BYTES = 256 * 1024


class CannotRead(Exception):
    """No child can be started here: the machine's trouble, not the document's."""


class Lane:
    """Use it from one thread at a time (`hold`)."""

    def __init__(self, tessdata: Path, languages: list[str]) -> None:
        self.tessdata, self.languages = tessdata, languages
        self._process: subprocess.Popen[bytes] | None = None
        self._asked: socket.socket | None = None
        self._last_used = 0.0
        self._lock = threading.Lock()
        self.has_own_network = False
        # Of the last document: what the zygote told of its child.
        self.last: dict[str, Any] = {}

    def hold(self, timeout: float = -1) -> bool:
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        self._lock.release()

    def work(
        self,
        work: str,
        file: BinaryIO,
        limits: Limits,
        *,
        content_type: str = "",
        beside: BinaryIO | None = None,
        tick: Callable[[], None] = lambda: None,
        **more: Any,
    ) -> Iterator[Frame]:
        """What the child tells, frame by frame, with its end last. `tick` is called every second or so.

        Raises CannotRead.
        """
        request = {
            "work": work,
            "content_type": content_type,
            "limits": limits.as_plain(),
            "tessdata": str(self.tessdata),
            "languages": self.languages,
            **more,
        }
        self._start()
        assert self._asked is not None
        mouth, ear = os.pipe()[::-1]
        handles = [_for_reading(each) for each in (file, beside) if each is not None]
        try:
            socket.send_fds(self._asked, [json.dumps(request).encode()], [handles[0], mouth, *handles[1:]])
        except OSError as error:
            os.close(ear)
            self.stop()
            raise CannotRead("the reading process is gone") from error
        finally:
            os.close(mouth)
            for handle in handles:
                os.close(handle)
        is_heard = False
        try:
            yield from self._hear(ear, limits, tick)
            is_heard = True
        finally:
            os.close(ear)
            if not is_heard:
                self._end_child()

    def _hear(self, ear: int, limits: Limits, tick: Callable[[], None]) -> Iterator[Frame]:
        os.set_blocking(ear, False)
        started = time.monotonic()
        allowed, total, reason = limits.seconds, 0, ""
        buffer = bytearray()
        end: Ended | None = None
        last_tick = started
        while end is None:
            now = time.monotonic()
            if now - last_tick >= TICK_SECONDS:
                last_tick = now
                tick()
            if now - started > min(allowed, limits.longest_seconds):
                reason = "time"
                break
            ready, _w, _x = select.select([ear], [], [], TICK_SECONDS / 2)
            if not ready:
                continue
            chunk = os.read(ear, READ_BYTES)
            if not chunk:
                break
            total += len(chunk)
            if total > limits.output_bytes:
                reason = "output"
                break
            buffer += chunk
            try:
                found = list(_taken(buffer, limits))
            except BadFrame:
                reason = "died"
                break
            for frame in found:
                if isinstance(frame, Ended):
                    end = frame
                    break
                if isinstance(frame, frames.PageRead) and frame.is_ocr:
                    allowed += SECONDS_EARNED
                yield frame
        told = self._end_child() if reason else self._told()
        peak = int(told.get("peak", 0))
        if not reason and told.get("why") == "memory":
            reason = "memory"
        if not reason and end is not None:
            yield Ended(end.state, end.reason, end.language, end.detail, peak)
            return
        yield Ended("failed", reason or "died", detail=f"exit {told.get('code', '?')}", peak_bytes=peak)

    # --- the zygote -----------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._last_used = time.monotonic()
            return
        self.stop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "documents.extraction.zygote", str(theirs.fileno())],
                cwd=CHECKOUT,
                env=_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise CannotRead("the reading process cannot be started") from error
        finally:
            theirs.close()
        self._asked = ours
        ours.settimeout(START_SECONDS)
        try:
            said = json.loads(ours.recv(1024) or b"{}")
        except (OSError, ValueError):
            said = {}
        if not said.get("ready"):
            self.stop()
            raise CannotRead("the reading process does not start")
        ours.settimeout(END_SECONDS)
        self.has_own_network = bool(said.get("network"))
        self._last_used = time.monotonic()

    def _told(self) -> dict[str, Any]:
        """What the zygote says of the child that has ended; a zygote that says nothing is ended too."""
        self._last_used = time.monotonic()
        assert self._asked is not None
        try:
            self.last = json.loads(self._asked.recv(4096) or b"{}")
        except (OSError, ValueError):
            self.last = {}
        if not self.last:
            self.stop()
        return self.last

    def _end_child(self) -> dict[str, Any]:
        assert self._asked is not None
        try:
            self._asked.send(b"{}")
        except OSError:
            self.stop()
            return {}
        return self._told()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def stop(self) -> None:
        """End the zygote and whatever it has started."""
        if self._asked is not None:
            self._asked.close()
            self._asked = None
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()

    def stop_if_idle(self, seconds: float) -> bool:
        """End a zygote that has had nothing to do for so long. Answers whether there is none now."""
        if self._process is None:
            return True
        if time.monotonic() - self._last_used < seconds or not self._lock.acquire(blocking=False):
            return False
        try:
            self.stop()
        finally:
            self._lock.release()
        return True


def _environment() -> dict[str, str]:
    """Nothing of ours: parsers of foreign bytes need no addresses and no keys."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        # One document uses one core; others have theirs.
        "OMP_THREAD_LIMIT": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "RAYON_NUM_THREADS": "1",
        "TOKIO_WORKER_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        # A child lives for one document: what it frees it takes again, instead of asking for fresh pages each time.
        # Large pages of memory, where the system has them, make a fork and its end cost half.
        "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4194304:glibc.malloc.top_pad=4194304"
        ":glibc.malloc.trim_threshold=16777216:glibc.malloc.hugetlb=1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _for_reading(file: BinaryIO) -> int:
    """The same file, opened once more, for reading only."""
    file.flush()
    return os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY | os.O_CLOEXEC)


def _taken(buffer: bytearray, limits: Limits) -> Iterator[Frame]:
    """The whole frames of the buffer, which keeps the rest. Raises BadFrame."""
    size = frames.HEADER.size
    while len(buffer) >= size:
        kind, told, data = frames.HEADER.unpack_from(buffer)
        if told > frames.JSON_LIMIT or data > limits.frame_bytes or kind not in frames._PARSERS:
            raise BadFrame("a frame out of bounds")
        if len(buffer) < size + told + data:
            return
        body = bytes(buffer[size : size + told + data])
        del buffer[: size + told + data]
        yield frames.parse(kind, body[:told], body[told:], limits)
