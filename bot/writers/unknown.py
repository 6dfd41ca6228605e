"""What a question asks for that no document here could tell: a name that none holds, or the person's own records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from knowledge.index import Generation
from knowledge.retriever import Retrieval
from knowledge.sentences import sentences

# A word with a capital or a figure in it; "GPT-6", "p5.48xlarge" and "Llama 7" are names with a version.
_WORD = re.compile(r"\w[\w.+-]*\w|\w")
_VERSION = re.compile(r"\b([A-Za-z][A-Za-z]+)[- ]?(\d+(?:\.\d+)*)\b")
# Where and for what somebody asks is not what is asked about.
_BESIDE_THE_POINT = re.compile(r"(?:\b(?:in|on|into|from|at|such as|like|e\.g\.|for)\s+(?:the\s+)?)$", re.I)
# "2 weeks", "Article 6", "March 2027": a number here is no version.
_NUMBERED = re.compile(
    r"(?:article|annex|chapter|section|step|week|day|phase|level|tier|table|version|"
    r"jan\w*|feb\w*|mar\w*|apr\w*|may|june?|july?|aug\w*|sep\w*|oct\w*|nov\w*|dec\w*)$",
    re.I,
)
_ASKS_FOR_A_FACT = r"^\W*(?:and |so |but )?(?:what|which|who|whose|when|where|how (?:many|much|often|long))\b[^.!?]*"
_OWN_RECORDS = (
    re.compile(rf"{_ASKS_FOR_A_FACT}\bdid (?:our|my|we|i)\b(?![^.!?]*\bwrong\b)", re.I),
    re.compile(rf"{_ASKS_FOR_A_FACT}\b(?:that|which) (?:we|i) \w+ed\b", re.I),
    re.compile(rf"{_ASKS_FOR_A_FACT}\b(?:our|my|we|i)\b[^.!?]*\b(?:yesterday|last (?:night|week|\w+day))", re.I),
    re.compile(
        r"^\W*who (?:in|at|on|of) (?:our|my) \w+ (?!should|must|can|could|would|will|shall|needs?|has|ought|may)",
        re.I,
    ),
)
NO_NAME = "My sources say nothing about {names}."
NO_RECORDS = "Only your own records tell that; my sources hold what is known in general."
NEAREST = "The nearest question that they answer is “{heading}”."
# Who writes more names, or longer ones, is told of some of them.
MOST, LONGEST = 3, 40


def cannot_tell(message: str, retrieval: Retrieval) -> str:
    """Why no document here could answer the question, and the nearest that one answers; empty when one may."""
    asked = [s.text.rsplit(": ", 1)[-1] for s in sentences(message) if s.text.rstrip().endswith("?")]
    # What is told beside the question may hold any name.
    message = " ".join(asked) or message
    if any(pattern.search(message) for pattern in _OWN_RECORDS):
        why = NO_RECORDS
    elif names := list(unknown_names(message, retrieval.generation)):
        why = NO_NAME.format(names=_listed([f"“{name[:LONGEST]}”" for name in names[:MOST]]))
    else:
        return ""
    nearest = retrieval.passages[0].chunk.heading if retrieval.passages else ""
    return f"{why} {NEAREST.format(heading=nearest)}" if nearest else why


def unknown_names(message: str, generation: Generation) -> Iterator[str]:
    """The names in a message that stand in no text, in order; what is named by the way does not count."""
    if message.isupper():
        return
    for start, end in _names(message):
        name = message[start:end]
        version = _VERSION.fullmatch(name)
        unheard = not _BESIDE_THE_POINT.search(message[:start]) and generation.lexical.known_share(name) < 1
        if unheard or (version and not _stands(version, generation)):
            yield name


def _names(message: str) -> Iterator[tuple[int, int]]:
    """Runs of words with a capital or a figure inside; the first word of a sentence may be any word."""
    run: tuple[int, int] | None = None
    for word in _WORD.finditer(message):
        first = re.search(r"(?:^|[.!?:]\s+|\n)\W*$", message[: word.start()]) is not None
        named = _is_name(word.group(), first=first)
        if run and (named or _VERSION.fullmatch(message[run[0] : word.end()])) and _joined(message, run[1], word):
            run = (run[0], word.end())
            continue
        if run:
            yield run
        run = word.span() if named else None
    if run:
        yield run


def _is_name(word: str, *, first: bool) -> bool:
    capital = re.search(r"[A-Z]", word[1:] if first else word) is not None
    return word not in ("I", "AI") and (capital or re.search(r"[A-Za-z].*\d", word) is not None)


def _joined(message: str, end: int, word: re.Match[str]) -> bool:
    return message[end : word.start()] in (" ", "-")


def _stands(version: re.Match[str], generation: Generation) -> bool:
    """Whether a name stands with this version in a text, or the number is no version."""
    name, number = version.groups()
    if _NUMBERED.search(name):
        return True
    there = re.compile(rf"\b{re.escape(name)}[-\s]?{re.escape(number)}(?![\d.]*\d)", re.I)
    return any(there.search(chunk.text) for chunk in generation.chunks)


def _listed(names: Sequence[str]) -> str:
    """Names as a sentence tells them.

    >>> _listed(["A"]), _listed(["A", "B", "C"])
    ('A', 'A, B and C')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
