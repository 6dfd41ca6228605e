"""The ask path: queries → retrieve → write → ground → Answer, a line a step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from bot.grounding import Grounder
from bot.queries import read_queries
from bot.types import Answer, Citation, Draft, Message, PromptVersion, Queries, Statement
from knowledge.retriever import Retrieval, Retriever
from knowledge.types import Document

# A clause is a part of the message: it may add a passage, it does not outweigh the whole.
CLAUSE_WEIGHT = 0.5


class Writer(Protocol):
    """Turns what was retrieved into statements, in reading order."""

    name: str
    prompt: PromptVersion

    def write(self, queries: Queries, retrieval: Retrieval) -> Iterator[Draft]:
        """Yield the statements one by one."""


class AnswerStream:
    """Iterate for the statements as they come, each with its citation when that is new; read `.answer` for all.

    Iterating again replays what came.
    """

    def __init__(self, source: Iterator[tuple[Statement, Citation | None] | Answer]) -> None:
        self._source = source
        self._pieces: list[tuple[Statement, Citation | None]] = []
        self._answer: Answer | None = None

    def __iter__(self) -> Iterator[tuple[Statement, Citation | None]]:
        yield from self._pieces
        for item in self._source:
            if isinstance(item, Answer):
                self._answer = item
            else:
                self._pieces.append(item)
                yield item

    @property
    def answer(self) -> Answer:
        """The whole answer; waits for what is still to come."""
        for _ in self:
            pass
        assert self._answer is not None, "the ask path ends with an answer"
        return self._answer


class Consultant:
    """Answers questions from a retriever's passages with a writer's words."""

    def __init__(self, retriever: Retriever, writer: Writer) -> None:
        self.retriever = retriever
        self.writer = writer

    def ask(self, question: str, history: Sequence[Message] = ()) -> Answer:
        """The whole answer; raises BadQuestion, NoIndex, IndexMismatch or BrokenGeneration."""
        return self.stream(question, history).answer

    def stream(self, question: str, history: Sequence[Message] = ()) -> AnswerStream:
        """The answer as it is written; a bad question raises here, before anything is shown."""
        return AnswerStream(self._run(read_queries(question, history)))

    def _run(self, queries: Queries) -> Iterator[tuple[Statement, Citation | None] | Answer]:
        started = time.perf_counter()
        retrieval = self._retrieve(queries)
        retrieved = time.perf_counter()
        grounder = Grounder(_Documents(retrieval))
        statements: list[Statement] = []
        first = retrieved
        for statement, citation in grounder.check(self.writer.write(queries, retrieval)):
            first = first if statements else time.perf_counter()
            statements.append(statement)
            yield statement, citation
        grounding, status = grounder.result()
        yield Answer(
            statements=tuple(statements),
            status=status,
            citations=tuple(grounder.citations),
            grounding=grounding,
            kind=queries.kind,
            model=self.writer.name,
            prompt=self.writer.prompt,
            passages=retrieval.passages,
            generation=retrieval.generation.folder.name,
            timings_ms={
                "retrieve": _milliseconds(started, retrieved),
                "first_text": _milliseconds(started, first),
                "total": _milliseconds(started, time.perf_counter()),
            },
        )

    def _retrieve(self, queries: Queries) -> Retrieval:
        """One pass of the embedding model for the message and its clauses, one more for a follow-up's context."""
        if queries.kind == "small-talk":
            return self.retriever.retrieve([], np.zeros((0, 1), dtype=np.float32))
        texts, weights = [queries.message], [1.0]
        parts = [(c.start, c.end) for c in queries.clauses]
        vectors = self.retriever.embedder.embed_with_parts(queries.message, parts)
        if queries.context:
            texts.append(f"{queries.context}\n{queries.message}")
            weights.append(1.0)
            vectors = np.concatenate([vectors[:1], self.retriever.embedder.embed(texts[1:]), vectors[1:]])
        texts += [c.text for c in queries.clauses]
        weights += [CLAUSE_WEIGHT] * len(queries.clauses)
        return self.retriever.retrieve(texts, vectors, weights=weights)


class _Documents(dict[str, Document]):
    """Documents by id, read from the store when they are first cited."""

    def __init__(self, retrieval: Retrieval) -> None:
        super().__init__()
        self._store = retrieval.generation.store

    def __missing__(self, doc: str) -> Document:
        document = self._store.document(doc)
        assert document is not None, "every chunk of a generation has its document"
        self[doc] = document
        return document


def _milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 2)
