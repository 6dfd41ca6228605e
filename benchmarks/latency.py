"""Warm `ask` beside its floor, embedding the message once and asking Chroma once, and beside the embedding alone."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bot import assemble
from bot.settings import read_settings
from knowledge.index import Home
from knowledge.ingest import ingest

BAR, OF_EMBEDDING = 1.5, 4.0
ROUNDS = 8
QUESTIONS = (
    "We are six people, need product texts for three shops next week, no labelled data, 100 euros a month. "
    "Should we fine-tune?",
    "What is LoRA?",
    "How many examples do I need to fine-tune?",
    "Our hospital has 12,000 protocols as PDF, nurses need quick answers, and the data may not leave our network.",
    "How do I start with RAG?",
    "We have 40,000 support mails labelled by topic and want to route new ones, about two million a month.",
    "Is RAG better than fine-tuning for facts?",
    "What does a support bot cost?",
    "We translate between Spanish and a small language, have 40,000 sentence pairs, and need it offline on phones.",
    "How do I know that my prompt got better?",
)


def run() -> dict[str, Any]:
    """Print p50 and p95 of both and the part of `ask` above its floor, as a multiple of the floor."""
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings(home=Path(folder))
        ingest([], Home(settings.home), assemble.embedder(settings))
        consultant = assemble.consultant(settings)
        generation = consultant.retriever.generation()
        embedder = consultant.retriever.embedder
        asks, embeddings, floors = [], [], []
        for warming in (True, False):
            for question in QUESTIONS * (1 if warming else ROUNDS):
                # A question that was asked before is embedded no more; here every one is new.
                consultant._embed.cache_clear()
                started = time.perf_counter()
                consultant.ask(question)
                middle = time.perf_counter()
                vectors = embedder.embed([question])
                embedded = time.perf_counter()
                generation.nearest_windows(vectors, limit=6)
                ended = time.perf_counter()
                if not warming:
                    asks.append((middle - started) * 1000)
                    embeddings.append((embedded - middle) * 1000)
                    floors.append((ended - middle) * 1000)
    above = {
        name: float(np.percentile(asks, p) - np.percentile(floors, p)) / float(np.percentile(floors, p))
        for name, p in (("p50", 50), ("p95", 95))
    }
    for name, p in (("p50", 50), ("p95", 95)):
        print(
            f"{name}: ask {np.percentile(asks, p):6.1f} ms, embedding + Chroma {np.percentile(floors, p):6.1f} ms, "
            f"the part above is {above[name]:.2f} x (bar {BAR} x)"
        )
    whole = float(np.percentile(asks, 95) / np.percentile(embeddings, 95))
    print(f"p95: ask is {whole:.2f} x embedding the message alone (bar {OF_EMBEDDING} x)")
    return {
        "ask_ms": {"p50": round(float(np.percentile(asks, 50)), 2), "p95": round(float(np.percentile(asks, 95)), 2)},
        "floor_ms": {
            "p50": round(float(np.percentile(floors, 50)), 2),
            "p95": round(float(np.percentile(floors, 95)), 2),
        },
        "above": {name: round(value, 3) for name, value in above.items()},
        "p95_of_embedding": round(whole, 3),
        "bars": {f"{name} above the floor at most {BAR} x": value <= BAR for name, value in above.items()}
        | {f"p95 at most {OF_EMBEDDING} x the embedding": whole <= OF_EMBEDDING},
    }
