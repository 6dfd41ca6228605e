"""`python -m benchmarks.subject`: fit what tells messages on our subject from others, print how well, write the file.

Printed are the cross-validation on the labelled messages, and questions that nothing was fitted on: plain ones that a
section answers against everyday ones (tests/data/questions.yaml, off-subject.yaml).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from bot import assemble
from bot.settings import read_settings
from knowledge.chunks import chunks
from knowledge.documents import read_document
from knowledge.embeddings import Vectors
from knowledge.ingest import CORPUS
from knowledge.signals import read_signals
from knowledge.subject import Subject, ship, train

DATA = Path(__file__).parent.parent / "tests" / "data"
FOLDS = 5


def main() -> int:
    """Print the figures, fit on all labelled messages, write knowledge/subject.npz."""
    embedder = assemble.embedder(read_settings())
    messages = read_signals().messages
    texts = [*(message.text for message in messages), *_of_corpus()]
    off = np.array([message.approach == "off-topic" for message in messages] + [False] * (len(texts) - len(messages)))
    vectors = embedder.embed(texts)
    print(f"{len(texts)} texts, {off.sum()} of them off the subject")
    print(f"AUROC in cross-validation: {roc_auc_score(off, _held_out(vectors, off)):.3f}")
    fitted = train(vectors, off)
    asked = [row["ask"] for row in yaml.safe_load((DATA / "questions.yaml").read_text(encoding="utf-8"))]
    by_kind = yaml.safe_load((DATA / "off-subject.yaml").read_text(encoding="utf-8"))
    others = [message for some in by_kind.values() for message in some]
    distances = _distances(fitted, embedder.embed([*asked, *others]))
    unlike = np.arange(len(distances)) >= len(asked)
    print(f"AUROC of {len(asked)} questions on it and {len(others)} off it: {roc_auc_score(unlike, distances):.3f}")
    ship(fitted, embedder)
    return 0


def _of_corpus() -> list[str]:
    """What is on the subject for certain: titles, headings and the questions that sections answer."""
    texts = []
    for path in sorted(CORPUS.rglob("*.md")):
        document = read_document(path)
        headings = dict.fromkeys(chunk.heading for chunk in chunks(document))
        asked = [question for questions in document.asked.values() for question in questions]
        texts += [document.title, *headings, *asked]
    return texts


def _held_out(vectors: Vectors, off: NDArray[np.bool_]) -> NDArray[np.float64]:
    found = np.zeros(len(off))
    for others, rows in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(vectors, off):
        found[rows] = _distances(train(vectors[others], off[others]), vectors[rows])
    return found


def _distances(subject: Subject, vectors: Vectors) -> NDArray[np.float64]:
    return np.array([subject.distance(vector) for vector in vectors])


if __name__ == "__main__":
    sys.exit(main())
