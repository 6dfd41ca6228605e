"""The objects of the HTTP API, for its OpenAPI document; a test holds real answers to them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.types import Approach, Origin, Status


class _Object(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class StudyObject(_Object):
    """A study that a cited sentence rests on."""

    title: str
    authors: str
    year: int | None
    url: str


class CitationObject(_Object):
    """A verbatim sentence of a document, at `start:end` of its text; `[n]` in the answer refers to it."""

    n: int
    doc: str
    title: str
    heading: str
    quote: str
    start: int
    end: int
    score: float
    sources: list[StudyObject]


class GroundingObject(_Object):
    """How many sentences make a claim, and how many of these what they cite supports."""

    sentences: int
    supported: int


class ReasonObject(_Object):
    """The person's words, what they mean for the choice, and the citation that bears it out."""

    you_said: str
    reason: str
    citation: int | None


class WhyNotObject(_Object):
    """The person's words that speak against an approach, and how."""

    you_said: str
    reason: str


class AlternativeObject(_Object):
    """An approach that was not advised, the likeliest first."""

    approach: Approach
    why_not: list[WhyNotObject]


class VerdictObject(_Object):
    """What is advised and why."""

    approach: Approach
    parts: list[str]
    confidence: float
    reasons_for: list[ReasonObject] = Field(alias="for")
    against: list[ReasonObject]
    would_change: list[str]
    first_step: str
    next_steps: list[str]
    alternatives: list[AlternativeObject]


class QuestionObject(_Object):
    """The one question that could change the advice, with quick replies."""

    slot: str
    text: str
    options: list[str]


class FactObject(_Object):
    """What is known of the project."""

    slot: str
    value: str
    quote: str
    origin: Origin


class PromptObject(_Object):
    """Which prompt or set of phrases wrote the answer."""

    id: str
    version: str


class AnswerObject(_Object):
    """An answer and how it was made; `answer` is Markdown."""

    answer: str
    status: Status
    citations: list[CitationObject]
    grounding: GroundingObject
    verdict: VerdictObject | None
    question: QuestionObject | None
    brief: list[FactObject]
    model: str
    prompt: PromptObject
    timings_ms: dict[str, float]
    searched: list[str]
    writing: dict[str, Any] | None


class ErrorObject(_Object):
    """One sentence with the next step; the id leads to more in the operator's log."""

    error: str
    id: str | None = None


class HealthObject(_Object):
    """The process answers."""

    status: Literal["ok"]
