"""The process that has the parsers loaded and forks a child for each document. It serves one caller, one at a time.

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
from typing import Any

from documents.extraction import cage

MESSAGE_BYTES = 128 * 1024
LOOK_SECONDS = 0.02


def serve(handle: int) -> None:
    has_own_network = cage.leave_network()
    from documents.extraction import child

    child.warm_up()
    gc.collect()
    cage.give_back_memory()
    gc.freeze()
    asked = socket.socket(fileno=handle)
    asked.send(json.dumps({"ready": True, "network": has_own_network}).encode())
    while True:
        message, handles, _flags, _address = socket.recv_fds(asked, MESSAGE_BYTES, 4)
        if not message:
            return
        request = json.loads(message)
        if not handles:
            continue  # "end" for a child that had ended by itself
        pid = os.fork()
        if not pid:
            _become_child(child.work, request, asked, handles)
        for each in handles:
            os.close(each)
        asked.send(json.dumps(_watch(pid, asked, request["limits"]["memory_bytes"])).encode())


def _become_child(work: Any, request: dict[str, Any], asked: socket.socket, handles: list[int]) -> None:
    code = 1
    try:
        parent = os.getppid()
        asked.close()
        os.setsid()
        cage.die_with_parent(parent)
        for number in (0, 1, 2):
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, number)
            os.close(nothing)
        os.nice(3)
        cage.limit(request["limits"]["memory_bytes"], request["limits"]["longest_seconds"])
        if cage.refuse_calls() or request.get("is_lenient"):
            work(request, handles[0], handles[1], handles[2] if len(handles) > 2 else None)
            code = 0
    finally:
        os._exit(code)


def _watch(pid: int, asked: socket.socket, memory_bytes: int) -> dict[str, Any]:
    """Wait for the child to end; end it when asked to, when the caller is gone, or when it takes too much memory."""
    why, peak = "", 0
    ended = os.pidfd_open(pid)
    try:
        while True:
            ready, _w, _x = select.select([ended, asked.fileno()], [], [], LOOK_SECONDS)
            if ended in ready:
                break
            held = _held_bytes(pid)
            peak = max(peak, held)
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
        _pid, status, usage = os.wait4(pid, 0)
    finally:
        os.close(ended)
    code = os.waitstatus_to_exitcode(status)
    return {"code": code, "why": why, "peak": max(peak, 0), "seconds": usage.ru_utime + usage.ru_stime}


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
