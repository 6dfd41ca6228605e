"""Words of a project → the signals they mean: a logistic regression for each signal, on what a clause means and says.

There is one for each slot too: whether a clause says anything of it is learnt from the clauses of all its signals,
and so is surer in new words than which of them it is. The signals of SHARED that come to less together share what
their slot comes to; for the other slots that moved verdicts by words beside the point.

Trained when the index is built, on the examples in signals.yaml and the labelled clauses of messages.jsonl. A clause
goes in as its embedding, read in the context of its message, its words (tf-idf of stems and pairs of stems), and the
ranges that its amounts lie in. `python -m benchmarks recognising` prints how well the signals of held-out messages
are found, beside the nearest example.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.amounts import amounts
from knowledge.signals import Range

Vector = NDArray[np.float32]

# Chosen by the benchmark: the weight of the words beside the embedding's 1, L2 regularisation, L-BFGS steps.
WORDS, REGULARISATION, STEPS = 0.8, 0.1, 80
# What is left of the probability of a signal whose range the told amount lies beside.
OUTSIDE = 0.2
# A task is told in more words than examples can hold.
SHARED = frozenset({"task"})
_NUMBER = re.compile(r"\d[\d.,]*\s?[km]?\b")


@dataclass(frozen=True)
class Trained:
    """A row of `weights` and a bias for each signal, then for each slot; `texts` are what the words were counted on.

    `slots` names the slot of each signal.
    """

    signals: tuple[str, ...]
    slots: tuple[str, ...]
    ranges: tuple[Range | None, ...]
    texts: tuple[str, ...]
    weights: Vector
    biases: Vector


def train(
    signals: Sequence[str],
    slots: Sequence[str],
    ranges: Sequence[Range | None],
    texts: Sequence[str],
    vectors: Vector,
    labels: NDArray[np.bool_],
) -> Trained:
    """Fit all regressions at once; `vectors` has a row for each text, `labels` the shape (texts, signals).

    `slots` and `ranges` are those of the signals.

    Deterministic for the same input. A network without a hidden layer is exactly this: logistic outputs over a
    linear map, with one L2 penalty.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.utils._testing import ignore_warnings

    counter = _word_counter()
    counter.fit(texts)
    model = MLPClassifier((), solver="lbfgs", alpha=REGULARISATION, max_iter=STEPS, max_fun=2 * STEPS, random_state=0)
    of_slots = np.stack([labels[:, members].any(axis=1) for members in _members(slots).values()], axis=1)
    # Stopping early regularises too; the steps were chosen by the benchmark.
    ignore_warnings(category=ConvergenceWarning)(model.fit)(
        _features(counter, ranges, texts, vectors), np.hstack([labels, of_slots]).astype(np.int64)
    )
    return Trained(
        tuple(signals),
        tuple(slots),
        tuple(ranges),
        tuple(texts),
        model.coefs_[0].T.astype(np.float32),
        model.intercepts_[0].astype(np.float32),
    )


class Recogniser:
    """Scores every signal for every clause."""

    def __init__(self, trained: Trained | None) -> None:
        self.signals = trained.signals if trained else ()
        if trained:
            self._trained = trained
            self._counter = _word_counter()
            self._counter.fit(trained.texts)
            self._of_slots = _members(trained.slots)
            # In memory as they are multiplied; to turn them for each message costs more than the sum.
            self._weights = np.ascontiguousarray(trained.weights.T)

    def scores(self, texts: Sequence[str], vectors: Vector) -> Vector:
        """The probability that each clause means each signal, shape (clauses, signals)."""
        if not self.signals or not texts:
            return np.zeros((len(texts), len(self.signals)), dtype=np.float32)
        # The same sum as over the joined features, without joining them.
        size, counted = vectors.shape[1], vectors.shape[1] + len(self._trained.ranges)
        of_vectors, of_amounts, of_words = np.split(self._weights, [size, counted])
        logits = vectors @ of_vectors + _within(self._trained.ranges, texts) @ of_amounts
        logits += WORDS * self._counter.transform(texts) @ of_words + self._trained.biases
        probabilities = 1 / (1 + np.exp(-logits))
        scores, of_slots = np.split(probabilities, [len(self.signals)], axis=1)
        scores = np.where(_beside(self._trained.ranges, texts), OUTSIDE * scores, scores)
        for (slot, members), wanted in zip(self._of_slots.items(), of_slots.T, strict=True):
            if slot not in SHARED:
                continue
            together = np.maximum(scores[:, members].sum(axis=1), np.finfo(np.float32).tiny)
            scores[:, members] *= np.maximum(wanted / together, 1)[:, None]
        return np.asarray(scores, dtype=np.float32)


def _members(slots: Sequence[str]) -> dict[str, NDArray[np.intp]]:
    """The places of each slot's signals, in the order in which the slots first come."""
    named = np.array(slots)
    return {slot: np.flatnonzero(named == slot) for slot in dict.fromkeys(slots)}


def _features(counter: Any, ranges: Sequence[Range | None], texts: Sequence[str], vectors: Vector) -> Any:
    from scipy import sparse

    parts = [vectors, _within(ranges, texts), WORDS * counter.transform(texts)]
    return sparse.hstack([sparse.csr_matrix(part) for part in parts], format="csr").astype(np.float32)


def _within(ranges: Sequence[Range | None], texts: Sequence[str]) -> Vector:
    """Which amounts of each text lie in which range, shape (texts, ranges)."""
    return np.array([[_lies(text, r) for r in ranges] for text in map(amounts, texts)], dtype=np.float32)


def _beside(ranges: Sequence[Range | None], texts: Sequence[str]) -> NDArray[np.bool_]:
    """Where a text tells amounts of a range's unit of which none lies in it, shape (texts, ranges)."""
    found = [amounts(text) for text in texts]
    return np.array(
        [
            [r is not None and any(a.unit == r.unit for a in told) and not _lies(told, r) for r in ranges]
            for told in found
        ]
    )


def _lies(found: Sequence[Any], within: Range | None) -> bool:
    return within is not None and any(a.unit == within.unit and within.holds(a.value) for a in found)


def _word_counter() -> Any:
    import Stemmer
    from sklearn.feature_extraction.text import TfidfVectorizer

    stem = Stemmer.Stemmer("english").stemWord

    def words(text: str) -> list[str]:
        plain = _NUMBER.sub(" # ", re.sub(r"n['’]t\b", " not", text.lower()))
        return [stem(word) for word in re.findall(r"[a-z]+|#", plain)]

    return TfidfVectorizer(
        tokenizer=words, token_pattern=None, lowercase=False, ngram_range=(1, 2), sublinear_tf=True, min_df=2
    )
