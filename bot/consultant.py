"""The ask path: brief → queries → retrieve → verdict → question → write → ground → Answer, a line a step."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from bot.brief import added, asked_slot, edited, is_reply, kind_of, quick_reply, stated
from bot.grounding import Grounder
from bot.queries import read_queries, readable
from bot.question import ask
from bot.types import (
    Answer,
    Citation,
    Considered,
    Draft,
    Edit,
    Fact,
    Message,
    ProjectBrief,
    PromptVersion,
    Queries,
    Question,
    Statement,
    Verdict,
    Writing,
    so_far,
)
from bot.verdict import conclude
from knowledge.embeddings import Vectors
from knowledge.recogniser import Recogniser
from knowledge.retriever import Retrieval, Retriever
from knowledge.signals import SignalBook, Slot
from knowledge.subject import Subject, read_subject
from knowledge.types import Document

# A clause is a part of the message: it may add a passage, it does not outweigh the whole.
CLAUSE_WEIGHT = 0.5
# A follow-up says less alone than together with the message before it.
ALONE_WEIGHT = 0.7
# So many messages are remembered with their vectors and what they state.
MESSAGES = 512


class Writer(Protocol):
    """Turns what was retrieved into statements, in reading order.

    `name` and `prompt` are those of statements that no language model wrote.
    """

    name: str
    prompt: PromptVersion

    def write(
        self, queries: Queries, retrieval: Retrieval, verdict: Verdict | None, question: Question | None
    ) -> Iterator[Draft | Writing]:
        """Yield the statements one by one; the verdict is given, the writer explains it.

        A language model's work is told by a Writing at the end.
        """


class AnswerStream:
    """Iterate for the statements as they come, each with its citation when that is new; read `.answer` for all.

    Iterating again replays what came.
    """

    def __init__(self, source: Iterator[tuple[Statement, Citation | None] | Answer]) -> None:
        self._source = source
        self._pieces: list[tuple[Statement, Citation | None]] = []
        self._answer: Answer | None = None
        self._error: Exception | None = None

    def __iter__(self) -> Iterator[tuple[Statement, Citation | None]]:
        at = 0
        while at < len(self._pieces) or self._pull():
            yield self._pieces[at]
            at += 1

    def _pull(self) -> bool:
        """Take one more statement from the source; False at the end, and the same error again when it failed."""
        if self._error:
            raise self._error
        try:
            item = next(self._source, None)
        except Exception as error:
            self._error = error
            raise
        if isinstance(item, Answer):
            self._answer = item
            return False
        if item is not None:
            self._pieces.append(item)
        return item is not None

    def close(self) -> None:
        """Stop: nothing more is written, and a model that writes is cancelled."""
        if isinstance(self._source, Generator):
            self._source.close()

    @property
    def answer(self) -> Answer:
        """The whole answer; waits for what is still to come."""
        for _ in self:
            pass
        assert self._answer is not None, "the ask path ends with an answer"
        return self._answer


class Consultant:
    """Answers questions from a retriever's passages with a writer's words; the signals decide what is advised.

    `rewrite` makes a follow-up a question that stands alone, or nothing.
    """

    def __init__(
        self, retriever: Retriever, writer: Writer, book: SignalBook, rewrite: Callable[[Queries], str] | None = None
    ) -> None:
        self.retriever = retriever
        self.writer = writer
        self.book = book
        self.rewrite = rewrite
        # A conversation's earlier messages come with every turn; each is embedded and read once.
        self._embed = lru_cache(maxsize=MESSAGES)(retriever.embedder.embed_with_parts)
        self._for_signals = retriever.embedder.for_signals
        self._read_by: tuple[Recogniser, Callable[[Queries, bool], list[Fact]]] | None = None

    def ask(self, question: str, history: Sequence[Message] = (), edits: Sequence[Edit] = ()) -> Answer:
        """The whole answer; raises BadQuestion, BadEdit, NoIndex, IndexMismatch or BrokenGeneration.

        `edits` are facts that the person set by hand; they win over whatever the messages say.
        """
        return self.stream(question, history, edits).answer

    def stream(self, question: str, history: Sequence[Message] = (), edits: Sequence[Edit] = ()) -> AnswerStream:
        """The answer as it is written; a bad question raises here, before anything is shown."""
        return AnswerStream(self._run(self._read(question, history), history, edits))

    def consider(self, question: str, history: Sequence[Message] = (), edits: Sequence[Edit] = ()) -> Considered:
        """What `ask` would understand and conclude, without looking anything up or writing; raises as `ask` does."""
        return self._consider(self._read(question, history), history, edits)

    def prepare(self, question: str, history: Sequence[Message] = ()) -> tuple[Queries, Retrieval, Considered]:
        """All that a writer would be given for the answer; raises as `ask` does."""
        queries = self._read(question, history)
        understood = self._consider(queries, history, ())
        queries = self._placed(queries, understood)
        return queries, self._retrieve(queries), understood

    def _read(self, question: str, history: Sequence[Message]) -> Queries:
        queries = read_queries(question, history)
        if is_reply(queries, self._asked(history), self.book):
            # "No" is small talk and "about 300" says nothing, unless it answers what was asked.
            return replace(queries, kind="reply")
        return queries

    def _consider(self, queries: Queries, history: Sequence[Message], edits: Sequence[Edit]) -> Considered:
        brief = self._brief(queries, history, edits)
        kind = kind_of(queries, brief)
        verdict = conclude(brief, self.book) if kind == "project" and brief.facts else None
        return Considered(kind, brief, verdict, ask(brief, verdict, self.book) if verdict else None)

    def _run(
        self, queries: Queries, history: Sequence[Message], edits: Sequence[Edit]
    ) -> Iterator[tuple[Statement, Citation | None] | Answer]:
        started = time.perf_counter()
        understood = self._consider(queries, history, edits)
        queries = self._placed(queries, understood)
        retrieval = self._retrieve(queries)
        retrieved = time.perf_counter()
        grounder = Grounder(_Documents(retrieval))
        statements: list[Statement] = []
        first = retrieved
        writing = _Apart(self.writer.write(queries, retrieval, understood.verdict, understood.question))
        for statement, citation in grounder.check(writing):
            first = first if statements else time.perf_counter()
            statements = so_far(statements, statement)
            yield statement, citation
        grounding, status = grounder.result()
        if not grounding.sentences and any(s.block == "question" for s in statements):
            # Who asks back claims nothing and refuses nothing.
            status = "grounded"
        kind = "question" if queries.kind == "off-topic" and status != "refused" else queries.kind
        by_model = writing.told if writing.told and writing.told.kept else None
        yield Answer(
            statements=tuple(statements),
            status=status,
            citations=tuple(grounder.citations),
            grounding=grounding,
            kind=kind,
            brief=understood.brief,
            verdict=understood.verdict,
            question=understood.question,
            model=by_model.model if by_model else self.writer.name,
            prompt=by_model.prompt if by_model else self.writer.prompt,
            searched=retrieval.queries,
            passages=retrieval.passages,
            generation=retrieval.generation.folder.name,
            timings_ms={
                "retrieve": _milliseconds(started, retrieved),
                "first_text": _milliseconds(started, first),
                "total": _milliseconds(started, time.perf_counter()),
            },
            writing=writing.told,
        )

    def _brief(self, queries: Queries, history: Sequence[Message], edits: Sequence[Edit]) -> ProjectBrief:
        """What all messages of the person say of the project, the latest last, and what they set by hand."""
        brief = ProjectBrief()
        recogniser = self.retriever.generation().recogniser
        if queries.kind == "small-talk" or not recogniser.signals:
            return brief
        for said, asked in [*self._earlier(history), (queries, self._asked(history))]:
            reply = quick_reply(said.message, asked, self.book)
            brief = added(brief, reply or self._stated(said, recogniser, latest=said is queries), self.book)
        return edited(brief, edits, self.book, recogniser, self._for_signals.embed) if edits else brief

    def _stated(self, queries: Queries, recogniser: Recogniser, *, latest: bool) -> list[Fact]:
        """The facts that a message states, remembered until another index brings another recogniser."""
        if self._read_by is None or self._read_by[0] is not recogniser:
            self._read_by = (
                recogniser,
                lru_cache(maxsize=MESSAGES)(
                    lambda said, last: stated(said, self._read_for_signals(said), self.book, recogniser, latest=last)
                ),
            )
        return self._read_by[1](queries, latest)

    def _earlier(self, history: Sequence[Message]) -> Iterator[tuple[Queries, Slot | None]]:
        """The person's earlier messages that could be read, each with the slot asked for before it."""
        for n, message in enumerate(history):
            if message.role == "user" and (queries := readable(message.content)):
                yield queries, self._asked(history[:n])

    def _asked(self, history: Sequence[Message]) -> Slot | None:
        """The slot that the last turn asked for."""
        last = history[-1] if history else None
        return asked_slot(last.content, self.book) if last and last.role == "assistant" else None

    def _vectors(self, queries: Queries) -> Vectors:
        """The vectors of a message and its clauses, from one pass of the embedding model."""
        return self._embed(queries.message, tuple((c.start, c.end) for c in queries.clauses))

    def _read_for_signals(self, queries: Queries) -> Vectors:
        """The vectors of a message's clauses, as the recogniser reads them."""
        spans = tuple((c.start, c.end) for c in queries.clauses)
        return self._for_signals.embed_with_parts(queries.message, spans)[1:]

    @cached_property
    def _subject(self) -> Subject:
        return read_subject(self.retriever.embedder.identity)

    def _placed(self, queries: Queries, understood: Considered) -> Queries:
        """The message with its kind, now that it is understood, and how far it lies from the subject: a follow-up
        together with the message before, as it is looked up."""
        if understood.kind == "small-talk":
            return replace(queries, kind="small-talk")
        read = self._embed(_in_context(queries), ()) if queries.context else self._vectors(queries)
        far = self._subject.distance(read[0])
        return replace(queries, kind=understood.kind, off_subject=far)

    def _retrieve(self, queries: Queries) -> Retrieval:
        """What is found for the message, for its clauses, and for a follow-up together with the message before."""
        if queries.kind == "small-talk":
            return self.retriever.retrieve([], np.zeros((0, 1), dtype=np.float32))
        texts, weights = [queries.message], [1.0]
        vectors = self._vectors(queries)[: 1 + len(queries.looked_up)]
        if queries.context:
            rewritten = self.rewrite(queries) if self.rewrite else ""
            texts.append(rewritten or _in_context(queries))
            weights = [ALONE_WEIGHT, 1.0]
            vectors = np.concatenate([vectors[:1], self._embed(texts[1], ()), vectors[1:]])
        texts += [c.text for c in queries.looked_up]
        weights += [CLAUSE_WEIGHT] * len(queries.looked_up)
        return self.retriever.retrieve(texts, vectors, weights=weights)


def _in_context(queries: Queries) -> str:
    return f"{queries.context}\n{queries.message}"


class _Apart:
    """The drafts of a writer; what it tells of its own making is kept apart in `told`."""

    def __init__(self, written: Iterator[Draft | Writing]) -> None:
        self._written = written
        self.told: Writing | None = None

    def __iter__(self) -> Iterator[Draft]:
        for item in self._written:
            if isinstance(item, Writing):
                self.told = item
            else:
                yield item


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
