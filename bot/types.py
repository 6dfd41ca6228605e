"""The vocabulary of this room: frozen values from message to answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from knowledge.types import Passage, Sentence, Source

Role = Literal["user", "assistant"]
Status = Literal["grounded", "partly", "ungrounded", "refused"]
Kind = Literal["project", "question", "small-talk"]
Block = Literal["lead", "support", "reason", "change", "step", "plain"]


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class Clause:
    """A part of the person's message that states one thing, with its place in the message."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Queries:
    """What to look up: the message, the turn before it when it is a follow-up, and what the message states."""

    kind: Kind
    message: str
    context: str = ""
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True)
class Citation:
    """A verbatim sentence of a document: `quote` stands at `start:end` of the document's text.

    `score` is the retrieval score of its passage in [0, 1]; `sources` are the studies the sentence rests on.
    """

    n: int
    doc: str
    title: str
    heading: str
    quote: str
    start: int
    end: int
    score: float
    sources: tuple[Source, ...]
    passage: Passage


@dataclass(frozen=True)
class Statement:
    """A sentence of the answer. `said` are the person's words that it takes up."""

    text: str
    block: Block
    citation: int | None = None
    said: str = ""


@dataclass(frozen=True)
class Quote:
    """A sentence of a passage."""

    passage: Passage
    sentence: Sentence


@dataclass(frozen=True)
class Draft:
    """What a writer hands on: a statement before it was checked, with the sentence it quotes, if any."""

    text: str
    block: Block
    quote: Quote | None = None
    said: str = ""


@dataclass(frozen=True)
class Grounding:
    """How many sentences make a claim, and how many of these are supported by what they cite."""

    sentences: int
    supported: int


@dataclass(frozen=True)
class PromptVersion:
    """Which prompt or set of phrases wrote the answer; the version is a hash of its content."""

    id: str
    version: str


@dataclass(frozen=True)
class Answer:
    """Advice, or an explanation, or a refusal, with all that is needed to show how it was made."""

    statements: tuple[Statement, ...]
    status: Status
    citations: tuple[Citation, ...] = ()
    grounding: Grounding = Grounding(0, 0)
    kind: Kind = "question"
    model: str = "quoting"
    prompt: PromptVersion = PromptVersion("quoting", "")
    passages: tuple[Passage, ...] = ()
    generation: str = ""
    timings_ms: dict[str, float] = field(default_factory=dict)
