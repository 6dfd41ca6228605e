"""How well the signals of held-out messages are recognised, beside the nearest example: mean average precision.

Five folds of knowledge/messages.jsonl; each clause is scored for every signal by a recogniser that was trained on the
signals' examples and the other folds. The baseline scores a signal by the cosine of its nearest example.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from bot import assemble
from bot.settings import read_settings
from knowledge.recogniser import Recogniser, train
from knowledge.signals import read_signals
from knowledge.training import lessons, read

FOLDS = 5


def run() -> dict[str, Any]:
    """Print both figures, micro-averaged over all clauses and signals."""
    book = read_signals()
    data, vectors = lessons(book), read(book, assemble.embedder(read_settings()))
    counts = [len(message.clauses()) for message in book.messages]
    examples = len(data.texts) - sum(counts)
    owner = np.concatenate([np.full(examples, -1), np.repeat(np.arange(len(counts)), counts)])
    scores = np.zeros(data.labels.shape, dtype=np.float32)
    for fold in range(FOLDS):
        kept = (owner % FOLDS != fold) | (owner < 0)
        texts = [text for text, keep in zip(data.texts, kept, strict=True) if keep]
        recogniser = Recogniser(train(data.signals, data.slots, data.ranges, texts, vectors[kept], data.labels[kept]))
        held_out = [text for text, keep in zip(data.texts, kept, strict=True) if not keep]
        scores[~kept] = recogniser.scores(held_out, vectors[~kept])
    told, wanted = vectors[examples:], data.labels[examples:]
    likeness = told @ vectors[:examples].T
    nearest = np.stack([likeness[:, data.labels[:examples, s]].max(axis=1) for s in range(len(data.signals))], axis=1)
    precision = {
        "trained": float(average_precision_score(wanted.ravel(), scores[examples:].ravel())),
        "nearest example": float(average_precision_score(wanted.ravel(), nearest.ravel())),
    }
    print(f"{len(told)} clauses of {len(counts)} messages, {len(data.signals)} signals")
    for name, value in precision.items():
        print(f"{name:<18}{value:.3f}")
    return {
        "average_precision": {name: round(value, 4) for name, value in precision.items()},
        "bars": {"trained beats the nearest example": precision["trained"] > precision["nearest example"]},
    }
