"""What the knowledge base holds: documents, sections and sources, how fresh they are, how often they are cited."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from knowledge.documents import slug
from knowledge.lint import Page

_CITED = "cited.json"


@dataclass(frozen=True)
class SectionRow:
    """One section: its question, the id of its first chunk, and how often an evaluation run cited it."""

    heading: str
    id: str
    words: int
    cited: int


@dataclass(frozen=True)
class DocumentRow:
    """One document; `age` is in days since it was updated, None when it does not say."""

    id: str
    title: str
    topic: str
    summary: str
    updated: str
    age: int | None
    words: int
    reading_ease: float
    sources: int
    sections: tuple[SectionRow, ...]

    @property
    def cited(self) -> int:
        """How often an evaluation run cited a sentence of it."""
        return sum(section.cited for section in self.sections)


@dataclass(frozen=True)
class Cited:
    """How often each section was cited, by the id of its chunk, in a run of so many questions on a day."""

    questions: int = 0
    on: str = ""
    sections: Mapping[str, int] = field(default_factory=dict)


def overview(pages: Sequence[Page], cited: Cited | None = None, *, today: date | None = None) -> list[DocumentRow]:
    """A row for each document, in the order of the pages."""
    counts = (cited or Cited()).sections
    return [_row(page, counts, today or date.today()) for page in pages]


def _row(page: Page, counts: Mapping[str, int], today: date) -> DocumentRow:
    made = page.document
    found = []
    for section, _ in page.sections:
        name = f"{made.id}#{slug(section.heading)}"
        # A long section is cited by the piece that the sentence stands in: "lora#costs", "lora#costs.2".
        times = sum(n for chunk, n in counts.items() if chunk == name or chunk.startswith(f"{name}."))
        found.append(SectionRow(section.heading, name, page.words_of(section), times))
    return DocumentRow(
        made.id,
        made.title,
        made.topic,
        made.summary,
        made.updated,
        _age(made.updated, today),
        page.words,
        round(page.reading_ease, 1),
        len(made.sources),
        tuple(found),
    )


def _age(updated: str, today: date) -> int | None:
    try:
        return (today - date.fromisoformat(updated)).days
    except ValueError:
        return None


def write_cited(home: Path, chunks: Iterable[str], *, questions: int) -> None:
    """Keep how often each chunk was cited in a run; it takes the place of the run before."""
    counts: dict[str, int] = {}
    for chunk in chunks:
        counts[chunk] = counts.get(chunk, 0) + 1
    kept = {"questions": questions, "on": date.today().isoformat(), "sections": dict(sorted(counts.items()))}
    home.mkdir(parents=True, exist_ok=True)
    beside = home / f"{_CITED}.new"
    beside.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    beside.replace(home / _CITED)


def read_cited(home: Path) -> Cited:
    """What `write_cited` kept; nothing when there is none or it cannot be read."""
    try:
        kept = json.loads((home / _CITED).read_text(encoding="utf-8"))
        return Cited(int(kept["questions"]), str(kept["on"]), {str(k): int(n) for k, n in kept["sections"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Cited()
