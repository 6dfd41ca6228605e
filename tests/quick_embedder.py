"""Vectors that mean nothing and cost nothing, for tests whose subject is something else than what is found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from knowledge.embeddings import ModelIdentity, SentenceEmbedder, Vectors

DIMENSION = 32


class QuickEmbedder(SentenceEmbedder):
    """The same text always has the same vector, and no model is loaded."""

    def __init__(self, *_: object) -> None:
        super().__init__("quick")

    @property
    def identity(self) -> ModelIdentity:
        """That of no model."""
        return ModelIdentity("quick", "0")

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return DIMENSION

    def embed(self, texts: Sequence[str], *, on_progress: Callable[[int], object] | None = None) -> Vectors:
        """A random direction for each text, drawn by its hash."""
        rows = [self._vector(text) for text in texts]
        if on_progress:
            on_progress(len(rows))
        return np.array(rows, dtype=np.float32).reshape(len(rows), DIMENSION)

    def embed_with_parts(self, text: str, parts: Sequence[tuple[int, int]]) -> Vectors:
        """The text and its parts, each by itself."""
        return self.embed([text, *(text[a:b] for a, b in parts)])

    def _vector(self, text: str) -> Vectors:
        seed = int.from_bytes(hashlib.sha256(text.encode(errors="replace")).digest()[:8], "big")
        drawn = np.random.default_rng(seed).standard_normal(DIMENSION)
        return (drawn / np.linalg.norm(drawn)).astype(np.float32)
