"""Drafts → statements and citations: what its passage does not support is taken out.

A quote must stand word for word at its place in the passage; where a writer may use other words, the passage must
support them (bot/support.py). A repeated quote keeps its number; numbers follow reading order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bot.orders import is_order
from bot.support import Support, support
from bot.types import Citation, Draft, Grounding, Quote, Statement, Status
from knowledge.sentences import plain, sentences
from knowledge.types import Document, Source

# Of a sentence that takes up the person's words, at least this share must be the passage's.
LEAST_OF_PASSAGE = 0.4


@dataclass
class Grounder:
    """Checks drafts one by one and remembers what it let through; made anew for each answer.

    `documents` gives the titles and sources of the documents that may be cited, by id.
    """

    documents: Mapping[str, Document]
    citations: list[Citation] = field(default_factory=list)
    claims: int = 0
    supported: int = 0

    def check(self, drafts: Iterable[Draft]) -> Iterator[tuple[Statement, Citation | None]]:
        """The statements that may be shown, each with its citation if that is new."""
        for draft in drafts:
            if draft.block == "restart":
                self.citations.clear()
                self.claims = self.supported = 0
            if draft.quote is None:
                yield Statement(draft.text, draft.block), None
                continue
            self.claims += 1
            if not is_supported(draft, draft.quote, self.documents[draft.quote.passage.chunk.doc]):
                continue
            self.supported += 1
            known = self._known(draft.quote)
            citation = known or self._cite(draft.quote)
            statement = Statement(draft.text, draft.block, citation.n, draft.said, draft.place)
            yield statement, None if known else citation

    def result(self) -> tuple[Grounding, Status]:
        """How much of what was claimed is supported."""
        counts = Grounding(self.claims, self.supported)
        if not self.claims:
            return counts, "refused"
        if not self.supported:
            return counts, "ungrounded"
        return counts, "grounded" if self.supported == self.claims else "partly"

    def _known(self, quote: Quote) -> Citation | None:
        place = (quote.passage.chunk.doc, quote.sentence.start, quote.sentence.end)
        return next((c for c in self.citations if (c.doc, c.start, c.end) == place), None)

    def _cite(self, quote: Quote) -> Citation:
        chunk = quote.passage.chunk
        document = self.documents[chunk.doc]
        citation = Citation(
            n=len(self.citations) + 1,
            doc=chunk.doc,
            title=document.title,
            heading=chunk.heading,
            quote=quote.sentence.text,
            start=quote.sentence.start,
            end=quote.sentence.end,
            score=round(quote.passage.score, 4),
            sources=_sources(document, quote.sentence.keys),
            passage=quote.passage,
        )
        self.citations.append(citation)
        return citation


def is_supported(draft: Draft, quote: Quote, document: Document) -> bool:
    """Whether the quoted sentence stands at its place in the document, inside its passage, and the draft says its
    words and no others, or, where it may reword, what the passage says."""
    chunk, sentence = quote.passage.chunk, quote.sentence
    inside = chunk.start <= sentence.start < sentence.end <= chunk.end
    there = document.text[sentence.start : sentence.end]
    if not inside or there != sentence.text or is_order(draft.text):
        return False
    return draft.text == plain(sentence.text) or (draft.reworded and reworded(draft, quote).holds)


def reworded(draft: Draft, quote: Quote) -> Support:
    """What the quoted sentence and its neighbours say of a draft in other words, which may take up the person's too.

    The whole passage would be too much: a sentence put together from words that stand far apart says something new.
    What is an order to whoever answers bears nothing out.
    """
    there = _around(quote)
    alone = support(draft.text, there)
    if alone.holds or alone.share < LEAST_OF_PASSAGE:
        return alone
    return support(draft.text, f"{there}\n{draft.told}")


def _around(quote: Quote) -> str:
    chunk = quote.passage.chunk
    spoken = sentences(chunk.text, offset=chunk.start)
    at = next((i for i, s in enumerate(spoken) if s.start == quote.sentence.start), None)
    near = [quote.sentence] if at is None else spoken[max(0, at - 1) : at + 2]
    said = [plain(s.text) for s in near]
    return " ".join(text for text in said if not is_order(text))


def _sources(document: Document, keys: Iterable[str]) -> tuple[Source, ...]:
    by_key = {source.key: source for source in document.sources}
    return tuple(by_key[key] for key in keys if key in by_key)
