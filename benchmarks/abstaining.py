"""Telling questions that the passages answer from those they do not: AUROC on ClapNQ beside the best BM25 score.

150 answerable and 150 unanswerable real questions (primeqa/clapnq, development part, Apache-2.0), all their passages
in one index; each question is scored by the best passage found for it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sklearn.metrics import roc_auc_score

from knowledge.embeddings import SentenceEmbedder
from knowledge.lexical import LexicalIndex

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "clapnq"
BAR = 0.85


def run() -> dict[str, Any]:
    """Print the AUROC of the likeness that the product refuses by, and of the baseline."""
    if not DATA.is_dir():
        print("skipped: the data is not at ../shared/data/clapnq")
        return {}
    rows = [
        (row["input"], row["passages"][0], answerable)
        for name, answerable in (("answerable", True), ("unanswerable", False))
        for row in map(json.loads, (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    ]
    embedder = SentenceEmbedder()
    questions = embedder.embed([question for question, _, _ in rows])
    passages = embedder.embed([f"{passage['title']}\n{passage['text']}" for _, passage, _ in rows])
    lexical = LexicalIndex.build([f"{passage['title']}\n{passage['text']}" for _, passage, _ in rows])
    labels = [answerable for _, _, answerable in rows]
    auroc = {
        "cosine of the nearest passage": float(roc_auc_score(labels, (questions @ passages.T).max(axis=1))),
        "best BM25 score": float(roc_auc_score(labels, [lexical.scores(q).max() for q, _, _ in rows])),
    }
    for name, value in auroc.items():
        print(f"{name:<32}{value:.3f}")
    ours = auroc["cosine of the nearest passage"]
    return {
        "auroc": {name: round(value, 4) for name, value in auroc.items()},
        "bars": {f"AUROC at least {BAR}": ours >= BAR, "above BM25": ours > auroc["best BM25 score"]},
    }
