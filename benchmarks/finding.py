"""Whether a plain question finds the section that answers it: recall@3 and MRR, fused and by each half alone.

The questions in tests/data/questions.yaml were written by people who saw the sections and not the retriever, before
anything was tuned on them; each names every section that answers it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bot import assemble
from bot.settings import read_settings
from knowledge.retriever import Retriever, best_windows

QUESTIONS = Path(__file__).parent.parent / "tests" / "data" / "questions.yaml"
K = 3
RECALL_BAR, MRR_BAR = 0.93, 0.85
DEPTH = 50


def run() -> dict[str, Any]:
    """Print the table, and each question whose section is not among the first three."""
    return measure(assemble.retriever(read_settings()))


def measure(retriever: Retriever) -> dict[str, Any]:
    """The figures of a retriever over the corpus, and whether they reach the bars."""
    rows = yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))
    ranks: dict[str, list[int]] = {"fused": [], "BM25": [], "dense": []}
    for row in rows:
        for method, found in rankings(retriever, row["ask"]).items():
            rank = next((n for n, section in enumerate(found, 1) if section in row["sections"]), 0)
            ranks[method].append(rank)
            if method == "fused" and not 1 <= rank <= K:
                print(f"at {rank or '-'}: {row['ask']} (wants {row['sections'][0]}, found {found[0]})")
    print(f"\n{len(rows)} questions{'':<8}recall@{K}     MRR")
    figures = {}
    for method, places in ranks.items():
        found_by = np.array(places)
        recall = float(np.mean((found_by >= 1) & (found_by <= K)))
        mrr = float(np.mean([1 / place if place else 0.0 for place in places]))
        figures[method] = {"recall": round(recall, 4), "mrr": round(mrr, 4)}
        print(f"{method:<21}{recall:>8.3f}{mrr:>8.3f}")
    fused = figures["fused"]
    return {
        "questions": len(rows),
        "methods": figures,
        "bars": {
            f"recall@{K} at least {RECALL_BAR}": fused["recall"] >= RECALL_BAR,
            f"MRR at least {MRR_BAR}": fused["mrr"] >= MRR_BAR,
            "fused beats both halves on MRR": fused["mrr"] > max(figures[m]["mrr"] for m in ("BM25", "dense")),
        },
    }


def rankings(retriever: Retriever, question: str) -> dict[str, list[str]]:
    """The sections that each method finds for a question, best first, by the id of their first chunk."""
    found = retriever.retrieve([question], limit=DEPTH)
    generation = found.generation
    lexical = generation.lexical.scores(question)
    dense = best_windows(generation, found.vectors)[0]
    by_score = {
        "BM25": [generation.chunks[i].id for i in np.argsort(-lexical, kind="stable")[:DEPTH]],
        "dense": [generation.chunks[i].id for i in np.argsort(-dense, kind="stable")[:DEPTH]],
        "fused": [passage.chunk.id for passage in found.passages],
    }
    # A long section is cut into pieces "…", "….2": any of them is the section.
    return {method: list(dict.fromkeys(chunk.split(".")[0] for chunk in ids)) for method, ids in by_score.items()}
