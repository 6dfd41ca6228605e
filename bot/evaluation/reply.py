"""What an answer showed, as plain values: all that scorers look at, so that saved answers can be scored again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bot.types import Answer, Citation


@dataclass(frozen=True)
class Place:
    """A stretch of a document, in characters, and the section it belongs to."""

    section: str
    doc: str
    start: int
    end: int


@dataclass(frozen=True)
class Quoted:
    """A cited sentence; `verbatim` tells whether it stands word for word at its place in its passage."""

    place: Place
    text: str
    verbatim: bool


@dataclass(frozen=True)
class Reply:
    """One answer. `approach` is "none" when it is no advice, `confidence` then None; `found` are the passages that
    were retrieved, best first; `seconds` and what a model took differ from run to run, the rest does not.

    `prompt` and `model` wrote what is shown; `model_prompt` and `model_asked` are those of the language model, also
    where its text was not kept; empty without one."""

    text: str
    status: str
    kind: str
    approach: str
    parts: tuple[str, ...]
    confidence: float | None
    question: str
    sentences: int
    supported: int
    quotes: tuple[Quoted, ...]
    found: tuple[Place, ...]
    model: str
    prompt: str
    seconds: float
    tokens_out: int | None = None
    model_prompt: str = ""
    model_asked: str = ""

    @property
    def asks(self) -> bool:
        """Whether it ends with a question to the person."""
        return bool(self.question) or self.approach == "ask-first"

    @property
    def refuses(self) -> bool:
        """Whether it says that the sources do not answer."""
        return self.status == "refused" and self.kind != "small-talk"

    @property
    def cited(self) -> tuple[str, ...]:
        """The sections that it cites, each once."""
        return tuple(dict.fromkeys(quote.place.section for quote in self.quotes))


def reply_of(answer: Answer, seconds: float) -> Reply:
    """What an answer showed."""
    verdict, writing = answer.verdict, answer.writing
    return Reply(
        text="\n".join(statement.text for statement in answer.statements),
        status=answer.status,
        kind=answer.kind,
        approach=verdict.approach if verdict else "none",
        parts=verdict.parts if verdict else (),
        confidence=verdict.confidence if verdict else None,
        question=answer.question.text if answer.question else "",
        sentences=answer.grounding.sentences,
        supported=answer.grounding.supported,
        quotes=tuple(
            Quoted(Place(_section(c.passage.chunk.id), c.doc, c.start, c.end), c.quote, stands(c))
            for c in answer.citations
        ),
        found=tuple(Place(_section(p.chunk.id), p.chunk.doc, p.chunk.start, p.chunk.end) for p in answer.passages),
        model=answer.model,
        prompt=f"{answer.prompt.id} {answer.prompt.version}",
        seconds=seconds,
        tokens_out=writing.tokens_out if writing else None,
        model_prompt=f"{writing.prompt.id} {writing.prompt.version}" if writing else "",
        model_asked=writing.model if writing else "",
    )


def stands(citation: Citation) -> bool:
    """Whether the quote stands word for word at its place in its passage."""
    chunk = citation.passage.chunk
    return chunk.text[citation.start - chunk.start : citation.end - chunk.start] == citation.quote


def to_json(reply: Reply) -> dict[str, Any]:
    """The reply as JSON can hold it."""
    return asdict(reply)


def from_json(saved: Mapping[str, Any]) -> Reply:
    """The reply that was saved; raises KeyError or TypeError when it is none."""
    quotes = tuple(Quoted(Place(**q["place"]), q["text"], q["verbatim"]) for q in saved["quotes"])
    found = tuple(Place(**place) for place in saved["found"])
    return Reply(**{**saved, "quotes": quotes, "found": found, "parts": tuple(saved["parts"])})


def _section(chunk: str) -> str:
    """A long section is cut into pieces "…", "….2": any of them is the section."""
    return chunk.split(".")[0]
