"""Questions → passages: dense and keyword search, fused, near-duplicates dropped.

Weights and limits were chosen by `benchmarks/chunking.py` and `benchmarks/finding.py`, which print what others give.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from knowledge import index
from knowledge.embeddings import SentenceEmbedder, Vectors
from knowledge.errors import BrokenGeneration
from knowledge.fusion import Scores, weighted
from knowledge.index import Generation, Home
from knowledge.types import Chunk, Passage

LIMIT = 6
# Weights of a chunk's best window, its words, and what its questions have in common: each says as much as another.
METHODS = {"fused": (1.0, 1.0, 1.0), "dense": (1.0, 0.0, 0.0), "bm25": (0.0, 1.0, 0.0)}
# A passage that scores below this share of the best one adds more noise than answer.
CUT_OFF = 0.6
# Windows asked from the vector index: enough for every passage that could still win by its keywords.
NEAREST = 400
PER_QUERY = 4
_DUPLICATE = 0.8
# Chunks looked at for duplicates, best first.
_CONSIDERED = 200


@dataclass(frozen=True)
class Retrieval:
    """What was found for some queries, and the generation it came from.

    `passages` answer them together; `by_query` holds for each query its own best ones. `vectors` has a row for
    each query.
    """

    queries: tuple[str, ...]
    passages: tuple[Passage, ...]
    by_query: tuple[tuple[Passage, ...], ...]
    vectors: Vectors
    generation: Generation


class Retriever:
    """Answers from the current generation, and from its successor as soon as that is published.

    `method` is one of METHODS.
    """

    def __init__(self, home: Home, embedder: SentenceEmbedder, method: str = "fused") -> None:
        self.home = home
        self.embedder = embedder
        self.weights = METHODS[method]
        self._generation: Generation | None = None
        self._seen: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def generation(self) -> Generation:
        """The generation to read from now; raises NoIndex, IndexMismatch or BrokenGeneration."""
        seen = _stamp(self.home.pointer)
        if self._generation is None or seen != self._seen:
            with self._lock:
                if self._generation is None or seen != self._seen:
                    self._generation = self._open()
                    self._seen = seen
        return self._generation

    def _open(self) -> Generation:
        """Open the current generation; the one before stays open for the questions that are being answered from
        it, and closes itself when the last of them lets go."""
        folder = self.home.current()
        try:
            manifest = index.read_manifest(folder)
            index.check_files(folder)
            manifest.check(self.embedder.identity)
            return Generation(folder)
        except BrokenGeneration:
            # It may have been replaced twice and removed since its name was read.
            if self.home.current() == folder:
                raise
        return self._open()

    def retrieve(
        self,
        queries: Sequence[str],
        vectors: Vectors | None = None,
        *,
        weights: Sequence[float] | None = None,
        limit: int = LIMIT,
    ) -> Retrieval:
        """The passages that answer the queries best, at most `limit`, best first.

        `vectors` are the queries' embeddings, shape (len(queries), dimension), if they are known already. With
        several queries a chunk counts by its best score times that query's weight (1 unless told).
        """
        generation = self.generation()
        if vectors is None:
            vectors = self.embedder.embed(queries)
        if not queries or not generation.chunks:
            return Retrieval(tuple(queries), (), (), vectors, generation)
        dense = best_windows(generation, vectors)
        lexical = np.stack([generation.lexical.scores(query) for query in queries])
        # A row at a time: a product of matrices rounds by its shape, and a query's score must not depend on others.
        centres = [np.asarray(generation.centres @ vector, dtype=np.float32) for vector in vectors]
        fused = np.stack(
            [
                weighted(list(zip(self.weights, (d, x, c), strict=True)))
                for d, x, c in zip(dense, lexical, centres, strict=True)
            ]
        )
        scale = np.asarray(weights if weights is not None else [1.0] * len(queries), dtype=np.float32)
        together = (fused * scale[:, None]).max(axis=0)
        return Retrieval(
            tuple(queries),
            _best(generation, together, dense.max(axis=0), lexical.max(axis=0), limit),
            tuple(_best(generation, f, d, x, PER_QUERY) for f, d, x in zip(fused, dense, lexical, strict=True)),
            vectors,
            generation,
        )


def _best(generation: Generation, score: Scores, dense: Scores, lexical: Scores, limit: int) -> tuple[Passage, ...]:
    """The best chunks by `score`, near-duplicates and the hopeless dropped."""
    ranked = np.argsort(-score, kind="stable")
    kept = [int(i) for i in ranked[:_CONSIDERED] if score[i] >= CUT_OFF * score[ranked[0]]]
    return tuple(
        Passage(generation.chunks[i], float(score[i]), float(dense[i]), float(lexical[i]))
        for i in _without_duplicates(kept, generation.chunks, limit)
    )


def _stamp(pointer: Path) -> tuple[int, int] | None:
    try:
        status = pointer.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def best_windows(generation: Generation, vectors: Vectors) -> Scores:
    """The cosine of each chunk's best window for each query, shape (queries, chunks).

    Chunks without a window among the nearest get the cosine of the farthest of these, the most they can have.
    """
    place = generation.place
    limit = min(NEAREST, generation.manifest.windows)
    scores = np.empty((len(vectors), len(generation.chunks)), dtype=np.float32)
    for row, found in zip(scores, generation.nearest_windows(vectors, limit=limit), strict=True):
        row[:] = found[-1][1]
        for chunk, cosine in found:
            row[place[chunk]] = max(row[place[chunk]], cosine)
    return scores


def _without_duplicates(ranked: Sequence[int], chunks: Sequence[Chunk], limit: int) -> list[int]:
    """Drop what repeats the words of a better one (Jaccard similarity of their sets above 0.8)."""
    kept: list[tuple[int, frozenset[str]]] = []
    for i in ranked:
        if len(kept) == limit:
            break
        words = _words(chunks[i].text)
        if all(len(words & other) <= _DUPLICATE * len(words | other) for _, other in kept):
            kept.append((i, words))
    return [i for i, _ in kept]


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))
