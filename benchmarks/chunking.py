"""Recall@5, precision and IoU on Chroma's chunking evaluation, for chunk sizes and for each half of retrieval.

472 questions with exact reference excerpts over five documents (brandonstarxel/chunking_evaluation, MIT; Smith &
Troynikov, 2024), searched as one collection. All three are counted in characters, as shares of the references, of
what was retrieved, and of both together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from langchain_text_splitters import RecursiveCharacterTextSplitter

from bot.evaluation.chunking import Question, measured, read
from bot.evaluation.exact import ExactRanking
from knowledge.chunks import CHUNK_CHARACTERS, chunks, windows
from knowledge.embeddings import SentenceEmbedder, Vectors
from knowledge.retriever import CUT_OFF, METHODS, NEAREST
from knowledge.types import Chunk, Document, Window

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "chunking_evaluation"
SIZES = (700, 900, CHUNK_CHARACTERS, 1300)
K = 5
# The bars: what a plain 1,000-character splitter with half-and-half fusion was measured at, and more.
RECALL_BAR, IOU_BAR = 0.89, 0.055


def run() -> dict[str, Any]:
    """Print the table; the bars are those of the size and weight that the product uses."""
    if not DATA.is_dir():
        print("skipped: the data is not at ../shared/data/chunking_evaluation")
        return {}
    embedder = SentenceEmbedder()
    documents, questions = read(DATA)
    queries = embedder.embed([q.text for q in questions])
    print(f"{'chunks':<26}{'method':<28}{'recall@5':>9}{'precision':>11}{'IoU':>8}")
    rows = []
    for size in SIZES:
        pieces = [c for d in documents for c in chunks(d, size=size)]
        covers = [w for d in documents for c in chunks(d, size=size) for w in windows(c, d.title)]
        rows += _table(f"ours, {size} characters", pieces, covers, questions, queries, embedder)
    plain = [c for d in documents for c in _plain(d, 1000)]
    whole = [Window(c.id, c.id, c.text, c.start, c.end) for c in plain]
    rows += _table("plain 1000, one vector", plain, whole, questions, queries, embedder)
    ours = {r["method"]: r for r in rows if r["chunks"] == f"ours, {CHUNK_CHARACTERS} characters"}
    fused = ours["fused"]
    return {
        "rows": rows,
        "bars": {
            f"recall@5 of fused at least {RECALL_BAR}": fused["recall"] >= RECALL_BAR,
            f"IoU of fused at least {IOU_BAR}": fused["iou"] >= IOU_BAR,
            "fused beats both halves on recall": fused["recall"] > max(ours[m]["recall"] for m in ("BM25", "dense")),
        },
    }


def _plain(document: Document, size: int) -> list[Chunk]:
    splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=0, add_start_index=True)
    found = []
    for n, piece in enumerate(splitter.create_documents([document.text])):
        start = piece.metadata["start_index"]
        text = piece.page_content
        found.append(Chunk(f"{document.id}#{n}", document.id, "", text, start, start + len(text)))
    return found


def _table(
    name: str,
    pieces: list[Chunk],
    covers: list[Window],
    questions: list[Question],
    queries: Vectors,
    embedder: SentenceEmbedder,
) -> list[dict[str, Any]]:
    """One row a method; the cut-off of weak passages is applied to all of ours and to none of the last."""
    ranking = ExactRanking(pieces, covers, embedder, [c.text for c in pieces], nearest=NEAREST)
    methods = {name: (METHODS[name.lower()], CUT_OFF) for name in ("BM25", "dense", "fused")}
    scores = measured(
        ranking, questions, queries, {**methods, "fused half and half, no cut": ((1.0, 1.0, 0.0), 0.0)}, k=K
    )
    rows = []
    for method, values in scores.items():
        recall, precision, iou = np.mean(values, axis=0)
        print(f"{name:<26}{method:<28}{recall:>9.3f}{precision:>11.3f}{iou:>8.3f}", flush=True)
        rows.append(
            {"chunks": name, "method": method}
            | {k: round(float(v), 4) for k, v in (("recall", recall), ("precision", precision), ("iou", iou))}
        )
    return rows
