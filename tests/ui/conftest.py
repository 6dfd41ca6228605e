"""Shared by the tests of the command line."""

from __future__ import annotations

import pytest

from bot import assemble
from knowledge.embeddings import SentenceEmbedder


@pytest.fixture
def loaded_model(monkeypatch: pytest.MonkeyPatch, embedder: SentenceEmbedder) -> None:
    """Commands that run in this process share the session's embedding model instead of loading one each."""
    monkeypatch.setattr(assemble, "embedder", lambda _: embedder)
