"""What the questions that a chunk answers have in common, as one vector each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from knowledge.chunks import ASKED_WINDOW, HEADING_WINDOW
from knowledge.store import Store


def centres_of(store: Store, dimension: int) -> NDArray[np.float32]:
    """For each chunk the unit vector amid its heading and the other questions it answers, shape (chunks, dimension).

    A question worded otherwise than each of them is often nearer to what they have in common (Snell, Swersky &
    Zemel, 2017, "Prototypical Networks for Few-shot Learning"). Without such questions it lies amid all windows.
    """
    place = {chunk.id: i for i, chunk in enumerate(store.chunks())}
    asked, read = (np.zeros((len(place), dimension), dtype=np.float32) for _ in range(2))
    has_asked = np.zeros(len(place), dtype=bool)
    for ids, vectors in store.windows():
        for window, vector in zip(ids, vectors, strict=True):
            i = place[window.rsplit("@", 1)[0]]
            is_asked = ASKED_WINDOW in window
            has_asked[i] |= is_asked
            read[i] += vector
            if is_asked or window.endswith(HEADING_WINDOW):
                asked[i] += vector
    sums = np.where(has_asked[:, None], asked, read)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6), dtype=np.float32)
