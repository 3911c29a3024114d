"""What a check of the vault found: breaches by invariant, what was looked at, and figures."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Of each invariant so many are kept in words; the rest are counted.
KEPT = 1_000


@dataclass(frozen=True)
class Invariant:
    """What must hold, and what `--repair` does where it does not."""

    id: str
    statement: Any
    remedy: Any


INVARIANTS = (
    Invariant(
        "I1",
        gettext_lazy("Every counter of used and promised space is the sum of the rows"),
        gettext_lazy("counts again"),
    ),
    Invariant(
        "I2",
        gettext_lazy("Every version has its object, of its size and SHA-256, and every document its current version"),
        gettext_lazy("marks what is missing or damaged, and takes the mark off what is whole again"),
    ),
    Invariant(
        "I3",
        gettext_lazy("Every object has a row or is young, and no multipart upload is old"),
        gettext_lazy("notes the objects for deletion and ends the multipart uploads"),
    ),
    Invariant("I4", gettext_lazy("No two rows share an object"), gettext_lazy("nothing, it takes a person")),
    Invariant(
        "I5",
        gettext_lazy("Live names are unique in their place, and the folders are a forest"),
        gettext_lazy("writes the paths of folders anew where their parents are in order"),
    ),
    Invariant(
        "I6", gettext_lazy("What is there and what is gone stands in the trail"), gettext_lazy("nothing, by its nature")
    ),
    Invariant("I7", gettext_lazy("The trail cannot be changed unseen"), gettext_lazy("nothing, by its nature")),
    Invariant(
        "I8",
        gettext_lazy("Lists and single answers give a person the same documents"),
        gettext_lazy("nothing, it takes a person"),
    ),
    Invariant(
        "I9",
        gettext_lazy("Every job has ended or is due, and none was tried too often"),
        gettext_lazy("hands over again what was forgotten, and failed jobs once more"),
    ),
    Invariant(
        "I10",
        gettext_lazy("No temporary file is old"),
        gettext_lazy("removes those that are older than a day"),
    ),
    Invariant("I11", gettext_lazy("What was acknowledged can be read with the same bytes"), gettext_lazy("nothing")),
    Invariant("I12", gettext_lazy("No secret stands where it does not belong"), gettext_lazy("nothing")),
    Invariant(
        "I13",
        gettext_lazy("What has been read is found by its words"),
        gettext_lazy("writes the words of the documents down anew"),
    ),
)


@dataclass(frozen=True)
class Breach:
    """One thing that does not hold. `target` is an id or a key, never a name."""

    invariant: str
    what: str
    target: str
    is_repaired: bool = False


@dataclass
class Report:
    """All of one check. `breaches` keeps the first of each invariant, `counts` and `mended` count all.

    `unproven`: why an invariant without a breach is still not known to hold.
    """

    is_repair: bool = False
    breaches: list[Breach] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    looked_at: dict[str, str] = field(default_factory=dict)
    unproven: dict[str, str] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether everything holds (now: what was repaired counts as holding)."""
        return self.counts.total() == self.mended.total()

    def add(self, invariant: str, what: str, target: object, *, is_repaired: bool = False) -> None:
        self.counts[invariant] += 1
        self.mended[invariant] += is_repaired
        if self.counts[invariant] <= KEPT:
            self.breaches.append(Breach(invariant, what, str(target), is_repaired))

    def of(self, invariant: str) -> list[Breach]:
        return [breach for breach in self.breaches if breach.invariant == invariant]

    def outcome(self, invariant: Invariant) -> str:
        """What was found, and what was or would be done about it, in a few words."""
        count, mended = self.counts[invariant.id], self.mended[invariant.id]
        if not count:
            return self.unproven.get(invariant.id) or _("holds")
        words = {"count": count, "mended": mended, "remedy": invariant.remedy}
        if self.is_repair:
            return _("%(count)d breaches, %(mended)d repaired") % words
        return _("%(count)d breaches; --repair %(remedy)s") % words

    def as_json(self) -> Mapping[str, Any]:
        """For machines."""
        return {
            "is_clean": self.is_clean,
            "is_repair": self.is_repair,
            "invariants": {
                item.id: {
                    "looked_at": self.looked_at.get(item.id, ""),
                    "unproven": self.unproven.get(item.id, ""),
                    "breaches": self.counts[item.id],
                    "repaired": self.mended[item.id],
                }
                for item in INVARIANTS
            },
            "breaches": [vars(breach) for breach in self.breaches],
            "figures": self.figures,
            "remarks": self.remarks,
        }
