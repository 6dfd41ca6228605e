"""The figures that costs are reckoned from: their bounds and sources, and what a brief tells of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from text_to_num import alpha2digit

from bot.costs import Assumptions
from bot.errors import ConsultantError
from bot.types import ProjectBrief
from knowledge.amounts import amounts

COSTS = Path(__file__).parent / "costs.yaml"
# A volume or a number of pages amid what each signal means, for words that give no number.
_REQUESTS = {
    "volume-small": 1_000.0,
    "volume-medium": 20_000.0,
    "volume-large": 500_000.0,
    "volume-huge": 5_000_000.0,
}
_PAGES = {"documents-none": 0.0, "documents-small": 50.0, "documents-medium": 300.0, "documents-many": 5_000.0}
_PAGES |= {"documents-huge": 100_000.0}
# Such words give an order of magnitude, no number.
_VAGUE = re.compile(r"(?<!\d )\b(?:dozens|hundreds|thousands|millions)\b|\b(?:few|several|couple)\b", re.I)
_HALF = re.compile(r"\bhalf a\b", re.I)
_SCALED = re.compile(r"(?<![\w.,])(\d+(?:\.\d+)?) (thousand|million|billion)s?\b", re.I)
_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
_LABELLED = {"labels-thousands", "labels-many"}


class BadAssumption(ConsultantError):
    """Raised when a figure is missing or cannot be meant; the message names it and what could be written."""


@dataclass(frozen=True)
class Input:
    """A figure to write: its field of Assumptions, its label, unit and bounds (both included), where its default is
    from (nothing for a round assumption of ours) and as of when."""

    name: str
    group: str
    label: str
    unit: str
    default: float
    least: float
    most: float
    source: str
    as_of: str

    def read(self, value: object) -> float:
        """The figure that was written, where nothing is 0 if that is the default; raises BadAssumption."""
        bounds = f"a number from {self.least:,.0f} to {self.most:,.0f}"
        if value is None and self.default == 0:
            return 0
        if value is None:
            raise BadAssumption(f"“{self.label}” is empty. Write {bounds}.")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise BadAssumption(f"“{self.label}” is no number. Write {bounds}.")
        if not self.least <= value <= self.most:
            raise BadAssumption(f"“{self.label}” cannot be {value:,.10g}. Write {bounds}.")
        return float(value)


@dataclass(frozen=True)
class Taken:
    """A figure that the person's words give: the field, its value, the words, and whether they state the number."""

    name: str
    value: float
    quote: str
    stated: bool


@cache
def inputs() -> tuple[Input, ...]:
    """All figures in the order in which they are asked for."""
    raw = yaml.safe_load(COSTS.read_text(encoding="utf-8"))
    return tuple(
        Input(
            name=name,
            group=group["name"],
            label=row["label"],
            unit=row["unit"],
            default=float(row["default"]),
            least=float(row["least"]),
            most=float(row["most"]),
            source=raw["sources"][row["source"]] if "source" in row else "",
            as_of=raw["as_of"],
        )
        for group in raw["groups"]
        for name, row in group["inputs"].items()
    )


def read_assumptions(values: Mapping[str, object]) -> Assumptions:
    """What was written, checked; what is not among `values` keeps its default. Raises BadAssumption."""
    return Assumptions(**{i.name: i.read(values.get(i.name, i.default)) for i in inputs()})


def taken(brief: ProjectBrief) -> tuple[Taken, ...]:
    """What a brief tells of the figures: volume, pages, and that labels are there already."""
    found = []
    for fact in brief.told:
        if fact.slot == "volume" and fact.signal in _REQUESTS:
            found.append(_amount("requests", fact.quote, "requests_per_month", _REQUESTS[fact.signal]))
        elif fact.slot == "documents" and fact.signal in _PAGES:
            found.append(_amount("pages", fact.quote, "pages", _PAGES[fact.signal]))
        elif fact.slot == "labelled_data" and fact.signal in _LABELLED:
            found.append(Taken("labelling_hours", 0, fact.quote, stated=True))
    return tuple(found)


def from_brief(brief: ProjectBrief) -> dict[str, float]:
    """The figures that the person's words give, by field."""
    return {figure.name: figure.value for figure in taken(brief)}


def _amount(name: str, quote: str, unit: str, otherwise: float) -> Taken:
    """The number in the words, within bounds, or else what is meant by such words."""
    bounds = next(i for i in inputs() if i.name == name)
    read = () if _VAGUE.search(quote) else amounts(_in_digits(quote))
    stated = next((a.value for a in read if a.unit == unit), None)
    if stated is None or not bounds.least <= stated <= bounds.most:
        return Taken(name, otherwise, quote, stated=False)
    return Taken(name, float(round(stated)), quote, stated=True)


def _in_digits(words: str) -> str:
    """The words with each number in digits alone: `amounts` reads "2 million" as one million.

    >>> _in_digits("half a million requests, two million pages")
    '500000 requests, 2000000 pages'
    """
    halved = _HALF.sub("0.5", words)
    scaled = _SCALED.sub(lambda m: f"{float(m[1]) * _SCALES[m[2].lower()]:.0f}", halved)
    return str(alpha2digit(scaled, "en"))
