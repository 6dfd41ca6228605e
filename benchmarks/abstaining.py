"""Telling questions that the passages answer from those they do not: AUROC on ClapNQ beside the best BM25 score.

150 answerable and 150 unanswerable real questions (primeqa/clapnq, development part, Apache-2.0), all their passages
in one index; each question is scored by the best passage found for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.evaluation.clapnq import BASELINE, OURS, evaluate
from knowledge.embeddings import SentenceEmbedder

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "clapnq"
BAR = 0.85


def run() -> dict[str, Any]:
    """Print the AUROC of the likeness that the product refuses by, and of the baseline."""
    if not DATA.is_dir():
        print("skipped: the data is not at ../shared/data/clapnq")
        return {}
    auroc = {name: figure.value for name, [figure] in evaluate(DATA, SentenceEmbedder()).items()}
    for name, value in auroc.items():
        print(f"{name:<32}{value:.3f}")
    return {
        "auroc": auroc,
        "bars": {f"AUROC at least {BAR}": auroc[OURS] >= BAR, "above BM25": auroc[OURS] > auroc[BASELINE]},
    }
