"""`python -m knowledge.verify FOLDER`: open a generation as a reader would and find everything in it.

Exit 0 when whole; else one line on stderr and exit 1. Run as a child process (see index.py).
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from knowledge.errors import BrokenGeneration, KnowledgeError
from knowledge.index import Generation

# Cosine distances of one vector to itself differ from 0 by rounding; two texts this close are the same text.
_SAME = 1e-4


def verify(folder: Path) -> None:
    """Raise BrokenGeneration unless all counts agree and every window is found by its own vector."""
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
        for ids, vectors in generation.store.windows():
            for window, found in zip(ids, generation.nearest_windows(vectors, limit=2), strict=True):
                chunk = window.rsplit("@", 1)[0]
                same = [name for name, cosine in found if 1 - cosine <= _SAME]
                # Texts may stand twice; with more than one other of the very same vector, its own may not be shown.
                if not same or (chunk not in same and len(same) < 2):
                    raise BrokenGeneration(f"{window} does not find itself")
    finally:
        generation.close()


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
