"""The vocabulary of this room: frozen values that travel one way, from file to passage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Source:
    """The study or page that a document's statement rests on."""

    key: str
    title: str
    authors: str
    year: int | None
    url: str


@dataclass(frozen=True)
class Document:
    """One text as read from a file.

    `text` is the whole decoded file for text formats (front matter included, newlines as `\\n`) and the
    extracted Markdown for the others; every offset in this project counts characters of it.
    """

    id: str
    title: str
    text: str
    body_start: int = 0
    summary: str = ""
    topic: str = ""
    updated: str = ""
    path: str = ""
    sha256: str = ""
    markdown: bool = True
    sources: tuple[Source, ...] = ()
    # How else people ask what a section answers, by the slug of its heading.
    asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Chunk:
    """A stretch of a document under one heading: what is retrieved, shown and cited."""

    id: str
    doc: str
    heading: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Window:
    """What the embedding model reads of a part of a chunk; offsets are the document's."""

    id: str
    chunk: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Sentence:
    """A sentence of a document, without its source markers, and the keys those markers named."""

    text: str
    start: int
    end: int
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Passage:
    """A chunk that was retrieved for a question, with how well it fits.

    `score` is the fused score in [0, 1]; `dense` the cosine of its best window in [-1, 1]; `lexical` its
    BM25 score, at least 0.
    """

    chunk: Chunk
    score: float
    dense: float
    lexical: float
