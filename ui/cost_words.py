"""What the costs come to, in sentences: which way costs least, where one becomes cheaper, what a brief told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.assumptions import taken
from bot.costs import FEWEST, MOST, PROMPT_PAGES, Assumptions, Line, Span, Way, cheaper, cheapest_by_volume
from bot.types import ProjectBrief

NAMES: dict[Way, str] = {
    "prompting": "prompting",
    "caching": "prompting with caching",
    "retrieval": "retrieval",
    "tuned": "a tuned small model",
}
# Which break-evens are told: the first of the two is the one that saves with volume.
PAIRS: tuple[tuple[Way, Way], ...] = (
    ("caching", "prompting"),
    ("retrieval", "prompting"),
    ("retrieval", "caching"),
    ("tuned", "caching"),
    ("tuned", "retrieval"),
)
_TAKEN = {
    "requests": "{:,.0f} requests a month",
    "pages": "{:,.0f} pages",
    "labelling_hours": "no labelling",
}


@dataclass(frozen=True)
class BreakEven:
    """Where one way costs less than another, as spans of volume."""

    way: Way
    than: Way
    spans: tuple[Span, ...]

    @property
    def volumes(self) -> tuple[float, ...]:
        """The volumes at which the cheaper of the two changes."""
        return tuple(v for span in self.spans for v in (span.start, span.end) if v not in (FEWEST, MOST))

    def __str__(self) -> str:
        one, other = NAMES[self.way], NAMES[self.than]
        if not self.spans:
            return _sentence(f"{one} never costs less than {other} here; there is no break-even.")
        if not self.volumes:
            return _sentence(f"{one} costs less than {other} at every volume shown; there is no break-even.")
        where = " and ".join(_where(span) for span in self.spans)
        return _sentence(f"{where}, {one} costs less than {other}.")


def about(requests: float) -> str:
    """A volume in round figures, as a sentence says it.

    >>> about(46_312), about(1_159_832)
    ('46,000', '1.2 million')
    """
    rounded = float(f"{requests:.2g}")
    return f"{rounded / 1_000_000:.3g} million" if rounded >= 1_000_000 else f"{rounded:,.0f}"


def money(dollars: float) -> str:
    """An amount, with cents where these matter.

    >>> money(3.456), money(1234.5)
    ('$3.46', '$1,234')
    """
    return f"${dollars:,.2f}" if dollars < 10 else f"${dollars:,.0f}"


def _where(span: Span) -> str:
    if span.start == FEWEST:
        return f"up to about {about(span.end)} requests a month"
    if span.end == MOST:
        return f"from about {about(span.start)} requests a month on"
    return f"between about {about(span.start)} and {about(span.end)} requests a month"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def break_evens(made: Mapping[Way, Line]) -> list[BreakEven]:
    """The break-evens of PAIRS, of the ways that are possible."""
    return [BreakEven(w, t, cheaper(made[w], made[t])) for w, t in PAIRS if w in made and t in made]


def verdict(a: Assumptions, made: Mapping[Way, Line]) -> str:
    """Which way costs least at the person's volume or, where that is unknown, at which volume."""
    if a.requests:
        costs = {way: line.at(a.requests) for way, line in made.items()}
        first, second, *_ = sorted(costs, key=lambda way: costs[way])
        return (
            f"At your {a.requests:,.0f} requests a month {NAMES[first]} costs least, {money(costs[first])} a month; "
            f"{NAMES[second]} costs {money(costs[second])}."
        )
    by_volume = cheapest_by_volume(made)
    if len(by_volume) == 1:
        return _sentence(f"{NAMES[by_volume[0][0]]} costs least at every volume shown.")
    (first, span), *between, (last, _) = by_volume
    ranges = "".join(f", up to about {about(s.end)} {NAMES[way]}" for way, s in between)
    return (
        f"Up to about {about(span.end)} requests a month {NAMES[first]} costs least{ranges}, and above that "
        f"{NAMES[last]}."
    )


def cautions(a: Assumptions) -> list[str]:
    """What the costs do not tell."""
    said = []
    if a.pages > PROMPT_PAGES:
        said.append(
            f"{a.pages:,.0f} pages are too many for a prompt, so prompting is left out: Anthropic advises retrieval "
            f"for what is longer than about {PROMPT_PAGES} pages (2024)."
        )
    if a.pages:
        said.append(
            "A tuned model learns how to answer, not what your documents say. If the answers stand in them, it needs "
            "retrieval as well, so add the two costs."
        )
    said.append("Costs say nothing about quality: compare only what passes your own test.")
    return said


def taken_words(brief: ProjectBrief) -> str:
    """A sentence on what was taken from the person's words; nothing when nothing was."""
    found = [f"{'' if t.stated else 'about '}{_TAKEN[t.name].format(t.value)} (“{t.quote}”)" for t in taken(brief)]
    return f"Taken from your words: {'; '.join(found)}." if found else ""
