"""What tells messages on our subject from others ships for the default model and is silent for any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knowledge.embeddings import ModelIdentity, SentenceEmbedder
from knowledge.subject import read_subject, ship, train

# In words of both worlds, and nothing that it learnt from.
ON = [
    "Does the order of the examples in my prompt matter?",
    "Two runs of the same request disagree. Which one do I believe?",
    "Our helper invents prices. Would showing it the price list help?",
]
OFF = [
    "Which train goes to Basel on Sunday?",
    "My model railway loses power on the bridge. Why?",
    "How do I prompt my children to tidy their rooms?",
]


def test_messages_on_the_subject_lie_nearer_than_others(embedder: SentenceEmbedder) -> None:
    subject = read_subject(embedder.identity)
    on, off = ([subject.distance(v) for v in embedder.embed(texts)] for texts in (ON, OFF))
    assert max(on) < min(off)


def test_of_another_model_s_vectors_nothing_is_known() -> None:
    subject = read_subject(ModelIdentity("another", "0" * 64))
    assert subject.distance(np.ones(8, dtype=np.float32)) == subject.distance(-np.ones(8, dtype=np.float32)) == -6


def test_what_was_fitted_is_kept(tmp_path: Path, embedder: SentenceEmbedder) -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 1.0]] * 4, dtype=np.float32)
    fitted = train(vectors, np.array([True, False] * 4))
    ship(fitted, embedder, tmp_path / "subject.npz")
    kept = read_subject(embedder.identity, tmp_path / "subject.npz")
    assert fitted.distance(vectors[0]) > 0 > fitted.distance(vectors[1])
    assert kept.distance(vectors[0]) == pytest.approx(fitted.distance(vectors[0]), abs=1e-2)
    assert abs(fitted.distance(vectors[0] * 1000)) == 6
