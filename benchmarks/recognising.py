"""How well the signals of held-out messages are recognised, beside the nearest example: mean average precision.

Every HELD_OUT-th message of knowledge/messages.jsonl was kept from the adapter with which the recogniser reads; here
it is kept from the recogniser too, which is trained on the signals' examples and the other messages. The baselines
are the same with the embedding model as it comes, and the cosine of a signal's nearest example.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from benchmarks.adapting import HELD_OUT
from knowledge.embeddings import SentenceEmbedder, Vectors
from knowledge.recogniser import Recogniser, train
from knowledge.signals import read_signals
from knowledge.training import Lessons, lessons, read


def run() -> dict[str, Any]:
    """Print the figures, micro-averaged over all clauses and signals."""
    book = read_signals()
    data = lessons(book)
    counts = [len(message.clauses()) for message in book.messages]
    examples = len(data.texts) - sum(counts)
    owner = np.concatenate([np.full(examples, -1), np.repeat(np.arange(len(counts)), counts)])
    kept = (owner % HELD_OUT != 0) | (owner < 0)
    told = [text for text, keep in zip(data.texts, kept, strict=True) if not keep]
    precision = {}
    plain = SentenceEmbedder()
    for name, reader in (("trained", plain.for_signals), ("trained, without the adapter", plain)):
        vectors = read(book, reader)
        precision[name] = _precision(data.labels[~kept], _trained(data, vectors, kept).scores(told, vectors[~kept]))
    # Of the embedding model as it comes, the last one read.
    likeness = vectors[~kept] @ vectors[:examples].T
    nearest = np.stack([likeness[:, data.labels[:examples, s]].max(axis=1) for s in range(len(data.signals))], axis=1)
    precision["nearest example"] = _precision(data.labels[~kept], nearest)
    print(f"{len(told)} clauses of {len(counts[::HELD_OUT])} messages, {len(data.signals)} signals")
    for name, value in precision.items():
        print(f"{name:<30}{value:.3f}")
    return {
        "average_precision": {name: round(value, 4) for name, value in precision.items()},
        "bars": {
            "trained beats the nearest example": precision["trained"] > precision["nearest example"],
            "the adapter recognises more": precision["trained"] > precision["trained, without the adapter"],
        },
    }


def _trained(data: Lessons, vectors: Vectors, kept: NDArray[np.bool_]) -> Recogniser:
    texts = [text for text, keep in zip(data.texts, kept, strict=True) if keep]
    return Recogniser(train(data.signals, data.slots, data.ranges, texts, vectors[kept], data.labels[kept]))


def _precision(wanted: NDArray[np.bool_], scores: NDArray[np.float32]) -> float:
    return float(average_precision_score(wanted.ravel(), scores.ravel()))
