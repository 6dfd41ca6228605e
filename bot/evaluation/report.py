"""Results → a report: rates with their 95 % intervals, pairs, reliability of the confidence, and each failure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bot.evaluation.run import Result
from bot.evaluation.scores import approach_of
from bot.types import Answer, Citation

# Edges of the bins of the reliability table.
_BINS = (0.0, 0.5, 0.7, 0.85, 1.0001)
_Z = 1.96


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
        centre = p + _Z**2 / (2 * n)
        spread = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        return (centre - spread) / (1 + _Z**2 / n), (centre + spread) / (1 + _Z**2 / n)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.name:<22} {self.passed:>4} of {self.of:<4} {self.value:6.1%}  ({low:.0%} to {high:.0%})"


def rates(results: Sequence[Result]) -> list[Rate]:
    """How often each check passed, then the pairs, then quotes and supported sentences."""
    checks: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        for score in result.scores:
            checks[_kind(score.check, score.expected)].append(score.passed)
    found = [Rate(name, sum(passed), len(passed)) for name, passed in checks.items()]
    found += [rate for rate in _pairs(results) if rate.of]
    answers = [r.answer for r in results if r.answer]
    quotes = [stands(c) for a in answers for c in a.citations]
    found.append(Rate("quotes verbatim", sum(quotes), len(quotes)))
    supported, claims = sum(a.grounding.supported for a in answers), sum(a.grounding.sentences for a in answers)
    found.append(Rate("sentences supported", supported, claims))
    return found


def _kind(check: str, expected: str) -> str:
    """Asking when it should and not asking when it should not are two abilities."""
    return {("asks", "True"): "asks when needed", ("asks", "False"): "asks only when needed"}.get(
        (check, expected), check
    )


def _pairs(results: Sequence[Result]) -> Iterator[Rate]:
    """A flip pair passes when both its verdicts are right, a stability pair when its two verdicts are the same."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.case.pair and result.answer:
            groups[result.case.pair].append(result)
    flips = [g for g in groups.values() if "flip" in g[0].case.tags]
    stable = [g for g in groups.values() if "stability" in g[0].case.tags]
    yield Rate("flip pairs", sum(all(r.passed for r in g) for g in flips), len(flips))
    same = [len({approach_of(r.answer) for r in g if r.answer}) == 1 for g in stable]
    yield Rate("stability pairs", sum(same), len(stable))


def stands(citation: Citation) -> bool:
    """Whether the quote stands word for word at its place in its passage."""
    chunk = citation.passage.chunk
    return chunk.text[citation.start - chunk.start : citation.end - chunk.start] == citation.quote


def reliability(results: Sequence[Result]) -> list[tuple[str, int, float, float]]:
    """(bin, cases, mean confidence, share right) over the cases that expect an approach and got one."""
    told = [
        (r.answer.verdict.confidence, s.passed)
        for r in results
        for s in r.scores
        if s.check == "approach" and r.answer and r.answer.verdict and r.answer.verdict.parts
    ]
    rows = []
    for low, high in pairwise(_BINS):
        inside = [(c, ok) for c, ok in told if low <= c < high]
        if inside:
            n = len(inside)
            name = f"{low:.2f} to {min(high, 1.0):.2f}"
            rows.append((name, n, sum(c for c, _ in inside) / n, sum(ok for _, ok in inside) / n))
    return rows


def failures(results: Sequence[Result]) -> Iterator[str]:
    """A line for each case that failed, with what was expected and what came."""
    for result in results:
        if result.error:
            yield f"{result.case.id}: error: {result.error}"
        for score in result.scores:
            if not score.passed:
                yield f"{result.case.id}: {score.check} should be {score.expected}, was {score.found}"


def as_text(results: Sequence[Result]) -> str:
    """The report for a terminal."""
    lines = list(failures(results))
    lines += ["", *(str(rate) for rate in rates(results))]
    if table := reliability(results):
        lines += ["", f"{'confidence':<14} {'cases':>5} {'mean':>6} {'right':>6}"]
        lines += [f"{name:<14} {n:>5} {mean:6.2f} {right:6.2f}" for name, n, mean, right in table]
    passed = sum(r.passed for r in results)
    lines += ["", f"{passed} of {len(results)} cases passed."]
    return "\n".join(lines).lstrip("\n")


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """The report for a script."""
    return {
        "cases": [
            {
                "id": r.case.id,
                "passed": r.passed,
                "error": r.error,
                "seconds": round(r.seconds, 4),
                "scores": [vars(s) for s in r.scores],
                "approach": approach_of(r.answer) if r.answer else None,
                "confidence": _confidence(r.answer),
            }
            for r in results
        ],
        "rates": [
            {"name": r.name, "passed": r.passed, "of": r.of, "value": round(r.value, 4), "interval": r.interval}
            for r in rates(results)
        ],
        "reliability": [
            {"confidence": name, "cases": n, "mean": round(mean, 3), "right": round(right, 3)}
            for name, n, mean, right in reliability(results)
        ],
        "passed": sum(r.passed for r in results),
        "of": len(results),
    }


def _confidence(answer: Answer | None) -> float | None:
    return answer.verdict.confidence if answer and answer.verdict else None
