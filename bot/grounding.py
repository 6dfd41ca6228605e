"""Drafts → statements and citations: what is not word for word in its passage is taken out.

A quote must stand at its place in the passage; a repeated quote keeps its number; numbers follow reading order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bot.types import Citation, Draft, Grounding, Statement, Status
from knowledge.types import Document, Source


@dataclass
class Grounder:
    """Checks drafts one by one and remembers what it let through; made anew for each answer.

    `documents` gives the titles and sources of the documents that may be cited, by id.
    """

    documents: dict[str, Document]
    citations: list[Citation] = field(default_factory=list)
    claims: int = 0

    def check(self, drafts: Iterable[Draft]) -> Iterator[tuple[Statement, Citation | None]]:
        """The statements that may be shown, each with its citation if it is new."""
        for draft in drafts:
            if draft.quote is None or draft.passage is None:
                yield Statement(draft.text, draft.block), None
                continue
            self.claims += 1
            if not _verbatim(draft):
                continue
            known = next((c for c in self.citations if (c.doc, c.start) == self._place(draft)), None)
            citation = known or self._cite(draft)
            if known is None:
                self.citations.append(citation)
            yield Statement(draft.text, draft.block, citation.n, draft.said), None if known else citation

    def result(self) -> tuple[Grounding, Status]:
        """How much of what was claimed is supported."""
        supported = len(self.citations)
        status: Status = (
            "refused" if not self.claims else "grounded" if supported == self.claims else "partly" if supported else "ungrounded"
        )
        return Grounding(self.claims, supported), status

    @staticmethod
    def _place(draft: Draft) -> tuple[str, int]:
        assert draft.passage and draft.quote, "only quotes have a place"
        return draft.passage.chunk.doc, draft.quote.start

    def _cite(self, draft: Draft) -> Citation:
        assert draft.passage and draft.quote, "only quotes are cited"
        chunk, quote = draft.passage.chunk, draft.quote
        document = self.documents[chunk.doc]
        return Citation(
            n=len(self.citations) + 1,
            doc=chunk.doc,
            title=document.title,
            heading=chunk.heading,
            quote=chunk.text[quote.start - chunk.start : quote.end - chunk.start],
            start=quote.start,
            end=quote.end,
            score=round(draft.passage.score, 4),
            sources=_sources(document, quote.keys),
            passage=draft.passage,
        )


def _verbatim(draft: Draft) -> bool:
    """Whether the quoted sentence is what stands at its place, and the statement says no other words."""
    assert draft.passage and draft.quote, "only quotes are checked"
    chunk, quote = draft.passage.chunk, draft.quote
    there = chunk.text[quote.start - chunk.start : quote.end - chunk.start]
    return there == quote.text and _words(draft.text) == _words(there)


def _words(text: str) -> str:
    """Letters and digits in their order: markup and spacing may differ between a quote and how it is shown."""
    return "".join(c for c in text if c.isalnum())


def _sources(document: Document, keys: Iterable[str]) -> tuple[Source, ...]:
    by_key = {source.key: source for source in document.sources}
    return tuple(by_key[key] for key in keys if key in by_key)
