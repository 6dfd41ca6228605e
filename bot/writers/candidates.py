"""What may be quoted: the sentences of passages that can stand alone, and how well each answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.orders import is_order
from bot.types import Block, Draft, Quote
from knowledge.retriever import Retrieval
from knowledge.sentences import plain
from knowledge.store import Vector
from knowledge.types import Chunk, Passage, Sentence

# How alike (cosine) two sentences must be to say the same; chosen on the questions of tests/bot/test_quoting.py.
REPEATS = 0.83
# What the sentence that opens a section gets beyond its likeness.
OPENS = 0.1

_LEANS_BACK = re.compile(
    r"(This|That|These|Those|It|Its|They|Their|Such|He|She|However|But|And|So|Also|Therefore|Thus|Then|Here|There|"
    r"Instead|Another|Both|Otherwise|Moreover|Furthermore|Additionally|As a result|For example|In addition|"
    r"On the other hand|In contrast|Similarly)\b"
)
_STEP_BEFORE = re.compile(r"(?:^|\n)[ \t]*(?:\d{1,3}[.)]|[-*+])[ \t]+$")


@dataclass(frozen=True)
class Candidate:
    """A sentence of a passage with its vector, the vector of its section's heading, whether it opens the section,
    whether its document is about a kind of task, and whether it defines a term of the glossary."""

    passage: Passage
    sentence: Sentence
    vector: Vector
    heading: Vector | None
    first: bool
    about_task: bool
    defines: bool

    @property
    def chunk(self) -> Chunk:
        """The chunk that the sentence stands in."""
        return self.passage.chunk


def quotable(retrieval: Retrieval, passages: Sequence[Passage]) -> list[Candidate]:
    """Every sentence of the passages that can stand alone and gives whoever answers no orders."""
    ids = [p.chunk.id for p in passages]
    said = retrieval.generation.store.sentences_of(ids)
    topics = retrieval.generation.topics
    headings = retrieval.generation.store.headings_of(ids)
    return [
        Candidate(
            passage,
            sentence,
            vector,
            headings.get(passage.chunk.id),
            i == 0,
            topics[passage.chunk.doc] == "tasks",
            i == 0 and topics[passage.chunk.doc] == "glossary",
        )
        for passage in passages
        for i, (sentence, vector) in enumerate(said[passage.chunk.id])
        if stands_alone(sentence.text) and not is_order(plain(sentence.text))
    ]


def listed(candidates: Sequence[Candidate], chunk: Chunk) -> list[Candidate]:
    """The items of the lists in a chunk; without a list, nothing."""
    return [
        c
        for c in candidates
        if c.chunk == chunk and _STEP_BEFORE.search(chunk.text[: c.sentence.start - chunk.start])
    ]


def likeness(candidate: Candidate, message: Vector) -> float:
    """The cosine of a sentence and a message; the one that opens a section answers the section's heading, so it
    counts as much as the heading is like the message."""
    own = float(candidate.vector @ message)
    if candidate.first and candidate.heading is not None:
        return max(own, float(candidate.heading @ message))
    return own


def fit(candidate: Candidate, message: Vector) -> float:
    """How well a sentence answers: its likeness, whether it opens a section, and its passage's score."""
    opens = OPENS if candidate.first and candidate.heading is not None else 0.0
    return likeness(candidate, message) + opens + 0.25 * candidate.passage.score


def repeats(candidate: Candidate, used: Sequence[Candidate]) -> bool:
    """Whether a sentence says what one of `used` says."""
    return any(
        candidate.sentence.text == u.sentence.text or float(candidate.vector @ u.vector) > REPEATS for u in used
    )


def stands_alone(text: str) -> bool:
    """Whether a sentence reads well without its neighbours: whole, of sensible length, not leaning back.

    >>> stands_alone("LoRA trains two small matrices."), stands_alone("It is cheap."), stands_alone("Book Free Call")
    (True, False, False)
    """
    words = text.split()
    return (
        4 <= len(words) <= 60
        and re.search(r"[.!][\"”’)]?$", text) is not None
        and (text[0].isupper() or text[0].isdigit() or text[0] in '"“‘')
        and not _LEANS_BACK.match(text)
        and not re.search(r"\||https?://|^\W*\w+:\s*$", text)
    )


def quoted(candidate: Candidate, block: Block, *, said: str = "") -> Draft:
    """The sentence word for word, with its place; `said` are the person's words that it takes up."""
    return Draft(plain(candidate.sentence.text), block, Quote(candidate.passage, candidate.sentence), said)
