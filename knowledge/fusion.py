"""Two lists of scores → one. Pure functions over arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]


def min_max(scores: Scores) -> Scores:
    """Scale to [0, 1]; all zeros when nothing differs.

    >>> min_max(np.array([1.0, 3.0, 2.0], dtype=np.float32)).tolist()
    [0.0, 1.0, 0.5]
    """
    low, high = float(scores.min()), float(scores.max())
    if high <= low:
        return np.zeros_like(scores)
    return (scores - low) / (high - low)


def weighted(dense: Scores, lexical: Scores, *, dense_weight: float = 0.5) -> Scores:
    """The weighted mean of both after min-max scaling.

    Bruch, Gai & Ingber, 2023, "An Analysis of Fusion Functions for Hybrid Retrieval": a convex combination of
    scaled scores beats reciprocal rank fusion in and out of domain.
    """
    return dense_weight * min_max(dense) + (1 - dense_weight) * min_max(lexical)
