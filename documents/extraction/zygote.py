"""The process that has the parsers loaded and forks a child for each document. It serves one caller, one at a time.

While a child works the next one is forked, put behind its walls and lets the parsers read a page of its own: making
it takes nobody's time. A child that says it is done is ended at once, and buried while the next one works.
Started as `python -m documents.extraction.zygote FD` with an empty environment; the descriptor is its
end of a socket. It ends when the other end is closed.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from documents.extraction import cage

MESSAGE_BYTES = 128 * 1024
LOOK_SECONDS = 0.02
DONE = b"."
Work = Callable[[dict[str, Any], int, int, int | None], None]


@dataclass
class _Waiting:
    """A child without a document yet, behind its walls, at the other end of a socket of its own."""

    pid: int
    ear: socket.socket


def serve(handle: int) -> None:
    has_own_network = cage.leave_network()
    from documents.extraction import child

    child.warm_up()
    gc.collect()
    cage.give_back_memory()
    gc.freeze()
    cage.let_nobody_look()
    asked = socket.socket(fileno=handle)
    next_one = _fork_ahead(child.work, child.rehearse, asked)
    ended: int | None = None
    asked.send(json.dumps({"ready": True, "network": has_own_network}).encode())
    while True:
        if ended and _is_gone(ended, asked):
            ended = None
        message, handles, _flags, _address = socket.recv_fds(asked, MESSAGE_BYTES, 4)
        if not message:
            _kill(next_one.pid)
            return
        request = json.loads(message)
        if not handles:
            continue  # "end" for a child that had ended by itself
        now = next_one
        if not _hand_over(now, message, handles):  # killed while it waited, by a system short of memory
            now = _fork_ahead(child.work, child.rehearse, asked)
            _hand_over(now, message, handles)
        for each in handles:
            os.close(each)
        if ended:
            os.waitpid(ended, 0)
        # While this one works: its successor knows nothing of it and holds nothing of its.
        next_one = _fork_ahead(child.work, child.rehearse, asked)
        told = _watch(now, asked, request["limits"]["memory_bytes"])
        now.ear.close()
        ended = now.pid if told["why"] == "done" else None
        asked.send(json.dumps(told).encode())


def _fork_ahead(work: Work, rehearse: Callable[[], None], asked: socket.socket) -> _Waiting:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent, pid = os.getpid(), os.fork()
    if not pid:
        asked.close()
        ours.close()
        _become_child(work, rehearse, theirs, parent)
    theirs.close()
    return _Waiting(pid, ours)


def _hand_over(child: _Waiting, message: bytes, handles: list[int]) -> bool:
    """Give it its document, the only one it gets. Answers whether it was there."""
    try:
        socket.send_fds(child.ear, [message], handles)
    except OSError:
        child.ear.close()
        os.waitpid(child.pid, 0)
        return False
    return True


def _become_child(work: Work, rehearse: Callable[[], None], ear: socket.socket, parent: int) -> None:
    code = 1
    try:
        os.setsid()
        cage.die_with_parent(parent)
        for number in (0, 1, 2):
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, number)
            os.close(nothing)
        os.nice(3)
        is_walled = cage.give_up_rights() and cage.refuse_calls()
        rehearse()
        message, handles, _flags, _address = socket.recv_fds(ear, MESSAGE_BYTES, 4)
        if message:
            request = json.loads(message)
            cage.limit(request["limits"]["memory_bytes"], request["limits"]["longest_seconds"])
            if is_walled or request.get("is_lenient"):
                work(request, handles[0], handles[1], handles[2] if len(handles) > 2 else None)
                code = 0
                # All is told: giving its memory back takes longer than a short letter, and nobody waits for it.
                os.write(ear.fileno(), DONE)
    finally:
        os._exit(code)


def _watch(child: _Waiting, asked: socket.socket, memory_bytes: int) -> dict[str, Any]:
    """Wait for the child to end; end it when asked to, when the caller is gone, or when it takes too much memory.

    One that says it is done is ended too, whatever it is at, and not waited for.
    """
    why, peak, pid = "", 0, child.pid
    ended = os.pidfd_open(pid)
    try:
        while True:
            ready, _w, _x = select.select([ended, child.ear.fileno(), asked.fileno()], [], [], LOOK_SECONDS)
            if ended in ready:
                break
            held = _held_bytes(pid)
            peak = max(peak, held)
            if child.ear.fileno() in ready and child.ear.recv(1):
                _kill(pid)
                return {"code": 0, "why": "done", "peak": peak}
            if asked.fileno() in ready:
                is_gone = not asked.recv(MESSAGE_BYTES)
                _kill(pid)
                why = "asked"
                if is_gone:
                    os._exit(0)
                break
            if held > memory_bytes:
                _kill(pid)
                why = "memory"
                break
        _pid, status = os.waitpid(pid, 0)
    finally:
        os.close(ended)
    code = os.waitstatus_to_exitcode(status)
    return {"code": code, "why": why, "peak": peak}


def _is_gone(pid: int, asked: socket.socket) -> bool:
    """Wait for the end of a child that was killed, unless somebody asks for something first."""
    end = os.pidfd_open(pid)
    try:
        ready, _w, _x = select.select([end, asked.fileno()], [], [])
        if asked.fileno() in ready:
            return False
        os.waitpid(pid, 0)
        return True
    finally:
        os.close(end)


def _kill(pid: int) -> None:
    for end in (os.killpg, os.kill):
        try:
            end(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _held_bytes(pid: int) -> int:
    """What it has in memory that is nobody else's: pages of its own, not those of files or of the zygote."""
    try:
        with open(f"/proc/{pid}/status") as handle:  # noqa: PTH123
            for line in handle:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(int(sys.argv[1]))
