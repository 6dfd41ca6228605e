"""What each way to build costs a month against its requests, and where one becomes cheaper than another.

Money is in dollars a month, volume in requests a month. A cost is a straight line with at most one kink and with
steps, so that where two of them cross is found exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise, permutations
from typing import Literal

Way = Literal["prompting", "caching", "retrieval", "tuned"]
# The volumes that are looked at.
FEWEST, MOST = 100.0, 10_000_000.0
# A page is about 400 tokens; what has more than 500 pages is for retrieval (Anthropic, 2024: anthropic-contextual).
PAGE_TOKENS, PROMPT_PAGES = 400, 500
# A shorter beginning is not cached (openai-prompt-caching, November 2026).
CACHED_FROM = 1024
_MILLION = 1_000_000
# Costs that differ by less are the same: what floating point adds to them.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Assumptions:
    """What the costs are reckoned from; costs.yaml has the unit, the bounds and the source of each.

    `requests` is the volume that the person expects, 0 where that is not known.
    """

    requests: float
    pages: float
    question_tokens: float
    output_tokens: float
    price_in: float
    price_out: float
    prompt_tokens: float
    cached_percent: float
    write_percent: float
    cache_hits: float
    cache_writes: float
    short_tokens: float
    passages: float
    passage_tokens: float
    store: float
    embedding_price: float
    tuned_tokens: float
    training: float
    labelling_hours: float
    life: float
    hosting: float
    capacity: float
    tuned_price: float
    hourly_rate: float
    upkeep_prompting: float
    upkeep_caching: float
    upkeep_retrieval: float
    upkeep_tuned: float


@dataclass(frozen=True)
class Line:
    """A cost: `fixed` dollars a month and `each` for a request.

    The `first` requests cost `more` each, which may be less than nothing. Every `every` requests need another server
    for `step` dollars; there is always one.
    """

    fixed: float
    each: float
    first: float = 0
    more: float = 0
    step: float = 0
    every: float = math.inf

    def at(self, requests: float) -> float:
        """Dollars a month for so many requests.

        >>> Line(fixed=100, each=0.01, step=50, every=1000).at(1500)
        215.0
        """
        servers = max(1, math.ceil(requests / self.every))
        return self.fixed + self.each * requests + self.more * min(requests, self.first) + self.step * servers

    def slope(self, requests: float) -> float:
        """Dollars for one request more, between two steps."""
        return self.each + (self.more if requests < self.first else 0)

    def bends(self) -> list[float]:
        """The volumes, of those looked at, where it bends or takes a step."""
        steps = math.ceil(MOST / self.every) if self.step else 0
        found = [self.first, *(n * self.every for n in range(1, steps))]
        return [volume for volume in found if FEWEST < volume < MOST]


@dataclass(frozen=True)
class Span:
    """From one volume to another."""

    start: float
    end: float


def lines(a: Assumptions) -> dict[Way, Line]:
    """The cost of each way that is possible: more pages than a prompt holds rule out both ways of prompting."""
    made: dict[Way, Line] = {}
    if a.pages <= PROMPT_PAGES:
        made["prompting"] = _prompting(a)
        made["caching"] = _caching(a)
    made["retrieval"] = _retrieval(a)
    made["tuned"] = _tuned(a)
    return made


def _prompting(a: Assumptions) -> Line:
    """All instructions, examples and pages go along with every request."""
    return Line(a.upkeep_prompting * a.hourly_rate, _call(a, _fixed_tokens(a)))


def _caching(a: Assumptions) -> Line:
    """The same prompt, whose unchanging beginning is read from the provider's cache; the first requests come too far
    apart and write it."""
    beginning = _fixed_tokens(a) if _fixed_tokens(a) >= CACHED_FROM else 0
    write, hits = a.write_percent / 100, a.cache_hits / 100
    mixed = hits * a.cached_percent / 100 + (1 - hits) * write
    each = _call(a, _fixed_tokens(a) + beginning * (mixed - 1))
    more = beginning * (write - mixed) * a.price_in / _MILLION
    return Line(a.upkeep_caching * a.hourly_rate, each, a.cache_writes, more)


def _retrieval(a: Assumptions) -> Line:
    """A short prompt with the passages found; each question is embedded, and all pages once a month."""
    embedding = a.embedding_price / _MILLION
    fixed = a.store + a.upkeep_retrieval * a.hourly_rate + a.pages * PAGE_TOKENS * embedding
    return Line(fixed, _call(a, a.short_tokens + a.passages * a.passage_tokens) + a.question_tokens * embedding)


def _tuned(a: Assumptions) -> Line:
    """Training and labels spread over the model's life, and servers or a price for its tokens."""
    made = (a.training + a.labelling_hours * a.hourly_rate) / a.life
    tokens = a.tuned_tokens + a.question_tokens + a.output_tokens
    fixed = made + a.upkeep_tuned * a.hourly_rate
    return Line(fixed, tokens * a.tuned_price / _MILLION, step=a.hosting, every=a.capacity)


def _fixed_tokens(a: Assumptions) -> float:
    return a.prompt_tokens + a.pages * PAGE_TOKENS


def _call(a: Assumptions, tokens: float) -> float:
    """Dollars for a call with so many tokens before the question."""
    return ((tokens + a.question_tokens) * a.price_in + a.output_tokens * a.price_out) / _MILLION


def cheaper(one: Line, other: Line) -> tuple[Span, ...]:
    """The volumes, of those looked at, at which `one` costs less than `other`.

    >>> cheaper(Line(fixed=1000, each=0), Line(fixed=0, each=0.01))
    (Span(start=100000.0, end=10000000.0),)
    """
    bends = sorted({FEWEST, MOST, *one.bends(), *other.bends()})
    cuts = sorted({*bends, *(c for lo, hi in pairwise(bends) if (c := _crossing(one, other, lo, hi)) is not None)})
    spans: list[Span] = []
    for lo, hi in pairwise(cuts):
        if _less(one, other, (lo + hi) / 2):
            joined = bool(spans) and spans[-1].end == lo
            start = spans.pop().start if joined else lo
            spans.append(Span(start, hi))
    return tuple(spans)


def _crossing(one: Line, other: Line, lo: float, hi: float) -> float | None:
    """Where the two are equal between two bends; there both are straight."""
    middle = (lo + hi) / 2
    apart = one.slope(middle) - other.slope(middle)
    if apart == 0:
        return None
    at = middle - (one.at(middle) - other.at(middle)) / apart
    return at if lo < at < hi else None


def _less(one: Line, other: Line, requests: float) -> bool:
    costs = other.at(requests)
    return one.at(requests) < costs - _ROUNDING * max(1.0, costs)


def cheapest(made: Mapping[Way, Line], requests: float) -> Way:
    """The way that costs least for so many requests; of equals the first."""
    return min(made, key=lambda way: made[way].at(requests))


def cheapest_by_volume(made: Mapping[Way, Line]) -> list[tuple[Way, Span]]:
    """Which way costs least at which of the volumes looked at, the smallest volumes first."""
    cuts = {FEWEST, MOST}
    for one, other in permutations(made.values(), 2):
        cuts |= {volume for span in cheaper(one, other) for volume in (span.start, span.end)}
    found: list[tuple[Way, Span]] = []
    for lo, hi in pairwise(sorted(cuts)):
        way = cheapest(made, (lo + hi) / 2)
        start = found.pop()[1].start if found and found[-1][0] == way else lo
        found.append((way, Span(start, hi)))
    return found
