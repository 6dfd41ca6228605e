"""A message → its clauses, each of which states about one thing, with their places in the message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from knowledge.sentences import sentences

# A piece of fewer words ("date", "Need number") says nothing alone and stays with its neighbour, unless it counts or
# denies something ("two weeks", "no GPU").
LEAST_WORDS = 3
_NUMBER = r"(?:\d|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|fifty|a hundred)"
_SUBJECT = r"(?:we|i|our|my|it|they|he|she|you|there|this|that|the|no|nobody|none|nothing|need|only|just|want)"
_COUNTS = re.compile(rf"\b(?:{_NUMBER}|no|not|never|without)", re.I)
# A run of blanks is tried from its first one alone, or a long run would take the square of its length.
_BLANKS = r"(?<!\s)\s++"
_BOUNDARY = re.compile(
    rf"[,;:]\s++(?:and\s++|but\s++|plus\s++)?|{_BLANKS}[–—-]\s++|(?:{_BLANKS})?\((?=\w{{2,}})|(?<!\(\w)\)\s*+"
    rf"|{_BLANKS}(?=\(\w\)\s)"
    rf"|{_BLANKS}(?:but|because|while|although|though|whereas|so|except)\s++(?={_SUBJECT}\b)"
    rf"|{_BLANKS}(?:and|plus)\s++(?=(?:{_SUBJECT}|{_NUMBER}|have|has|can|must|should)\b)",
    re.I,
)
_QUOTED = re.compile(r"(?<!\w)(?:\"[^\"\n]*\"|“[^”\n]*”|'[^'\n]{2,}'(?!\w)|‘[^’\n]*’)")


@dataclass(frozen=True)
class Clause:
    """A part of the person's message that states one thing, with its place in the message."""

    text: str
    start: int
    end: int


def clauses(message: str) -> list[Clause]:
    """The clauses of a message in their order; what is quoted stays whole.

    >>> [c.text for c in clauses("We have no labels and two weeks. Should we fine-tune?")]
    ['We have no labels', 'two weeks', 'Should we fine-tune?']
    >>> [c.text for c in clauses("Need number, date, total, and nobody checks it.")]
    ['Need number, date, total', 'nobody checks it']
    """
    return [
        _clause(message, start, end)
        for sentence in sentences(message)
        for start, end in _pieces(sentence.text, sentence.start)
    ]


def _pieces(text: str, offset: int) -> Iterator[tuple[int, int]]:
    """The places of a sentence's clauses; short pieces are joined to the piece before, or to the one after."""
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    pieces: list[tuple[int, int]] = []
    start = 0
    for boundary in [*_BOUNDARY.finditer(text), None]:
        if boundary and any(a < boundary.start() < b for a, b in quoted):
            continue
        end = boundary.start() if boundary else len(text)
        if re.search(r"\w", text[start:end]):
            if pieces and (_says_little(text[start:end]) or _says_little(text[slice(*pieces[-1])])):
                pieces[-1] = (pieces[-1][0], end)
            else:
                pieces.append((start, end))
        start = boundary.end() if boundary else end
    return ((offset + a, offset + b) for a, b in pieces)


def _says_little(text: str) -> bool:
    words = len(re.findall(r"\w[\w'’.-]*", text))
    return words < 2 or (words < LEAST_WORDS and not _COUNTS.search(text))


def _clause(message: str, start: int, end: int) -> Clause:
    text = message[start:end]
    start += len(text) - len(text.lstrip())
    text = text.strip()
    text = text if text.endswith("?") else text.rstrip(".! ")
    return Clause(text, start, start + len(text))
