"""The costs as a line chart in SVG: both scales grow tenfold a step, each line has its name at its end.

What each way costs at a volume is read where somebody points at it; the table below has figures for everybody.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.costs import FEWEST, MOST, Line, Way
from ui.cost_words import money

# Of each line the name at its end and its dashes: colour alone tells nothing to many people.
NAMES: dict[Way, str] = {
    "prompting": "Prompting",
    "caching": "With caching",
    "retrieval": "Retrieval",
    "tuned": "Tuned model",
}
_DASHES: dict[Way, str] = {"prompting": "none", "caching": "7 4", "retrieval": "2 4", "tuned": "11 4 2 4"}
_POINTS_A_DECADE = 24
# A line with more steps than this shows none of them by a corner of its own.
_MOST_BENDS = 60
# Volumes that are read by pointing at them, in a tenfold step: 100, 200 and 500.
_READ = (1, 2, 5)
# The box of what is read: its size and the height of a line, in pixels.
_BOX, _LINE = 150, 15
# Pixels between two names.
_APART = 16


@dataclass(frozen=True)
class Mark:
    """A break-even: its number in the list below the chart, its volume and its dollars."""

    number: int
    requests: float
    dollars: float


@dataclass(frozen=True)
class Frame:
    """The picture's size and the margins around the plot, in pixels, and the range of dollars, in powers of ten."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    low: int = 0
    high: int = 1

    def x(self, requests: float) -> float:
        """Where a volume stands; what lies outside stands at the edge."""
        share = math.log10(min(max(requests, FEWEST), MOST) / FEWEST) / math.log10(MOST / FEWEST)
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def y(self, dollars: float) -> float:
        """Where an amount stands; what lies outside stands at the edge."""
        power = math.log10(max(dollars, 10.0**self.low))
        share = min((power - self.low) / (self.high - self.low), 1)
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 1)


WIDE = Frame(width=720, height=400, left=62, right=110, top=18, bottom=50)
NARROW = Frame(width=360, height=340, left=46, right=98, top=18, bottom=48)


def svg(made: Mapping[Way, Line], marks: Sequence[Mark], own: float, says: str, frame: Frame) -> str:
    """The chart as one line of SVG; `own` is the person's volume, or 0, `says` what the chart shows, in words."""
    frame = _scaled(made, frame)
    name = f"costs-{frame.width}"
    parts = [
        f'<svg viewBox="0 0 {frame.width} {frame.height}" role="img" aria-labelledby="{name}-title {name}-desc">',
        f'<title id="{name}-title">Monthly cost against requests a month</title>',
        f'<desc id="{name}-desc">{html.escape(says)}</desc>',
        _grid(frame),
        _own(own, frame),
        *(_line(way, line, frame) for way, line in made.items()),
        _names(made, frame),
        *(_mark(mark, frame) for mark in marks),
        *_readings(made, frame),
        "</svg>",
    ]
    return "".join(parts)


def short(number: float) -> str:
    """A power of ten as an axis names it.

    >>> short(100), short(10_000), short(1_000_000)
    ('100', '10k', '1M')
    """
    if number >= 1_000_000:
        return f"{number / 1_000_000:,.0f}M"
    return f"{number / 1000:.0f}k" if number >= 1000 else f"{number:.0f}"


def _scaled(made: Mapping[Way, Line], frame: Frame) -> Frame:
    """The frame with whole powers of ten around all costs."""
    least = min(line.at(FEWEST) for line in made.values())
    most = max(line.at(MOST) for line in made.values())
    low = math.floor(math.log10(max(least, 1)))
    high = max(math.ceil(math.log10(max(most, 1))), low + 1)
    return Frame(frame.width, frame.height, frame.left, frame.right, frame.top, frame.bottom, low, high)


def _grid(frame: Frame) -> str:
    left, right = frame.left, frame.width - frame.right
    base = frame.height - frame.bottom
    parts = []
    for power in range(frame.low, frame.high + 1):
        at = frame.y(10.0**power)
        parts.append(f'<path class="grid" d="M{left} {at}H{right}"/>')
        parts.append(f'<text x="{left - 6}" y="{at + 4}" text-anchor="end">${short(10.0**power)}</text>')
    for power in range(2, 8):
        at = frame.x(10.0**power)
        parts.append(f'<path class="grid" d="M{at} {frame.top}V{base}"/>')
        parts.append(f'<text x="{at}" y="{base + 17}" text-anchor="middle">{short(10.0**power)}</text>')
    middle = (left + right) / 2
    parts.append(f'<text x="{middle}" y="{frame.height - 10}" text-anchor="middle">requests a month</text>')
    return "".join(parts)


def _own(requests: float, frame: Frame) -> str:
    if not FEWEST <= requests <= MOST:
        return ""
    at = frame.x(requests)
    # The words stand where there is room for them.
    anchor, beside = ("end", -4) if at > frame.width / 2 else ("start", 4)
    return (
        f'<path class="own" d="M{at} {frame.top}V{frame.height - frame.bottom}"/>'
        f'<text class="own-name" x="{at + beside}" y="{frame.top - 5}" text-anchor="{anchor}">you</text>'
    )


def _line(way: Way, line: Line, frame: Frame) -> str:
    path = "L".join(f"{frame.x(volume)} {frame.y(dollars)}" for volume, dollars in _points(line))
    return (
        f'<path class="line {way}" d="M{path}" fill="none" stroke-dasharray="{_DASHES[way]}">'
        f"<title>{html.escape(NAMES[way])}</title></path>"
    )


def _points(line: Line) -> list[tuple[float, float]]:
    decades = round(math.log10(MOST / FEWEST))
    volumes = {FEWEST * 10 ** (n / _POINTS_A_DECADE) for n in range(decades * _POINTS_A_DECADE + 1)}
    bends = line.bends()
    # A step is drawn upright: just after it comes the next server.
    after = {math.nextafter(bend, MOST) for bend in bends} if len(bends) <= _MOST_BENDS else set()
    return [(v, line.at(v)) for v in sorted({*volumes, *after, *(bends if after else ())})]


def _names(made: Mapping[Way, Line], frame: Frame) -> str:
    """The names at the right, apart from each other."""
    ends = sorted((frame.y(line.at(MOST)), way) for way, line in made.items())
    last, parts = -math.inf, []
    for end, way in ends:
        last = max(end + 4, last + _APART)
        x = frame.width - frame.right + 6
        parts.append(f'<text class="name {way}" x="{x}" y="{last}">{html.escape(NAMES[way])}</text>')
    return "".join(parts)


def _mark(mark: Mark, frame: Frame) -> str:
    x, y = frame.x(mark.requests), frame.y(mark.dollars)
    return (
        f'<circle class="mark" cx="{x}" cy="{y}" r="9"/>'
        f'<text class="mark-number" x="{x}" y="{y + 4}" text-anchor="middle">{mark.number}</text>'
    )


def _readings(made: Mapping[Way, Line], frame: Frame) -> list[str]:
    """For each volume that can be pointed at, its band and what shows there: a line upright, and the costs."""
    decades = round(math.log10(MOST / FEWEST))
    volumes = [FEWEST * 10**decade * step for decade in range(decades) for step in _READ] + [MOST]
    places = [frame.x(volume) for volume in volumes]
    left, right = frame.left, frame.width - frame.right
    edges = [left, *((one + other) / 2 for one, other in pairwise(places)), right]
    return [
        _reading(made, frame, volume, start, end - start)
        for volume, (start, end) in zip(volumes, pairwise(edges), strict=True)
    ]


def _reading(made: Mapping[Way, Line], frame: Frame, volume: float, start: float, width: float) -> str:
    at, base = frame.x(volume), frame.height - frame.bottom
    # The box stands where there is room for it.
    x = at + 8 if at < (frame.left + frame.width - frame.right) / 2 else at - 8 - _BOX
    rows = [f"{volume:,.0f} requests", *(f"{NAMES[way]}: {money(line.at(volume))}" for way, line in made.items())]
    lines = "".join(
        f'<text x="{x + 8}" y="{frame.top + (n + 1) * _LINE + 1}">{html.escape(row)}</text>'
        for n, row in enumerate(rows)
    )
    return (
        '<g class="reading">'
        f'<rect class="band" x="{start}" y="{frame.top}" width="{width}" height="{base - frame.top}"/>'
        f'<g class="read"><path class="at" d="M{at} {frame.top}V{base}"/>'
        f'<rect class="box" x="{x}" y="{frame.top}" width="{_BOX}" height="{_LINE * len(rows) + 8}" rx="4"/>'
        f"{lines}</g></g>"
    )
