"""Which words tell a class of documents from all others: a program that learns it with scikit-learn and ends.

`python -m docuvault.lib.text_classifier` answers each line of its input, a task as JSON, with a line: the classes that
can be told apart by a linear support vector machine over the words that depend on them most. Where a class begins is
read off documents that were held out while it was learned. A program of its own, because the library holds 120 MB as
long as it is loaded.
"""

import json
import os
import sys
import warnings
from collections.abc import Iterator
from math import floor
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import LinearSVC

from docuvault.lib.classifier import Learned, Task

# A document belongs to a class from this share of what is typical on, and above the best of the others, apart from
# as many as this share of the class: they may only not have been sorted yet.
NEAR_ENOUGH, UNSORTED = 0.5, 0.2
# What reaches fewer than this share of a class's own documents has not been learned.
LEAST_RECALL = 0.5
FOLDS = 5


def learned(task: Task) -> Iterator[Learned]:
    """Those of the classes that their words tell from everything else."""
    if not any(task.documents):
        return
    counter = CountVectorizer(analyzer=list, binary=True)
    present = Normalizer(copy=False).transform(counter.fit_transform(task.documents).astype(float))
    # A word of one document tells nothing of another; it only counts for how long its own is.
    twice = np.flatnonzero(present.getnnz(axis=0) >= 2)
    features, words = present[:, twice], counter.get_feature_names_out()[twice]
    for index, members in enumerate(task.classes):
        belongs = np.zeros(len(task.documents), dtype=np.int8)
        belongs[members] = 1
        if len(twice) and min(belongs.sum(), (1 - belongs).sum()) >= task.fewest:
            found = _one_class(features, belongs, task.most_words)
            if found is not None:
                threshold, typical, columns, weights = found
                yield Learned(index, threshold, typical, words[columns].tolist(), weights.tolist())


def _model(most_words: int) -> Pipeline:
    # Chosen before they are weighed: weights that were cut off afterwards no longer fit where a class begins.
    words = SelectKBest(chi2, k=most_words)
    return make_pipeline(TfidfTransformer(norm=None), words, LinearSVC(class_weight="balanced", random_state=0))


def _one_class(features: Any, belongs: Any, most_words: int) -> tuple[float, float, Any, Any] | None:
    folds = StratifiedKFold(int(min(FOLDS, belongs.sum(), (1 - belongs).sum())), shuffle=True, random_state=0)
    model = _model(most_words)
    held_out = cross_val_predict(model, features, belongs, cv=folds, method="decision_function")
    weighing, choice, machine = (step for _name, step in model.fit(features, belongs).steps)
    # What has none of the words would score as much; the rest is what the words add to it.
    scores = held_out - machine.intercept_[0]
    inside, outside = scores[belongs == 1], np.sort(scores[belongs == 0])[::-1]
    typical = float(np.median(inside))
    others = float(outside[min(floor(len(inside) * UNSORTED), len(outside) - 1)])
    threshold = max(others, typical * NEAR_ENOUGH)
    if threshold <= 0 or typical <= others or np.mean(inside >= threshold) < LEAST_RECALL:
        return None
    columns = choice.get_support(indices=True)
    weights = machine.coef_[0] * weighing.idf_[columns]
    heaviest = np.argsort(-np.abs(weights), kind="stable")
    heaviest = heaviest[weights[heaviest] != 0]
    return threshold, typical, columns[heaviest], weights[heaviest]


def main() -> None:
    """Answer tasks until there are none. What cannot be read ends the program."""
    os.nice(10)
    warnings.simplefilter("ignore")
    for line in sys.stdin.buffer:
        answer = [vars(found) for found in learned(Task(**json.loads(line)))]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
