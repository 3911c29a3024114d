"""How good finding is: 200 short letters in six languages, and questions whose answers are known.

Made here from seeded parts: six kinds of letters from a few senders, over years, with words as they are bent in a
text. A question asks as people do: with the words in another form than in the letter, without accents, with a letter
wrong, with a part of a word, with a phrase or a number. What is right follows from how the letters were made, not
from a search. `documents/tests/test_search_quality.py` holds the figures, `make bench` reports them.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

SEED, COUNT, LOOKED_AT = 4, 200, 10

# For each language and kind: what a letter of it says ({n}: its number, {y}: its year), how one asks for it in other
# words, and with a letter wrong.
SAID = Path(__file__).with_name("quality.tsv")


def _kinds() -> dict[str, dict[str, tuple[str, str, str]]]:
    made: dict[str, dict[str, tuple[str, str, str]]] = {}
    for line in SAID.read_text().splitlines()[1:]:
        language, kind, text, bent, wrong = line.split("\t")
        made.setdefault(language, {})[kind] = (text, bent, wrong)
    return made


KINDS = _kinds()
SENDERS = (
    "Nordwind", "Helvoria", "Castellmar", "Brightwater", "Lumenor", "Albatrex", "Fontenay", "Quintessa", "Mirabelle",
    "Ostrava", "Tannhof", "Velazco", "Ravenglass", "Solaris", "Pietrasanta", "Montclair",
)  # fmt: skip
CLOSING = {
    "en": "With kind regards, your customer service. Please keep this letter with your papers.",
    "de": "Mit freundlichen Grüßen, Ihr Kundendienst. Bitte bewahren Sie dieses Schreiben auf.",
    "fr": "Veuillez agréer nos salutations distinguées. Conservez cette lettre avec vos papiers.",
    "es": "Reciba un cordial saludo. Guarde esta carta con sus papeles.",
    "it": "Distinti saluti. La preghiamo di conservare questa lettera con le sue carte.",
    "pt": "Com os melhores cumprimentos. Guarde esta carta com os seus papéis.",
}


@dataclass(frozen=True)
class Letter:
    """A document of the set."""

    name: str
    language: str
    kind: str
    sender: str
    number: str
    text: str


@dataclass(frozen=True)
class Question:
    """What is typed, in which way it differs from what is written, and the names of all that is right."""

    line: str
    way: str
    answers: frozenset[str]


def letters() -> list[Letter]:
    chance = random.Random(SEED)
    made = []
    languages = list(KINDS)
    for n in range(COUNT):
        language = languages[n % len(languages)]
        kinds = list(KINDS[language])
        kind = kinds[(n // len(languages)) % len(kinds)]
        sender, year = chance.choice(SENDERS), str(chance.randint(2009, 2024))
        number = f"{chance.choice('ABCDEFGH')}{chance.randrange(10**6):06d}"
        said = KINDS[language][kind][0].format(n=number, y=year)
        text = f"{sender}\n{said}\n{CLOSING[language]}\n{sender}, {chance.randrange(100, 999)}"
        made.append(Letter(f"scan {n:03d}.pdf", language, kind, sender, number, text))
    return made


def questions(of: Sequence[Letter]) -> list[Question]:
    """Each language and kind is asked for in other words and with a letter wrong, some letters by their own words."""
    chance = random.Random(SEED + 1)
    made = []
    for language, kinds in KINDS.items():
        for kind, (_text, bent, wrong) in kinds.items():
            here = [row for row in of if (row.language, row.kind) == (language, kind)]
            answers = frozenset(row.name for row in here)
            made.append(Question(bent, "other forms", answers))
            made.append(Question(wrong, "a letter wrong", answers))
            row = chance.choice(here)
            alike = frozenset(other.name for other in here if other.sender == row.sender)
            made.append(Question(f"{bent.split()[0]} {row.sender.lower()}", "with the sender", alike))
            made.append(Question(row.number.lower(), "a number", frozenset({row.name})))
            made.append(Question(f'"{row.number}"', "a phrase", frozenset({row.name})))
            begun = frozenset(
                other.name for other in of if other.language == language and other.sender[:5] == row.sender[:5]
            )
            made.append(Question(f"{row.sender[:5].lower()}* lang:{language}", "a part of a word", begun))
    return made


@dataclass(frozen=True)
class Quality:
    """Of how many questions, which share of what is right stands among the first ten, and how high the first of it."""

    count: int
    recall: float
    reciprocal: float
    worst: list[str]


def measured(asked: Sequence[Question], find: Callable[[str], Sequence[str]]) -> Quality:
    """`find` gives the names of what is found, the best first."""
    recalls, ranks, worst = [], [], []
    for question in asked:
        found = list(find(question.line))[:LOOKED_AT]
        right = sum(name in question.answers for name in found)
        recalls.append(right / min(len(question.answers), LOOKED_AT))
        first = next((n for n, name in enumerate(found, 1) if name in question.answers), None)
        ranks.append(1 / first if first else 0.0)
        if recalls[-1] < 1 or ranks[-1] < 1:
            worst.append(f"{question.way}: {question.line} ({recalls[-1]:.2f}, {ranks[-1]:.2f})")
    return Quality(len(asked), mean(recalls), mean(ranks), worst)


def by_way(asked: Sequence[Question]) -> Iterator[tuple[str, list[Question]]]:
    for way in dict.fromkeys(question.way for question in asked):
        yield way, [question for question in asked if question.way == way]
