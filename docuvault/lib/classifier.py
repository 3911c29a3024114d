"""Has texts classified by a program of its own (`docuvault.lib.text_classifier`), which is started when asked first.

It gets numbers for words and for documents, no environment, and so much time.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = "docuvault.lib.text_classifier"
# For one task, the start included.
SECONDS = 240.0


class ClassifierFailed(Exception):
    """The program ended, took too long, or could not be started; the words say which."""


@dataclass(frozen=True)
class Task:
    """Documents as numbers of words, each once; classes as numbers of documents; from how many of these on a class is
    learned, and by how many words at most."""

    documents: list[list[int]]
    classes: list[list[int]]
    fewest: int
    most_words: int


@dataclass(frozen=True)
class Learned:
    """A class: a document's score is the sum of its words' weights over the square root of how many words it has.

    It belongs here from `threshold` on; half of those that do reach `typical`.
    """

    index: int
    threshold: float
    typical: float
    words: list[int]
    weights: list[float]


class Classifier:
    """A context: the program ends with it. One thread at a time."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def learned(self, task: Task) -> list[Learned]:
        """The classes that can be told apart. Raises ClassifierFailed."""
        process = self._process or self._begin()
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(self._seconds, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps(vars(task)).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError as error:
            raise self._failed() from error
        finally:
            timer.cancel()
        if not line.endswith(b"\n"):
            raise self._failed()
        answer: list[dict[str, Any]] = json.loads(line)
        return [Learned(**found) for found in answer]

    def _begin(self) -> subprocess.Popen[bytes]:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", PROGRAM],
                cwd=CHECKOUT,
                # One thread: more gain nothing here, and each holds memory.
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise ClassifierFailed(f"the classifier cannot be started: {error}") from error
        return self._process

    def _failed(self) -> ClassifierFailed:
        status = self._end()
        return ClassifierFailed(f"the classifier ended with {status}, or took longer than {self._seconds:.0f} s")

    def _end(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        for pipe in (process.stdin, process.stdout):
            # What was not yet written has nobody to go to.
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]
        return process.wait()
