"""An index whose vectors cost nothing: for tests of what happens to files, where no meaning is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.embeddings import ModelIdentity
from knowledge.index import Home
from knowledge.ingest import Report, ingest


class Digests:
    """Vectors by chance but the same for the same text; counts the texts."""

    dimension = 16

    def __init__(self, identity: ModelIdentity | None = None) -> None:
        self.identity = identity or ModelIdentity("digests", "digests")
        self.embedded = 0

    def embed(self, texts: Sequence[str], **_: Any) -> np.ndarray[Any, Any]:
        self.embedded += len(texts)
        rows = [np.frombuffer(hashlib.sha512(text.encode()).digest(), dtype=np.int32)[:16] for text in texts]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), 16)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


EMBEDDER: Any = Digests()


def write(folder: Path, word: str, parts: int = 20) -> None:
    """Three files in which every sentence holds this word."""
    folder.mkdir(exist_ok=True)
    for name in ("apples", "bananas", "cherries"):
        said = [f"# {name} part {n}\n\nPart {n} of {name} is {word}. [@x] It stays {word}.\n" for n in range(parts)]
        (folder / f"{name}.md").write_text("\n".join(said))


def ingest_hashed(files: Path, home: Path, embedder: Any = EMBEDDER) -> Report:
    """Ingest a folder without the corpus."""
    return ingest([files], Home(home), embedder, corpus=None)
