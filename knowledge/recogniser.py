"""Words of a project → the signals they mean, by four kinds of likeness to the signals' example phrasings.

Meaning (cosine of embeddings), words, letters, and a logistic regression trained on the embeddings. Alone, nearest by
meaning recognises 78 % of held-out phrasings; together they recognise 86 % (`make bench`, benchmark recognising).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

# Weights beside the cosine's 1, chosen by the benchmark.
WORDS, LETTERS, OTHER_POLARITY, TRAINED = 0.3, 0.3, 0.05, 0.1
_CERTAIN = 1e-6
_NEGATION = re.compile(r"\b(no|not|none|nobody|never|nothing|without|zero|neither|cannot)\b|n['’]t\b", re.I)


@dataclass(frozen=True)
class Trained:
    """A multinomial logistic regression over embeddings: one row of `weights` and `biases` for each class."""

    classes: tuple[str, ...]
    weights: Vector
    biases: Vector

    def log_probabilities(self, vector: Vector) -> Vector:
        """The log of the probability of each class."""
        logits = self.weights @ vector + self.biases
        logits -= logits.max()
        return np.asarray(np.log(np.exp(logits) / np.exp(logits).sum() + _CERTAIN), dtype=np.float32)


def train(signals: Sequence[str], vectors: Vector) -> Trained:
    """Fit the regression; deterministic for the same input."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=30, max_iter=300).fit(vectors, list(signals))
    return Trained(
        tuple(str(c) for c in model.classes_),
        model.coef_.astype(np.float32),
        model.intercept_.astype(np.float32),
    )


class Recogniser:
    """Scores every signal for a clause; holds the examples' vectors and their words."""

    def __init__(self, signals: Sequence[str], texts: Sequence[str], vectors: Vector, trained: Trained) -> None:
        self.signals = tuple(dict.fromkeys(signals))
        self._vectors = vectors
        self._trained = trained
        place = {signal: i for i, signal in enumerate(self.signals)}
        self._owner = np.array([place[signal] for signal in signals], dtype=np.int64)
        self._from_trained = np.array([place[signal] for signal in trained.classes], dtype=np.int64)
        self._negated = np.array([_negated(text) for text in texts], dtype=bool)
        if texts:
            self._words = _word_counter()
            self._letters = _letter_counter()
            self._by_words = self._words.fit_transform(texts)
            self._by_letters = self._letters.fit_transform(texts)

    def scores(self, text: str, vector: Vector) -> dict[str, float]:
        """Signal id → how well the clause means it; about 1 when it is an example, below 0 when it is far."""
        if not self.signals:
            return {}
        words = (self._by_words @ self._words.transform([text]).T).toarray()[:, 0]
        letters = (self._by_letters @ self._letters.transform([text]).T).toarray()[:, 0]
        polarity = self._negated != _negated(text)
        each = self._vectors @ vector + WORDS * words + LETTERS * letters - OTHER_POLARITY * polarity
        best = np.full(len(self.signals), -np.inf)
        np.maximum.at(best, self._owner, each)
        best[self._from_trained] += TRAINED * self._trained.log_probabilities(vector)
        return dict(zip(self.signals, best.tolist(), strict=True))


def _negated(text: str) -> bool:
    return _NEGATION.search(text) is not None


def _word_counter() -> Any:
    import Stemmer
    from sklearn.feature_extraction.text import TfidfVectorizer

    stem = Stemmer.Stemmer("english").stemWord

    def words(text: str) -> list[str]:
        return [stem(word) for word in re.findall(r"[a-z]+|\d+", re.sub(r"n['’]t\b", " not", text.lower()))]

    return TfidfVectorizer(
        tokenizer=words, token_pattern=None, lowercase=False, ngram_range=(1, 2), sublinear_tf=True
    )


def _letter_counter() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
