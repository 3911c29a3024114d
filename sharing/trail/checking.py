"""Verifying as a round of upkeep: its row for the picture over time, its line in the trail, and the alarm."""

from accounts.actors import Actor
from documents.models import UpkeepKind, UpkeepRun
from documents.upkeep.alarm import ask_for_alarm
from documents.upkeep.rounds import round_of
from sharing.trail.verifying import Step, Verdict, tell_verified, verify_trail

LINES_KEPT = 20


def check_trail(*, by: Actor, step: Step = lambda rows: None, with_anchors: bool = True) -> Verdict:
    """Verify, and write down what was found. Raises NotAllowed, StoreUnavailable."""
    with round_of(UpkeepKind.TRAIL) as run:
        verdict = verify_trail(by=by, step=step, with_anchors=with_anchors)
        run.breaches = len(verdict.breaches)
        run.details = {
            "seals": verdict.seals,
            "rows": verdict.rows,
            "unsealed": verdict.unsealed,
            "anchors": verdict.anchors,
            "pruned": verdict.pruned,
            "head": verdict.head,
            "found": verdict.breaches[:LINES_KEPT],
            "remarks": verdict.remarks[:LINES_KEPT],
        }
    tell_verified(verdict, by=by)
    if not verdict.is_sound:
        ask_for_alarm()
    return verdict


def last_check() -> UpkeepRun | None:
    """The last verification that came to its end."""
    return (
        UpkeepRun.objects.filter(kind=UpkeepKind.TRAIL, failure="")
        .exclude(finished_at=None)
        .order_by("-started_at")
        .first()
    )
