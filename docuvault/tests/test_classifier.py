"""The classifier: what it learns from numbers alone, and that its program ends whatever becomes of it."""

import json
import os
import random
import time
from collections.abc import Iterator
from math import sqrt
from pathlib import Path

import pytest

from docuvault.lib import classifier as classifiers
from docuvault.lib.classifier import Classifier, ClassifierFailed, Learned, Task

COMMON, OWN = range(30), {0: range(100, 110), 1: range(200, 210), 2: range(300, 310)}


@pytest.fixture(scope="module")
def classifier() -> Iterator[Classifier]:
    with Classifier() as started:
        yield started


def paper(kind: int, number: int) -> list[int]:
    chance = random.Random(f"{kind} {number}")
    words = chance.sample(COMMON, 15) + chance.sample(OWN[kind], 6) + [1_000 + chance.randrange(10_000)]
    chance.shuffle(words)
    return words


def score(found: Learned, words: list[int]) -> float:
    weights = dict(zip(found.words, found.weights, strict=True))
    return sum(weights.get(word, 0) for word in words) / sqrt(len(words))


def test_what_is_new_is_told_apart_by_a_few_words(classifier: Classifier) -> None:
    documents = [paper(kind, number) for kind in OWN for number in range(8)]
    classes = [list(range(kind * 8, kind * 8 + 8)) for kind in OWN]
    found = classifier.learned(Task(documents, classes, fewest=3, most_words=25))
    assert [row.index for row in found] == [0, 1, 2]
    assert found == classifier.learned(Task(documents, classes, fewest=3, most_words=25)), "the same twice"
    for row in found:
        assert len(row.words) == len(row.weights) <= 25
        assert set(row.words[:4]) <= {word for words in OWN.values() for word in words}, "heaviest first"
        assert 0 < row.threshold < row.typical
        for kind in OWN:
            reached = [score(row, paper(kind, number)) >= row.threshold for number in range(100, 140)]
            assert sum(reached) >= 38 if kind == row.index else sum(reached) == 0
        assert score(row, list(COMMON)) < row.threshold, "common words are no reason"
        assert row.threshold > 0, "nothing at all is no reason either"


def test_what_cannot_be_told_apart_is_not_learned(classifier: Classifier) -> None:
    same = [[1, 2, 3]] * 8
    assert classifier.learned(Task(same, [[0, 1, 2, 3]], 3, 80)) == []
    papers = [paper(0, number) for number in range(12)]
    assert classifier.learned(Task(papers, [[0, 1, 2, 3, 4, 5]], 3, 80)) == [], "half of what is alike"
    mixed = papers + [paper(1, number) for number in range(4)]
    assert classifier.learned(Task(mixed, [[0, 1], list(range(15))], 3, 80)) == [], "too few, or too few others"
    assert [row.index for row in classifier.learned(Task(mixed, [[0, 1], list(range(12))], 3, 80))] == [1]
    assert classifier.learned(Task([[n] for n in range(8)], [[0, 1, 2, 3]], 3, 80)) == [], "no word twice"
    assert classifier.learned(Task([[], [], [], []], [[0, 1, 2]], 3, 80)) == []
    assert classifier.learned(Task([], [], 3, 80)) == []
    assert classifier.learned(Task([*mixed, []], [list(range(12))], 3, 80))[0].index == 0, "one without words"


def test_its_program_gets_no_secrets_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCUVAULT_SECRET_KEY", "told to nobody")
    with Classifier() as started:
        started.learned(Task([], [], 3, 80))
        process = started._process
        assert process is not None
        assert b"told to nobody" not in Path(f"/proc/{process.pid}/environ").read_bytes()
        assert os.getpriority(os.PRIO_PROCESS, process.pid) > os.getpriority(os.PRIO_PROCESS, 0)
    assert process.returncode is not None


def test_one_that_takes_too_long_or_dies_is_told_and_started_anew() -> None:
    with Classifier(seconds=0.05) as hasty:
        begun = time.monotonic()
        with pytest.raises(ClassifierFailed, match="ended with -9"):
            hasty.learned(Task([], [], 3, 80))
        assert time.monotonic() - begun < 20
        hasty._seconds = 60
        assert hasty.learned(Task([], [], 3, 80)) == []
        process = hasty._process
        assert process is not None
        process.kill()
        process.wait()
        with pytest.raises(ClassifierFailed):
            hasty.learned(Task([], [], 3, 80))
        with pytest.raises(ClassifierFailed):
            hasty.learned(Task([[1]], [["x"]], 3, 80))  # type: ignore[list-item]


def test_where_it_cannot_be_started_that_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(classifiers, "CHECKOUT", tmp_path / "none")
    with Classifier() as missing, pytest.raises(ClassifierFailed, match="cannot be started"):
        missing.learned(Task([], [], 3, 80))


def test_tasks_are_lines_of_numbers() -> None:
    line = json.dumps(vars(Task([[1, 2]], [[0]], 3, 80)))
    assert json.loads(line) == {"documents": [[1, 2]], "classes": [[0]], "fewest": 3, "most_words": 80}
