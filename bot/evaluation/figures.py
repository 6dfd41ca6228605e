"""Results → figures: rates and means with their intervals, pairs, repetitions, reliability, and what changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.evaluation.cases import Case
from bot.evaluation.reply import Reply
from bot.evaluation.run import Result
from bot.evaluation.statistics import Change, Mean, Rate, mean, mean_change, passed_change

# Edges of the bins of the reliability table.
_BINS = (0.0, 0.5, 0.7, 0.85, 1.0001)


@dataclass(frozen=True)
class Saved:
    """One case of a run that was saved: enough to compare with, and to score again."""

    id: str
    passed: bool
    error: str
    measures: Mapping[str, float]
    reply: Reply | None


def rates(results: Sequence[Result]) -> list[Rate]:
    """How often each check passed, precision and recall of refusing and asking, the pairs, quotes and supported
    sentences, and how much of a language model's text was kept."""
    checks: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        for score in result.scores:
            checks[score.check].append(score.passed)
    found = [Rate("cases passed", sum(r.passed for r in results), len(results))]
    found += [Rate(name, sum(passed), len(passed)) for name, passed in checks.items()]
    found += told_apart(results)
    found += [rate for rate in _pairs(results) if rate.of]
    found += [rate for rate in _repeats(results) if rate.of]
    replies = [r.reply for r in results if r.reply]
    quotes = [quote.verbatim for reply in replies for quote in reply.quotes]
    found.append(Rate("quotes verbatim", sum(quotes), len(quotes)))
    found.append(Rate("sentences supported", sum(r.supported for r in replies), sum(r.sentences for r in replies)))
    kept = [reply.prompt == reply.model_prompt for reply in replies if reply.model_prompt]
    return [*found, Rate("model's text kept", sum(kept), len(kept))] if kept else found


def told_apart(results: Sequence[Result]) -> Iterator[Rate]:
    """Precision and recall of refusing and of asking, over the cases that say whether it should: of those that were
    refused, how many rightly; of those that should be, how many were. Nothing where no case should be."""
    replies = [(r.reply, r.case) for r in results if r.reply]
    refused = [(reply.refuses, _should(case, "refuses")) for reply, case in replies]
    asked = [(reply.asks, _should(case, "asks")) for reply, case in replies]
    for name, told in (("refusal", refused), ("asking", asked)):
        if any(should for _, should in told):
            right = [should for did, should in told if did and should is not None]
            caught = [did for did, should in told if should]
            yield Rate(f"{name} precision", sum(right), len(right))
            yield Rate(f"{name} recall", sum(caught), len(caught))


def _should(case: Case, check: str) -> bool | None:
    """Whether it should by the case, which may say so by the check or by its opposite; None where it does not say."""
    if check in case.expect:
        return bool(case.expect[check])
    return not case.expect[f"not_{check}"] if f"not_{check}" in case.expect else None


def means(results: Sequence[Result]) -> list[Mean]:
    """The mean of each measure over the cases that have it."""
    values: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for name, value in result.measures.items():
            values[name].append(value)
    return [
        mean(name, found) for name, found in values.items() if name not in ("quotes verbatim", "sentences supported")
    ]


def _pairs(results: Sequence[Result]) -> Iterator[Rate]:
    """A flip pair passes when both its verdicts are right, a stability pair when its two verdicts are the same."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.case.pair and result.reply:
            groups[result.case.pair].append(result)
    flips = [g for g in groups.values() if "flip" in g[0].case.tags]
    stable = [g for g in groups.values() if "stability" in g[0].case.tags]
    yield Rate("flip pairs", sum(all(r.passed for r in g) for g in flips), len(flips))
    same = [len({r.reply.approach for r in g if r.reply}) == 1 for g in stable]
    yield Rate("stability pairs", sum(same), len(stable))


def _repeats(results: Sequence[Result]) -> Iterator[Rate]:
    """A case that was asked several times agrees when all its checks came out alike."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.case.again or result.case.id].append(result)
    repeated = [g for g in groups.values() if len(g) > 1]
    same = [len({tuple(s.passed for s in r.scores) for r in g}) == 1 for g in repeated]
    yield Rate("repetitions agree", sum(same), len(repeated))


def by_tag(results: Sequence[Result]) -> list[Rate]:
    """How many cases of each tag passed."""
    tags: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        for tag in result.case.tags:
            tags[tag].append(result.passed)
    return [Rate(tag, sum(passed), len(passed)) for tag, passed in sorted(tags.items())]


def reliability(results: Sequence[Result]) -> list[tuple[str, int, float, float]]:
    """(bin, cases, mean confidence, share right) over the cases that expect an approach and got one."""
    told = [
        (r.reply.confidence, s.passed)
        for r in results
        for s in r.scores
        if s.check == "approach" and r.reply and r.reply.confidence is not None and r.reply.parts
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


def changes(results: Sequence[Result], baseline: Sequence[Saved]) -> list[Change]:
    """What changed since the baseline, over the cases that both have."""
    both = list(_both(results, baseline))
    if not both:
        return []
    found = [passed_change("cases passed", [b.passed for _, b in both], [r.passed for r, _ in both])]
    names = dict.fromkeys(name for r, b in both for name in r.measures if name in b.measures)
    for name in names:
        pairs = [(b.measures[name], r.measures[name]) for r, b in both if name in r.measures and name in b.measures]
        found.append(mean_change(name, [x for x, _ in pairs], [y for _, y in pairs]))
    return found


def flipped(results: Sequence[Result], baseline: Sequence[Saved]) -> list[tuple[Result, Saved]]:
    """The cases that passed before and fail now, or the other way round."""
    return [(r, b) for r, b in _both(results, baseline) if r.passed != b.passed]


def _both(results: Sequence[Result], baseline: Sequence[Saved]) -> Iterator[tuple[Result, Saved]]:
    known = {saved.id: saved for saved in baseline}
    return ((r, known[r.case.id]) for r in results if r.case.id in known)


def figures(results: Sequence[Result]) -> dict[str, float]:
    """Every figure that a gate may name."""
    found: list[Rate | Mean] = [*rates(results), *means(results)]
    return {figure.name: figure.value for figure in found}
