"""How far a message lies from our subject, by its vector alone.

A logistic regression: the labelled messages (`messages.jsonl`) that are "off-topic" against all others and the
questions and titles of the corpus. Its weights ship in `subject.npz`, which `python -m benchmarks.subject` writes and
judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge.embeddings import ModelIdentity, SentenceEmbedder, Vectors

SHIPPED = Path(__file__).parent / "subject.npz"
# L2 as scikit-learn counts it, and a bound that keeps one odd message from outweighing what else is known of it.
_C, _BOUND = 10.0, 6.0


@dataclass(frozen=True)
class Subject:
    """The regression; without weights nothing speaks against a message."""

    weights: Vectors | None = None
    bias: float = 0.0

    def distance(self, vector: NDArray[np.float32]) -> float:
        """Log odds that a message of this vector is about something else, between -6 and 6."""
        if self.weights is None:
            return -_BOUND
        return float(np.clip(vector @ self.weights + self.bias, -_BOUND, _BOUND))


def train(vectors: Vectors, off: NDArray[np.bool_]) -> Subject:
    """Fit to texts; `vectors` has one row for each, `off` says which are about something else."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=_C, max_iter=2000, class_weight="balanced").fit(vectors, off)
    return Subject(fitted.coef_[0].astype(np.float32), float(fitted.intercept_[0]))


def ship(subject: Subject, embedder: SentenceEmbedder, path: Path = SHIPPED) -> None:
    """Write the file."""
    assert subject.weights is not None, "there is nothing to keep"
    np.savez_compressed(
        path,
        model=np.array(embedder.identity.digest),
        weights=subject.weights.astype(np.float16),
        bias=np.array(subject.bias, dtype=np.float32),
    )


def read_subject(identity: ModelIdentity, path: Path = SHIPPED) -> Subject:
    """What ships for this model; of the vectors of another one nothing is known."""
    with np.load(path, allow_pickle=False) as kept:
        if str(kept["model"]) != identity.digest:
            return Subject()
        return Subject(kept["weights"].astype(np.float32), float(kept["bias"]))
