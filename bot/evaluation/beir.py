"""A folder in BEIR's format → how well each way of finding ranks its documents.

Thakur et al., 2021, "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval Models":
`corpus.jsonl` with `_id`, `title` and `text`, `queries.jsonl` with `_id` and `text`, and `qrels/*.tsv` with
`query-id`, `corpus-id` and `score`.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from bot.errors import ConsultantError
from bot.evaluation.exact import ExactRanking, covers_of
from bot.evaluation.scores import retrieval
from bot.evaluation.statistics import Mean, mean
from knowledge.chunks import chunks
from knowledge.embeddings import SentenceEmbedder
from knowledge.retriever import METHODS
from knowledge.types import Document


class BadBeir(ConsultantError):
    """Raised when a folder is not in BEIR's format; the message names the file and the line."""


def evaluate(folder: Path, embedder: SentenceEmbedder, *, k: int) -> dict[str, list[Mean]]:
    """Method → its measures over all queries that have a relevant document; a document counts by its best chunk."""
    documents = [_document(row, folder) for row in _rows(folder / "corpus.jsonl")]
    asked = {str(row["_id"]): str(row["text"]) for row in _rows(folder / "queries.jsonl")}
    relevant = _relevant(folder)
    queries = [name for name in asked if relevant.get(name)]
    if not queries:
        raise BadBeir(f"No query of {folder} has a relevant document in qrels/. Check the ids.")
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


def _document(row: dict[str, Any], folder: Path) -> Document:
    try:
        title, text = str(row.get("title", "")), str(row["text"])
        return Document(str(row["_id"]), title or str(row["_id"]), text)
    except KeyError as error:
        raise BadBeir(f"{folder / 'corpus.jsonl'}: a document has no {error}.") from error


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                row = json.loads(line)
                if not isinstance(row, dict) or "_id" not in row:
                    raise BadBeir(f"{path}, line {number} is no object with an _id.")
                rows.append(row)
    except OSError as error:
        raise BadBeir(f"{path} cannot be read ({error.strerror}). Give a folder in BEIR's format.") from error
    except ValueError as error:
        raise BadBeir(f"{path}, line {number} is no JSON ({error}).") from error
    return rows


def _relevant(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((folder / "qrels").glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file, delimiter="\t"), 2):
                try:
                    if float(row["score"]) > 0:
                        found[row["query-id"]].append(row["corpus-id"])
                except (KeyError, TypeError, ValueError) as error:
                    raise BadBeir(f"{path}, line {number} has no query-id, corpus-id and score.") from error
    return found
