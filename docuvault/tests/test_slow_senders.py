"""Who sends too slowly is ended, and nobody else: real connections, with the time told instead of waited for."""

import io
import os
import socket
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from docuvault.lib.slow_senders import FLOOR_BYTES, SlowSenders, ending_slow_senders

PATIENCE = 60.0
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def connected(server: socket.socket) -> Pair:
    """The sender's end and ours."""
    sender = socket.create_connection(server.getsockname())
    return sender, server.accept()[0]


def arrived(pair: Pair, count: int) -> None:
    sender, ours = pair
    sender.sendall(bytes(count))
    left = count
    while left:
        left -= len(ours.recv(left))


def is_ended(pair: Pair) -> bool:
    sender, _ours = pair
    sender.settimeout(0)
    try:
        return sender.recv(1) == b""
    except BlockingIOError:
        return False


def test_a34_who_brings_next_to_nothing_is_ended_and_who_gets_on_stays(server: socket.socket) -> None:
    watcher = SlowSenders(PATIENCE)
    _silent, dribbling, steady, fetching = pairs = [connected(server) for _ in range(4)]
    elsewhere = socket.create_server(("127.0.0.1", 0))
    out = socket.create_connection(elsewhere.getsockname())  # as to a database: not one that we have taken
    for pair in pairs:
        arrived(pair, 100_000)
    watcher._waiting[1] = 0.0
    for moment in range(10, 80, 10):
        arrived(dribbling, 1)
        arrived(steady, FLOOR_BYTES // 5 + 1)
        fetching[1].sendall(b"x" * 10)
        assert fetching[0].recv(10)
        ended = watcher.look(float(moment))
        assert ended == (2 if moment == 70 else 0), moment
    assert [is_ended(pair) for pair in pairs] == [True, True, False, False]
    out.settimeout(0)
    with pytest.raises(BlockingIOError):
        out.recv(1)
    for end in (*(end for pair in pairs for end in pair), out, elsewhere):
        end.close()


def test_a34_while_nobody_waits_for_a_body_nothing_is_ended(server: socket.socket) -> None:
    watcher, idle = SlowSenders(PATIENCE), connected(server)
    for moment in range(10, 200, 10):
        assert watcher.look(float(moment)) == 0
    # Waited for anew each time: many short reads are not one long one.
    for moment in range(200, 400, 10):
        watcher._waiting[1] = moment - 15.0
        assert watcher.look(float(moment)) == 0
    assert not is_ended(idle)
    for end in idle:
        end.close()


def test_every_read_of_a_body_is_known_while_it_lasts() -> None:
    reading, writing = os.pipe()
    seen: list[bytes] = []

    def application(environ: dict[str, Any], _start: object) -> list[bytes]:
        body = environ["wsgi.input"]
        seen.append(body.read(2))
        seen.append(body.readline())
        seen.extend(body)
        return []

    watched = ending_slow_senders(application, PATIENCE)
    with os.fdopen(reading, "rb") as body, os.fdopen(writing, "wb") as sender:
        environ = {"CONTENT_LENGTH": "10", "wsgi.input": body}
        thread = threading.Thread(target=watched, args=[environ, None])
        thread.start()
        sender.write(b"abcd\nefg\nh")
        sender.close()
        thread.join(10)
    assert seen == [b"ab", b"cd\n", b"efg\n", b"h"]
    assert ending_slow_senders(application, 0) is application


class Sent(io.BytesIO):
    """A body that can be watched going away."""


def test_what_was_read_of_a_body_does_not_live_as_long_as_its_request() -> None:
    kept: list[dict[str, Any]] = []  # as a request is, until the collector finds it

    def application(environ: dict[str, Any], _start: object) -> list[bytes]:
        kept.append(environ)
        return [environ["wsgi.input"].read()]

    watched = ending_slow_senders(application, PATIENCE)
    body = Sent(b"abc")
    freed = weakref.ref(body)
    environ = {"CONTENT_LENGTH": "3", "wsgi.input": body}
    del body
    assert watched(environ, None) == [b"abc"]
    assert freed() is None
    assert kept[0]["wsgi.input"].read() == b""
