"""Chroma's chunking evaluation: how much of the excerpts that answer a question is retrieved, and how little else.

Smith & Troynikov, 2024, "Evaluating Chunking Strategies for Retrieval": documents in `corpora/*.md`, and
`questions.csv` with a `question`, its `corpus_id` and its `references`, spans of that document. All three measures
are counted in characters: as shares of the references, of what was retrieved, and of both together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.evaluation.data_files import BadData, table
from bot.evaluation.exact import ExactRanking, covers_of
from bot.evaluation.statistics import Mean, mean
from knowledge.chunks import chunks
from knowledge.embeddings import SentenceEmbedder, Vectors
from knowledge.retriever import CUT_OFF, METHODS, NEAREST
from knowledge.types import Chunk, Document

MEASURES = ("recall", "precision", "IoU")


@dataclass(frozen=True)
class Question:
    """A question with the excerpts that answer it, as spans of one document."""

    text: str
    doc: str
    spans: tuple[tuple[int, int], ...]


def read(folder: Path) -> tuple[list[Document], list[Question]]:
    """The documents and the questions about them; raises BadData."""
    documents = [Document(p.stem, p.stem, p.read_text(encoding="utf-8")) for p in sorted(folder.glob("corpora/*.md"))]
    if not documents:
        raise BadData(f"{folder} holds no corpora/*.md. Give the folder of the chunking evaluation.")
    path = folder / "questions.csv"
    return documents, [_question(row, path) for row in table(path, "question", "corpus_id", "references")]


def _question(row: Mapping[str, str], path: Path) -> Question:
    try:
        spans = tuple((int(r["start_index"]), int(r["end_index"])) for r in json.loads(row["references"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path}: the references of {row['question']!r} are no spans. Fetch it again.") from error
    return Question(row["question"], row["corpus_id"], spans)


def evaluate(folder: Path, embedder: SentenceEmbedder, *, k: int) -> dict[str, list[Mean]]:
    """Method → its measures over all questions, with the chunks that the product makes; raises BadData."""
    documents, questions = read(folder)
    pieces = [chunk for document in documents for chunk in chunks(document)]
    covers = covers_of(pieces, {document.id: document.title for document in documents})
    ranking = ExactRanking(pieces, covers, embedder, [chunk.text for chunk in pieces], nearest=NEAREST)
    queries = embedder.embed([question.text for question in questions])
    found = measured(
        ranking, questions, queries, {name: (weights, CUT_OFF) for name, weights in METHODS.items()}, k=k
    )
    return {
        method: [mean(f"{name}@{k}", values) for name, values in zip(MEASURES, zip(*rows, strict=True), strict=True)]
        for method, rows in found.items()
    }


def measured(
    ranking: ExactRanking,
    questions: Sequence[Question],
    queries: Vectors,
    methods: Mapping[str, tuple[Sequence[float], float]],
    *,
    k: int,
) -> dict[str, list[tuple[float, float, float]]]:
    """Method → recall, precision and IoU of each question; a method is its weights and its cut-off: what scores below
    that share of the best is dropped."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in methods}
    weights = {name: parts for name, (parts, _) in methods.items()}
    for question, query in zip(questions, queries, strict=True):
        for method, score in ranking.scores(question.text, query, weights).items():
            best = np.argsort(-score, kind="stable")[:k]
            kept = [ranking.pieces[i] for i in best if score[i] >= methods[method][1] * score[best[0]]]
            found[method].append(measure(kept, question))
    return found


def measure(retrieved: Sequence[Chunk], question: Question) -> tuple[float, float, float]:
    """Recall, precision and IoU in characters."""
    hit = sum(
        max(0, min(chunk.end, end) - max(chunk.start, start))
        for chunk in retrieved
        if chunk.doc == question.doc
        for start, end in question.spans
    )
    wanted = sum(end - start for start, end in question.spans)
    got = sum(chunk.end - chunk.start for chunk in retrieved)
    return hit / wanted, hit / got, hit / (wanted + got - hit)
