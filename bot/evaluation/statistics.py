"""How sure a figure is, and whether two runs differ: intervals, paired tests, and how many cases would tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z = 1.96
RESAMPLES = 2000
# A difference is told when chance gives one as large in at most this share of runs.
SIGNIFICANT = 0.05
# 80 % power, as is customary.
_Z_POWER = 0.8416


@dataclass(frozen=True)
class Rate:
    """So many of so many, with the Wilson interval of 95 % (Wilson, 1927)."""

    name: str
    passed: int
    of: int

    @property
    def value(self) -> float:
        """The share that passed; 1 of nothing."""
        return self.passed / self.of if self.of else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end.

        >>> tuple(round(x, 3) for x in Rate("approach", 29, 30).interval)
        (0.833, 0.994)
        """
        if not self.of:
            return 0.0, 1.0
        n, p = self.of, self.value
        centre = p + Z**2 / (2 * n)
        spread = Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
        return (centre - spread) / (1 + Z**2 / n), (centre + spread) / (1 + Z**2 / n)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.name:<22} {self.passed:>4} of {self.of:<4} {self.value:6.1%}  ({low:.0%} to {high:.0%})"


@dataclass(frozen=True)
class Mean:
    """The mean of a measure over its cases, with the bootstrap interval of 95 % (Efron, 1979)."""

    name: str
    value: float
    low: float
    high: float
    of: int

    def __str__(self) -> str:
        return f"{self.name:<22} {'':>4}    {self.of:<4} {self.value:6.3f}  ({self.low:.3f} to {self.high:.3f})"


def mean(name: str, values: Sequence[float]) -> Mean:
    """The mean of at least one value; the resampling is seeded, so that a run repeats exactly.

    >>> mean("x", [1.0, 1.0, 1.0])
    Mean(name='x', value=1.0, low=1.0, high=1.0, of=3)
    """
    low, high = _bootstrap(np.asarray(values, dtype=float))
    return Mean(name, round(float(np.mean(values)), 4), low, high, len(values))


def auroc(name: str, scores: Sequence[float], labels: Sequence[bool]) -> Mean:
    """How probably what is labelled scores above what is not (the area under the ROC curve), with the bootstrap
    interval; both kinds must be there.

    >>> auroc("x", [0.1, 0.4, 0.35, 0.8], [False, False, True, True]).value
    0.75
    """
    values, told = np.asarray(scores, dtype=float), np.asarray(labels, dtype=bool)
    chance = np.random.default_rng(0)
    positive, negative = np.flatnonzero(told), np.flatnonzero(~told)
    # Each kind is drawn anew by itself, so that none is missing from a draw.
    drawn = [
        _area(values[chance.choice(positive, len(positive))], values[chance.choice(negative, len(negative))])
        for _ in range(RESAMPLES // 4)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    whole = _area(values[positive], values[negative])
    return Mean(name, round(whole, 4), round(float(low), 4), round(float(high), 4), len(values))


def _area(positive: np.ndarray, negative: np.ndarray) -> float:
    """By the rank sum (Mann & Whitney, 1947); of two that score alike each counts half."""
    from scipy.stats import rankdata

    n = len(positive)
    ranks = rankdata(np.concatenate([positive, negative]))[:n].sum()
    return float((ranks - n * (n + 1) / 2) / (n * len(negative)))


@dataclass(frozen=True)
class Change:
    """How a figure changed between two runs over the same cases; `p` is None for a measure, whose interval tells.

    `needed` is how many cases would tell a change of this size apart from chance in four of five runs; None when it
    is told already or nothing changed.
    """

    name: str
    before: float
    after: float
    low: float
    high: float
    p: float | None
    of: int
    needed: int | None = None

    @property
    def told(self) -> bool:
        """Whether the change is more than chance gives."""
        return self.p <= SIGNIFICANT if self.p is not None else self.low > 0 or self.high < 0

    @property
    def words(self) -> str:
        """What the change means."""
        if self.told:
            return "changed"
        if self.low == self.high == 0:
            return "the same in every case"
        return f"can't tell with {self.of} cases" + (
            f"; {self.needed:,} like these would tell" if self.needed else ""
        )

    def __str__(self) -> str:
        p = f"p {self.p:.3f}" if self.p is not None else f"{self.low:+.3f} to {self.high:+.3f}"
        return f"{self.name:<22} {self.before:.3f} → {self.after:.3f}  ({p}) {self.words}"


def passed_change(name: str, before: Sequence[bool], after: Sequence[bool]) -> Change:
    """Pass or fail, case by case: McNemar's exact test (McNemar, 1947) on the cases that changed.

    >>> passed_change("x", [True] * 10, [False] * 10).told
    True
    """
    from scipy.stats import binomtest

    lost = sum(b and not a for b, a in zip(before, after, strict=True))
    won = sum(a and not b for b, a in zip(before, after, strict=True))
    p = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
    n = len(before)
    low, high = _bootstrap(np.asarray(after, dtype=float) - np.asarray(before, dtype=float))
    needed = _needed(lost / n, won / n) if n and p > SIGNIFICANT else None
    return Change(name, sum(before) / n, sum(after) / n, low, high, round(p, 4), n, needed)


def mean_change(name: str, before: Sequence[float], after: Sequence[float]) -> Change:
    """A measure, case by case: the paired bootstrap of the mean difference."""
    differences = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    low, high = _bootstrap(differences)
    return Change(name, float(np.mean(before)), float(np.mean(after)), low, high, None, len(before))


def _bootstrap(values: np.ndarray) -> tuple[float, float]:
    picks = np.random.default_rng(0).integers(0, len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[picks].mean(axis=1), [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def _needed(lost: float, won: float) -> int | None:
    """Pairs for McNemar's test with 80 % power, when these shares of the cases change (Connor, 1987).

    >>> _needed(0.05, 0.15), _needed(0.1, 0.1)
    (155, None)
    """
    both, apart = lost + won, abs(won - lost)
    if apart == 0:
        return None
    root = Z * math.sqrt(both) + _Z_POWER * math.sqrt(max(0.0, both - apart**2))
    return math.ceil((root / apart) ** 2)
