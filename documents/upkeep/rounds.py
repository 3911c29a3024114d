"""One round of upkeep: its row with what it found, and the lock that lets one round at a time change things."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.utils.timezone import now

from documents.hold import address_of_owner
from documents.models import UpkeepKind, UpkeepRun

# Reading again may go on beside the others, which take turns.
ROUND_LOCK, REHASH_LOCK = 0x646F6376_6B757003, 0x646F6376_6B757004


class AlreadyUnderWay(Exception):
    """Another round that changes things is under way."""


@contextmanager
def only_one(kind: UpkeepKind | None = None) -> Iterator[None]:
    """Nobody else sweeps, compares or repairs meanwhile, or reads again. Raises AlreadyUnderWay.

    A lock of a session of its own: a round that dies lets go at once, and none holds a transaction open.
    """
    lock = REHASH_LOCK if kind == UpkeepKind.REHASH else ROUND_LOCK
    with psycopg.connect(**address_of_owner(), autocommit=True, connect_timeout=5) as session:
        answer = session.execute("SELECT pg_try_advisory_lock(%s)", [lock]).fetchone()
        if answer is None or not answer[0]:
            raise AlreadyUnderWay
        yield


@contextmanager
def round_of(kind: UpkeepKind) -> Iterator[UpkeepRun]:
    """The row of this round, to be filled in; it tells how the round ended, also when it broke off."""
    run = UpkeepRun.objects.create(kind=kind)
    try:
        yield run
    except BaseException as error:
        run.failure = f"{type(error).__name__}: {error}".replace("\x00", "")[:500]
        raise
    finally:
        run.finished_at = now()
        run.save()
