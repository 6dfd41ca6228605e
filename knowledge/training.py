"""What the recogniser learns from, and the recogniser as it was trained once, kept in the repository.

Training takes minutes on a slow machine, so `recogniser.npz` holds what it comes to for the signals, the labelled
messages and the embedding model that ship together; with any other of these it is trained when the index is built.
`python -m benchmarks.fitting` writes the file.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge import recogniser
from knowledge.embeddings import SentenceEmbedder, Vectors
from knowledge.recogniser import Trained
from knowledge.signals import Range, SignalBook

SHIPPED = Path(__file__).parent / "recogniser.npz"
# Weights that are shipped as 0, which makes the file a third as large.
FAINT = 0.02


class Progress(Protocol):
    """What a progress bar must offer; tqdm's does."""

    def update(self, n: int) -> object:
        """Move on by n."""


# From how much there is to do and what is done.
ProgressBar = Callable[[int, str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Lessons:
    """Texts and what they mean: the signals' examples, then the clauses of the labelled messages in order.

    `labels` has the shape (texts, signals).
    """

    signals: tuple[str, ...]
    slots: tuple[str, ...]
    ranges: tuple[Range | None, ...]
    texts: tuple[str, ...]
    labels: NDArray[np.bool_]

    def digest(self, embedder: SentenceEmbedder) -> str:
        """SHA-256 of all that the training's outcome depends on."""
        programs = (Path(__file__).with_name(f"{name}.py").read_bytes() for name in ("recogniser", "amounts"))
        parts = [
            repr((self.signals, self.slots, self.ranges, self.texts)).encode(),
            np.packbits(self.labels).tobytes(),
        ]
        return hashlib.sha256(
            b"".join([*parts, *programs, embedder.for_signals.identity.digest.encode()])
        ).hexdigest()


def lessons(book: SignalBook) -> Lessons:
    """What the book teaches."""
    signals = list(book.signals.values())
    own = np.array([[signal is other for other in signals] for signal in signals for _ in signal.examples])
    return Lessons(
        tuple(book.signals),
        tuple(signal.slot for signal in signals),
        tuple(signal.range for signal in signals),
        (
            *(text for signal in signals for text in signal.examples),
            *(clause.text for message in book.messages for clause in message.clauses()),
        ),
        np.concatenate([own, *(message.labels(tuple(book.signals)) for message in book.messages)]),
    )


def read(book: SignalBook, reader: SentenceEmbedder, progress: ProgressBar | None = None) -> Vectors:
    """The vectors of the lessons' texts: of examples alone, of clauses in the context of their message."""
    examples = [text for signal in book.signals.values() for text in signal.examples]
    texts = [message.text for message in book.messages]
    parts = [[(clause.start, clause.end) for clause in message.clauses()] for message in book.messages]
    with progress(len(texts), "Reading messages") if progress else nullcontext() as bar:
        in_context = reader.embed_all_with_parts(texts, parts, on_progress=bar.update if bar else None)
    return np.concatenate([reader.embed(examples), *(vectors[1:] for vectors in in_context)])


def trained(
    book: SignalBook, embedder: SentenceEmbedder, progress: ProgressBar | None = None, *, shipped: Path = SHIPPED
) -> Trained:
    """The recogniser of the book: the shipped one where it was trained on just this, else trained now."""
    known = lessons(book)
    if kept := _shipped(known, embedder, shipped):
        return kept
    vectors = read(book, embedder.for_signals, progress)
    with progress(1, "Learning to recognise") if progress else nullcontext() as bar:
        made = recogniser.train(known.signals, known.slots, known.ranges, known.texts, vectors, known.labels)
        if bar:
            bar.update(1)
    return made


def ship(made: Trained, known: Lessons, embedder: SentenceEmbedder, path: Path = SHIPPED) -> None:
    """Write the file; what is rounded away changes a probability by less than two thousandths."""
    weights = np.where(np.abs(made.weights) < FAINT, 0, made.weights).astype(np.float16)
    np.savez_compressed(path, digest=np.array(known.digest(embedder)), weights=weights, biases=made.biases)


def _shipped(known: Lessons, embedder: SentenceEmbedder, path: Path) -> Trained | None:
    try:
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["digest"]) == known.digest(embedder):
                weights, biases = kept["weights"].astype(np.float32), kept["biases"]
                return Trained(known.signals, known.slots, known.ranges, known.texts, weights, biases)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        pass
    return None
