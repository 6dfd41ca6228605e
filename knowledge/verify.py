"""`python -m knowledge.verify FOLDER`: open a generation as a reader would and find everything in it.

Exit 0 when whole; else one line on stderr and exit 1. Run as a child process (see index.py).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from knowledge.embeddings import Vectors
from knowledge.errors import BrokenGeneration, KnowledgeError
from knowledge.index import Generation

# Cosine distances of one vector to itself differ from 0 by rounding; two texts this close are the same text.
_SAME = 1e-4
_SAMPLE = 1000
# HNSW is approximate: in a large graph some points lie where no search comes by (Malkov & Yashunin, 2018). So many of
# all may be lost, which is none of a small index.
_LOST = 0.0005
_LONG = 100


def verify(folder: Path) -> None:
    """Raise BrokenGeneration unless all counts agree and the windows are found by their own vectors."""
    generation = Generation(folder)
    try:
        manifest, counts = generation.manifest, generation.store.counts()
        if counts != {name: getattr(manifest, name) for name in counts}:
            raise BrokenGeneration(f"the store holds {counts}, the manifest says otherwise")
        if generation.windows.count() != counts["windows"]:
            raise BrokenGeneration(f"{generation.windows.count()} of {counts['windows']} vectors are there")
        if generation.lexical.size != counts["chunks"]:
            raise BrokenGeneration("the keyword index has another size")
        if generation.centres.shape != (counts["chunks"], manifest.dimension):
            raise BrokenGeneration("the centres of the chunks have another size")
        asked, lost = 0, []
        for ids, vectors in _to_find(generation):
            asked += len(ids)
            for window, vector, found in zip(ids, vectors, generation.nearest_windows(vectors, limit=2), strict=True):
                # A longer look goes further through the graph.
                if not _finds(window, found) and not _finds(
                    window, generation.nearest_windows(vector[None], limit=_LONG)[0]
                ):
                    lost.append(window)
        if len(lost) > _LOST * asked:
            raise BrokenGeneration(f"{lost[0]} does not find itself, one of {len(lost)} of {asked}")
    finally:
        generation.close()


def _finds(window: str, found: Sequence[tuple[str, float]]) -> bool:
    chunk = window.rsplit("@", 1)[0]
    same = [name for name, cosine in found if 1 - cosine <= _SAME]
    # Texts may stand twice; with more than one other of the very same vector, its own may not be shown.
    return bool(same) and (chunk in same or len(same) >= 2)


def _to_find(generation: Generation) -> Iterator[tuple[list[str], Vectors]]:
    """All windows with their vectors; of an index that was carried over the new ones and a sample of the others,
    which have been found before."""
    moved, total = generation.manifest.moved, generation.manifest.windows
    every, new, at = (max(1, total // _SAMPLE), total - moved, 0) if moved else (1, 0, 0)
    for ids, vectors in generation.store.windows():
        chosen = [i for i in range(len(ids)) if at + i >= new or (at + i) % every == 0]
        if chosen:
            yield [ids[i] for i in chosen], vectors[chosen]
        at += len(ids)


def _end_with_parent() -> None:
    """Wait for the end of the input, which is the end of the parent, and end too."""
    sys.stdin.read()
    os._exit(1)


def main() -> int:
    """Verify the folder named on the command line."""
    if not sys.stdin.isatty():
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        verify(Path(sys.argv[1]))
    except KnowledgeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
