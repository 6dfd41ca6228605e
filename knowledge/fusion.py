"""Several lists of scores → one. Pure functions over arrays."""

from __future__ import annotations

from collections.abc import Sequence

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


def weighted(parts: Sequence[tuple[float, Scores]]) -> Scores:
    """The mean of several lists of scores, each scaled to [0, 1] first and counted by its weight.

    Bruch, Gai & Ingber, 2023, "An Analysis of Fusion Functions for Hybrid Retrieval": a convex combination of
    scaled scores beats reciprocal rank fusion in and out of domain.

    >>> weighted([(3, np.array([0.0, 2.0])), (1, np.array([9.0, 5.0]))]).tolist()
    [0.25, 0.75]
    """
    total = sum(weight for weight, _ in parts)
    return np.asarray(sum(weight / total * min_max(scores) for weight, scores in parts), dtype=np.float32)
