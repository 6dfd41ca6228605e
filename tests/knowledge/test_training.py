"""The recogniser as it ships: fresh, the same as one trained now, and never used for other signals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knowledge.embeddings import SentenceEmbedder
from knowledge.recogniser import Recogniser
from knowledge.signals import SignalBook, read_signals
from knowledge.training import SHIPPED, lessons, ship, trained


@pytest.fixture(scope="module")
def small() -> SignalBook:
    """Three signals and no messages: trained in a moment."""
    book = read_signals()
    few = dict(list(book.signals.items())[:3])
    return replace(book, signals=few, messages=())


def test_the_shipped_recogniser_is_that_of_the_shipped_signals(embedder: SentenceEmbedder) -> None:
    known = lessons(read_signals())
    with np.load(SHIPPED) as kept:
        assert str(kept["digest"]) == known.digest(embedder), "run: python -m benchmarks.fitting"
        assert kept["weights"].shape[0] == len(known.signals) + len(set(known.slots))


def test_what_was_shipped_scores_as_what_was_trained(
    small: SignalBook, embedder: SentenceEmbedder, tmp_path: Path
) -> None:
    made = trained(small, embedder, shipped=tmp_path / "none.npz")
    ship(made, lessons(small), embedder, tmp_path / "kept.npz")
    kept = trained(small, embedder, shipped=tmp_path / "kept.npz")
    texts = list(made.texts)
    vectors = embedder.embed(texts)
    before, after = (Recogniser(t).scores(texts, vectors) for t in (made, kept))
    assert np.abs(before - after).max() < 0.002
    assert (before.argmax(axis=1) == [i for i, s in enumerate(small.signals.values()) for _ in s.examples]).all()


def test_other_signals_are_learnt_anew(small: SignalBook, embedder: SentenceEmbedder, tmp_path: Path) -> None:
    ship(trained(small, embedder), lessons(small), embedder, tmp_path / "kept.npz")
    first = next(iter(small.signals.values()))
    other = replace(small, signals={**small.signals, first.id: replace(first, examples=(*first.examples, "New."))})
    assert "New." in trained(other, embedder, shipped=tmp_path / "kept.npz").texts


@pytest.mark.parametrize("content", [b"", b"no archive", None], ids=["empty", "not an archive", "missing"])
def test_a_file_that_cannot_be_read_is_trained_instead(
    small: SignalBook, embedder: SentenceEmbedder, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "kept.npz"
    if content is not None:
        path.write_bytes(content)
    assert trained(small, embedder, shipped=path).signals == tuple(small.signals)


def test_a_slot_is_surer_in_new_words_than_its_signals_alone(embedder: SentenceEmbedder) -> None:
    book = read_signals()
    made = trained(book, embedder)
    said = ["We want an assistant that answers questions about our 300 pages of manuals for the field technicians"]
    tasks = [name for name, slot in zip(made.signals, made.slots, strict=True) if slot == "task"]
    columns = [made.signals.index(name) for name in tasks]
    scores = Recogniser(made).scores(said, embedder.embed(said))[0, columns]
    assert tasks[scores.argmax()] == "task-doc-questions"
    assert scores.max() > 0.5
    assert scores.sum() <= 1.5
