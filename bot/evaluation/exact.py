"""Every way of finding, computed exactly over chunks in memory: what an index would find, without building one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from knowledge.chunks import windows
from knowledge.embeddings import SentenceEmbedder, Vectors
from knowledge.fusion import Scores, weighted
from knowledge.lexical import LexicalIndex
from knowledge.types import Chunk, Window


class ExactRanking:
    """Ranks chunks by their best window, their words and their centre, as the retriever does.

    `nearest` is how many windows an index would be asked for: what lies farther counts as the farthest of these.
    """

    def __init__(
        self,
        pieces: Sequence[Chunk],
        covers: Sequence[Window],
        embedder: SentenceEmbedder,
        words: Sequence[str],
        *,
        nearest: int | None = None,
    ) -> None:
        self.pieces = pieces
        self._nearest = nearest
        place = {chunk.id: i for i, chunk in enumerate(pieces)}
        self._owner = np.array([place[window.chunk] for window in covers])
        self._vectors = embedder.embed([window.text for window in covers])
        self._centres = np.zeros((len(pieces), self._vectors.shape[1]), dtype=np.float32)
        np.add.at(self._centres, self._owner, self._vectors)
        self._centres /= np.maximum(np.linalg.norm(self._centres, axis=1, keepdims=True), 1e-6)
        self._lexical = LexicalIndex.build(words)

    def scores(self, query: str, vector: Vectors, methods: Mapping[str, Sequence[float]]) -> dict[str, Scores]:
        """Method → the score of each chunk, by the weights of best window, words and centre."""
        near = self._vectors @ vector
        best = np.full(len(self.pieces), -1, dtype=np.float32)
        np.maximum.at(best, self._owner, near)
        if self._nearest is not None:
            best = np.maximum(best, np.sort(near)[-min(self._nearest, len(near))])
        parts = (best, self._lexical.scores(query), self._centres @ vector)
        return {name: weighted(list(zip(weights, parts, strict=True))) for name, weights in methods.items()}


def covers_of(pieces: Sequence[Chunk], titles: Mapping[str, str]) -> list[Window]:
    """The windows of chunks, as the index has them."""
    return [window for chunk in pieces for window in windows(chunk, titles[chunk.doc])]
