"""An index whose vectors cost nothing: for tests of what happens to files, where no meaning is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge import index
from knowledge.embeddings import ModelIdentity
from knowledge.index import Home
from knowledge.ingest import Report, ingest
from knowledge.verify import verify


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


def check_in_this_process(patch: pytest.MonkeyPatch) -> None:
    """The same check of a generation without the second that a process costs."""
    patch.setattr(index, "verify_in_child", verify)


def pristine_home(root: Path, word: str = "old") -> Home:
    """`root/home`, which holds the files in `root/files` that say this word; for fixtures of a module."""
    write(root / "files", word)
    with pytest.MonkeyPatch.context() as patch:
        check_in_this_process(patch)
        ingest_hashed(root / "files", root / "home")
    return Home(root / "home")


def two_generations(root: Path, embedder: Any = EMBEDDER) -> Home:
    """`root/home` with the generations "old" and "new" of the files in `root/files`."""
    for word in ("old", "new"):
        write(root / "files", word, parts=2)
        ingest_hashed(root / "files", root / "home", embedder)
    home = Home(root / "home")
    # Made within one second, they have names in no order.
    (other,) = set(home.list()) - {home.current()}
    other.rename(other.with_name("20250101T000000-old"))
    return home
