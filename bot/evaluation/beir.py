"""A folder in BEIR's format → how well each way of finding ranks its documents.

Thakur et al., 2021, "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval Models":
`corpus.jsonl` with `_id`, `title` and `text`, `queries.jsonl` with `_id` and `text`, and `qrels/*.tsv` with
`query-id`, `corpus-id` and `score`.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from bot.evaluation.data_files import BadData, json_lines, table
from bot.evaluation.exact import ExactRanking, covers_of
from bot.evaluation.scores import retrieval
from bot.evaluation.statistics import Mean, mean
from knowledge.chunks import chunks
from knowledge.embeddings import SentenceEmbedder
from knowledge.retriever import METHODS
from knowledge.types import Document


def evaluate(folder: Path, embedder: SentenceEmbedder, *, k: int) -> dict[str, list[Mean]]:
    """Method → its measures over all queries that have a relevant document; a document counts by its best
    chunk. Raises BadData."""
    documents = [_document(row) for row in json_lines(folder / "corpus.jsonl", "_id", "text")]
    asked = {str(row["_id"]): str(row["text"]) for row in json_lines(folder / "queries.jsonl", "_id", "text")}
    relevant = _relevant(folder)
    queries = [name for name in asked if relevant.get(name)]
    if not queries:
        raise BadData(f"No query of {folder} has a relevant document in qrels/. Check the ids.")
    pieces = [chunk for document in documents for chunk in chunks(document)]
    titles = {document.id: document.title for document in documents}
    words = [f"{titles[chunk.doc]}\n{chunk.text}" for chunk in pieces]
    ranking = ExactRanking(pieces, covers_of(pieces, titles), embedder, words)
    found: dict[str, dict[str, list[float]]] = {method: defaultdict(list) for method in METHODS}
    for name, query in zip(queries, embedder.embed([asked[q] for q in queries]), strict=True):
        for method, score in ranking.scores(asked[name], query, METHODS).items():
            ranked = list(dict.fromkeys(pieces[i].doc for i in np.argsort(-score, kind="stable")[: 20 * k]))
            for measure, value in retrieval(ranked, relevant[name], k=k).items():
                found[method][measure].append(value)
    return {method: [mean(name, values) for name, values in by.items()] for method, by in found.items()}


def _document(row: dict[str, Any]) -> Document:
    return Document(str(row["_id"]), str(row.get("title", "")) or str(row["_id"]), str(row["text"]))


def _relevant(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((folder / "qrels").glob("*.tsv")):
        for row in table(path, "query-id", "corpus-id", "score", tabs=True):
            try:
                relevant = float(row["score"]) > 0
            except ValueError as error:
                raise BadData(f"{path}: the score {row['score']!r} is no number. Mend it.") from error
            if relevant:
                found[row["query-id"]].append(row["corpus-id"])
    return found
