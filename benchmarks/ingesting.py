"""Ingest: embedding throughput beside the raw model's, and an unchanged corpus beside the first run."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.chunks import chunk_sentences, chunks, windows
from knowledge.documents import read_document
from knowledge.embeddings import SentenceEmbedder
from knowledge.index import Home
from knowledge.ingest import CORPUS, ingest

THROUGHPUT_BAR = 0.9
REINGEST_BAR = 50.0
ROUNDS = 3


def run() -> dict[str, Any]:
    """Print texts a second of both, in turn, and the two ingest times."""
    embedder = SentenceEmbedder()
    texts = []
    for path in sorted(CORPUS.rglob("*.md")):
        document = read_document(path)
        for chunk in chunks(document):
            texts += [w.text for w in windows(chunk, document.title)] + [s.text for s in chunk_sentences(chunk)]
    texts = texts[:: max(1, len(texts) // 500)]
    embedder.embed(texts[:64])
    raw = embedder._encoder()
    ratios = []
    for _ in range(ROUNDS):
        ours = _seconds(lambda: embedder.embed(texts))
        theirs = _seconds(
            lambda: raw.encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=False)
        )
        ratios.append(theirs / ours)
        print(f"{len(texts)} texts: ours {len(texts) / ours:6.1f}/s, raw encode {len(texts) / theirs:6.1f}/s")
    throughput = float(np.median(ratios))
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        first = _seconds(lambda: ingest([], home, embedder))
        again = min(_seconds(lambda: ingest([], home, embedder)) for _ in range(ROUNDS))
    print(f"throughput ratio {throughput:.2f} (bar {THROUGHPUT_BAR})")
    print(f"first ingest {first:.1f} s, unchanged {again:.3f} s: {first / again:.0f} x (bar {REINGEST_BAR:.0f} x)")
    return {
        "throughput_ratio": round(throughput, 3),
        "first_s": round(first, 2),
        "unchanged_s": round(again, 4),
        "reingest_ratio": round(first / again, 1),
        "bars": {
            f"throughput at least {THROUGHPUT_BAR} of raw encode": throughput >= THROUGHPUT_BAR,
            f"re-ingest at least {REINGEST_BAR:.0f} x faster": first / again >= REINGEST_BAR,
        },
    }


def _seconds(action: Any) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
