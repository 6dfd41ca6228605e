"""The JSON of the contract (design section 5): its objects, for the OpenAPI document, and how an answer fills them.

A test holds real answers to the objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.types import Answer, Approach, Block, Citation, Origin, Status, VerdictReason, Writing
from knowledge.sentences import without_markers
from knowledge.types import Passage
from ui import render


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


def to_json(answer: Answer) -> dict[str, Any]:
    """The object of the contract (design section 5)."""
    return {
        "answer": render.markdown(answer.statements),
        "status": answer.status,
        "citations": [_citation_json(c) for c in answer.citations],
        "grounding": {"sentences": answer.grounding.sentences, "supported": answer.grounding.supported},
        "verdict": _verdict_json(answer),
        "question": (
            {"slot": answer.question.slot, "text": answer.question.text, "options": list(answer.question.options)}
            if answer.question
            else None
        ),
        "brief": [
            {"slot": f.slot, "value": f.value, "quote": f.quote, "origin": f.origin} for f in answer.brief.told
        ],
        "model": answer.model,
        "prompt": {"id": answer.prompt.id, "version": answer.prompt.version},
        "timings_ms": answer.timings_ms,
        "searched": list(answer.searched),
        "writing": _writing_json(answer.writing),
    }


def _writing_json(writing: Writing | None) -> dict[str, Any] | None:
    """How a language model wrote the answer, or tried to; null without one."""
    if writing is None:
        return None
    return {
        **asdict(writing),
        "messages": [{"role": role, "content": content} for role, content in writing.messages],
    }


def search_json(passages: Iterable[Passage]) -> list[dict[str, Any]]:
    """What `consultant search --json` prints."""
    return [
        {
            "doc": p.chunk.doc,
            "heading": p.chunk.heading,
            "text": without_markers(p.chunk.text),
            "score": round(p.score, 4),
        }
        for p in passages
    ]


def _citation_json(citation: Citation) -> dict[str, Any]:
    return {
        "n": citation.n,
        "doc": citation.doc,
        "title": citation.title,
        "heading": citation.heading,
        "quote": citation.quote,
        "start": citation.start,
        "end": citation.end,
        "score": citation.score,
        "sources": [{"title": s.title, "authors": s.authors, "year": s.year, "url": s.url} for s in citation.sources],
    }


def _verdict_json(answer: Answer) -> dict[str, Any] | None:
    verdict = answer.verdict
    if verdict is None:
        return None
    cited = {(s.block, s.said): s.citation for s in answer.statements if s.said}
    steps = [s.text for s in answer.statements if s.block == "step"]

    def reasons(block: Block, given: Sequence[VerdictReason]) -> list[dict[str, Any]]:
        return [
            {"you_said": r.you_said, "reason": r.reason, "citation": cited.get((block, r.you_said))} for r in given
        ]

    return {
        "approach": verdict.approach,
        "parts": list(verdict.parts),
        "confidence": verdict.confidence,
        "for": reasons("reason", verdict.reasons_for),
        "against": reasons("against", verdict.reasons_against),
        "would_change": [change.text for change in verdict.would_change],
        "first_step": steps[0] if steps else "",
        "next_steps": steps[1:],
        "alternatives": [
            {"approach": a.approach, "why_not": [{"you_said": r.you_said, "reason": r.reason} for r in a.why_not]}
            for a in verdict.alternatives
        ],
    }
