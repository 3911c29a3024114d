"""Verifying: the seals against their rows, against one another, and against what was anchored outside the database."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import connection, transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.secrets import TRAIL_SEALS, Signer, UnreadableSecret
from documents.storage import store
from sharing import access, audit
from sharing.models import AuditEvent, TrailSeal
from sharing.trail.rows import Labels, Range, summed_up
from sharing.trail.sealing import text_of
from sharing.trail.stretches import Stretch, range_of, stretches_by_number
from sharing.trail.verifier import BEGINNING, head_of

# A row older than this should have been sealed.
SEALED_WITHIN = timedelta(minutes=15)
ANCHOR = re.compile(r"^seal (\d{1,18}) of stretch (\d{1,9})\nhead ([0-9a-f]{64})\n")
Step = Callable[[int], None]


@dataclass
class Verdict:
    """What was found. `breaches` name the seal; the first one is where it begins."""

    seals: int = 0
    rows: int = 0
    unsealed: int = 0
    anchors: int = 0
    pruned: int = 0
    head: str = ""
    breaches: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.breaches


def verify_trail(*, by: Actor, step: Step = lambda rows: None, with_anchors: bool = True) -> Verdict:
    """Look at all of it. Raises NotAllowed, and StoreUnavailable where anchors are to be read and cannot be."""
    access.require_admin(by)
    verdict = Verdict()
    stretches = stretches_by_number()
    heads = _chain(verdict, stretches, step)
    _rows_in_no_seal(verdict, stretches)
    if with_anchors:
        _anchors(verdict, heads, stretches)
    return verdict


def tell_verified(verdict: Verdict, *, by: Actor) -> None:
    """One line in the trail: who looked, and what came of it."""
    with transaction.atomic():
        audit.record(
            audit.Verb.TRAIL_VERIFIED,
            by=by,
            target_kind="trail",
            details={"count": verdict.rows, "entries": verdict.seals, "reason": "; ".join(verdict.breaches[:3])},
            result="done" if verdict.is_sound else "failed",
        )


def _chain(verdict: Verdict, stretches: dict[int, Stretch], step: Step) -> dict[int, tuple[int, str]]:
    """Each seal in turn; answers stretch and head by number, to hold the anchors against."""
    heads: dict[int, tuple[int, str]] = {}
    previous: TrailSeal | None = None
    for seal in TrailSeal.objects.order_by("number").iterator(500):
        heads[seal.number] = (seal.stretch, seal.head)
        wrong = _wrong_in(seal, previous)
        if seal.stretch not in stretches:
            wrong = wrong or _("it belongs to a stretch that is not there")
        elif not wrong and seal.pruned_at is None:
            wrong = _wrong_rows(seal, range_of(seal, previous, stretches), verdict)
        if wrong:
            verdict.breaches.append(_("seal %(number)s: %(what)s") % {"number": seal.number, "what": wrong})
        verdict.seals += 1
        verdict.pruned += seal.pruned_at is not None
        verdict.head = seal.head
        previous = seal
        step(verdict.rows)
    return heads


def _wrong_in(seal: TrailSeal, previous: TrailSeal | None) -> str:
    """What is wrong with the seal itself and with its place in the chain."""
    if seal.number != (previous.number + 1 if previous else 1):
        return _("the seal before it is missing")
    if seal.previous_head != (previous.head if previous else BEGINNING):
        return _("it does not follow the seal before it")
    if head_of(text_of(seal)) != seal.head:
        return _("its own text was changed")
    try:
        if not Signer(seal.key_name, TRAIL_SEALS).has_signed(seal.head.encode(), seal.mac):
            return _("it was not signed with this vault's key")
    except UnreadableSecret:
        return _("the master key %(name)s that signed it is not configured") % {"name": seal.key_name}
    return ""


def _wrong_rows(seal: TrailSeal, wanted: Range, verdict: Verdict) -> str:
    summary = summed_up(wanted.rows(Labels(seal.key_name)))
    verdict.rows += summary.count
    if summary.count != seal.row_count:
        return _("%(sealed)d rows were sealed, %(found)d are there") % {
            "sealed": seal.row_count,
            "found": summary.count,
        }
    if summary.rows_hash != seal.rows_hash:
        return _("its rows are not those that were sealed (ids %(first)s to %(last)s)") % {
            "first": seal.first_id,
            "last": seal.last_id,
        }
    return ""


IN_NO_SEAL = """
    SELECT count(*), count(*) FILTER (WHERE at < %s) FROM audit_log
    WHERE id > %s AND id <= %s AND xact > %s
"""


def _rows_in_no_seal(verdict: Verdict, stretches: dict[int, Stretch]) -> None:
    """What waits for the next seal, and what has slipped in where no seal will ever look."""
    last_xact = {
        seal.stretch: seal.last_xact for seal in TrailSeal.objects.order_by("stretch", "-number").distinct("stretch")
    }
    newest = max(stretches, default=0)
    late = overlooked = 0
    for stretch in stretches.values():
        with connection.cursor() as cursor:
            after = last_xact.get(stretch.number, 0)
            cursor.execute(IN_NO_SEAL, [now() - SEALED_WITHIN, stretch.after_id, stretch.last_id, after])
            waiting, old = cursor.fetchone()
        if stretch.number == newest:
            verdict.unsealed, late = waiting, old
        else:
            overlooked += waiting
    stray = AuditEvent.objects.filter(xact__lte=0).count()
    if overlooked or stray:
        verdict.breaches.append(_("%(count)d rows lie outside every seal") % {"count": overlooked + stray})
    if late:
        verdict.remarks.append(
            _("%(count)d rows are older than a quarter of an hour and not sealed yet. Does the worker run?")
            % {"count": late}
        )


def _anchors(verdict: Verdict, heads: dict[int, tuple[int, str]], stretches: dict[int, Stretch]) -> None:
    """What was written down elsewhere against what the database says now."""
    newest = max(stretches, default=0)
    ended = {stretch.number: stretch.after_seal for stretch in stretches.values() if stretch.number != newest}
    lost: dict[int, int] = {}
    for name, text in store().anchors():
        verdict.anchors += 1
        found = ANCHOR.match(text)
        if found is None:
            verdict.breaches.append(_("the anchor %(name)s cannot be read") % {"name": name})
            continue
        number, stretch, head = int(found[1]), int(found[2]), found[3]
        if heads.get(number) == (stretch, head):
            continue
        if stretch in ended and number > ended[stretch]:
            lost[stretch] = max(lost.get(stretch, 0), number)
        elif number not in heads:
            verdict.breaches.append(
                _("an anchor knows of seal %(number)d, and the database does not: its end was cut off")
                % {"number": number}
            )
        else:
            verdict.breaches.append(_("seal %(number)d: it was another one when it was anchored") % {"number": number})
    for stretch, number in sorted(lost.items()):
        verdict.remarks.append(
            _("A restore went back to seal %(kept)d; anchors know of seals up to %(lost)d that it lost.")
            % {"kept": ended[stretch], "lost": number}
        )
