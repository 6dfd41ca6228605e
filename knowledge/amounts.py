"""Numbers as people write them → amounts with units.

"40k labelled images", "two weeks", "under 100 ms", "5M reviews a month", "a hundred euros": what a number counts is
told by the words beside it. A number that tells nothing of its unit is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from text_to_num import alpha2digit

_SCALES: dict[str, float] = {"k": 1e3, "thousand": 1e3, "hundred": 1e2, "dozen": 12, "m": 1e6, "mio": 1e6, "mn": 1e6}
_SCALES |= {"million": 1e6, "millions": 1e6, "bn": 1e9, "billion": 1e9, "lakh": 1e5}
_NUMBER = re.compile(
    r"(?<![\w.,/-])(?P<money>[€$£]\s?)?(?P<digits>\d{1,3}(?:[,.' ]\d{3})+(?!\d)|\d+(?:[.,]\d+)?)"
    r"(?:\s?(?P<scale>k|m|mio|mn|bn|lakh|thousand|hundred|dozen|millions?|billion)(?![a-z]))?\+?",
    re.I,
)
_PERIODS: dict[str, float] = {
    "second": 30 * 86400,
    "minute": 30 * 1440,
    "hour": 30 * 24,
    "day": 30,
    "night": 30,
    "weekday": 22,
}
_PERIODS |= {"week": 4.3, "month": 1, "quarter": 1 / 3, "year": 1 / 12}
_PER = re.compile(
    r"^(?:(?:(?!\b(?:that|which|chang|updat))[^.;?!\d]){0,45}?)(?:\b(?:a|an|per|each|every)\s+|/\s?)"
    r"(?P<period>second|sec|s|minute|min|hour|h|day|d|night|week|wk|month|mo|quarter|year|yr|y)\b"
    r"|^\s?(?:\w+\s){0,3}(?P<adverb>hourly|daily|weekly|monthly|quarterly|yearly|annually)\b",
    re.I,
)
_SHORT = {"sec": "second", "s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week"}
_SHORT |= {"mo": "month", "yr": "year", "y": "year", "daily": "day", "annually": "year", "hourly": "hour"}
_SHORT |= {"weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}
_CURRENCY = re.compile(r"^\s?(€|\$|£|eur|euros?|usd|dollars?|bucks|quid|pounds?|gbp|chf|francs?)\b|^\s?[€$£]", re.I)
_LATENCY = re.compile(r"^\s?(?P<unit>ms|msec|milliseconds?|s|secs?|seconds?|minutes?|mins?)\b", re.I)
_SPAN = re.compile(r"^\s?(?P<unit>days?|weeks?|wks?|months?|years?)\b", re.I)
_SPAN_CONTEXT = re.compile(
    r"(\b(in|within|until|till|by|have|got|only|next|under|max(imum)?)\W+(\w+\W+){0,2}$)|^deadline", re.I
)
_SPAN_AFTER = re.compile(r"^\s*(left|to go|until|till|before|time|deadline|from now|is all|max)\b", re.I)
_SPAN_PAST = re.compile(r"^\s*(of|worth|ago|old|back)\b", re.I)
_PAGES = re.compile(
    r"^[^.;?!,\d]{0,24}?\b(?P<unit>pages?|pdfs?|documents?|docs|articles?|manuals?|reports?|contracts?|protocols?|"
    r"policies|books?|tokens?)\b",
    re.I,
)
_PAGES_EACH: dict[str, float] = {
    "page": 1,
    "pdf": 4,
    "document": 4,
    "doc": 4,
    "article": 2,
    "manual": 100,
    "report": 4,
}
_PAGES_EACH |= {"contract": 4, "protocol": 4, "policie": 4, "book": 250, "token": 1 / 400}
_LABELS = re.compile(
    r"\b(label\w*|annotat\w*|tagged|coded|categori[sz]ed|classified|graded|scored|screened|verified|marked|"
    r"training (examples?|data|pairs)|(sentence |question |translation )?pairs|past decisions|moderator decisions|"
    r"examples?|ground truth|gold|golden|hand-?picked|approved (texts|samples))\b",
    re.I,
)
_NOT_LABELS = re.compile(r"\b(unlabel\w*|not label\w*|no label\w*|euros?|dollars?|people|users?)\b", re.I)


@dataclass(frozen=True)
class Amount:
    """A number with what it counts: examples, requests_per_month, milliseconds, pages, euros_per_month or days."""

    unit: str
    value: float


def amounts(text: str) -> list[Amount]:
    """The amounts that a clause states.

    >>> amounts("about forty thousand labelled images")
    [Amount(unit='examples', value=40000.0)]
    >>> amounts("under 100 ms"), amounts("100 euros a month")
    ([Amount(unit='milliseconds', value=100.0)], [Amount(unit='euros_per_month', value=100.0)])
    >>> amounts("5M reviews a month")
    [Amount(unit='requests_per_month', value=5000000.0)]
    """
    # text2num leaves a lone "one" or "two" as a word, since it may be none.
    small = re.sub(
        r"\b(one|two|three)\b(?= (week|month|day|second|minute|page|hundred|thousand|million))", _small, text
    )
    digits = alpha2digit(re.sub(r"\bhalf a\b", "0.5", small, flags=re.I), "en")
    return list(_read(digits))


def _read(text: str) -> Iterator[Amount]:
    for match in _NUMBER.finditer(text):
        value = _value(match["digits"]) * _SCALES.get((match["scale"] or "").lower(), 1)
        before, after = text[: match.start()], text[match.end() :]
        per = _PER.match(after)
        monthly = _monthly(per) if per else None
        if match["money"] or _CURRENCY.match(after):
            yield Amount("euros_per_month", value * (monthly or 1))
        elif latency := _LATENCY.match(after):
            yield Amount("milliseconds", value * _milliseconds(latency["unit"]))
        elif span := _SPAN.match(after):
            if _SPAN_PAST.match(after[span.end() :]):
                continue
            if _SPAN_CONTEXT.search(before) or _SPAN_AFTER.match(after[span.end() :]) or not before.strip():
                yield Amount("days", value * {"d": 1, "w": 7, "m": 30, "y": 365}[span["unit"][0].lower()])
        elif per and monthly:
            yield Amount("requests_per_month", value * monthly)
        elif _LABELS.search(after[:60] + " " + before[-30:]) and not _NOT_LABELS.search(before[-12:] + after[:25]):
            yield Amount("examples", value)
        elif pages := _PAGES.match(after):
            yield Amount("pages", value * _PAGES_EACH[pages["unit"].lower().rstrip("s")])


def _small(match: re.Match[str]) -> str:
    return {"one": "1", "two": "2", "three": "3"}[match[1]]


def _value(digits: str) -> float:
    """ "1,200", "1.200", "1 200" and "1'200" are 1200; "1.5" and "1,5" are 1.5."""
    if re.fullmatch(r"\d{1,3}([,.' ]\d{3})+", digits):
        return float(re.sub(r"[,.' ]", "", digits))
    return float(digits.replace(",", "."))


def _monthly(per: re.Match[str]) -> float:
    word = (per["period"] or per["adverb"]).lower()
    return _PERIODS[_SHORT.get(word, word)]


def _milliseconds(unit: str) -> float:
    unit = unit.lower()
    return 1 if unit.startswith(("ms", "msec", "milli")) else 60_000 if unit.startswith("min") else 1000
