"""The one place where concretes are chosen."""

from __future__ import annotations

from bot.consultant import Consultant
from bot.settings import Settings
from bot.writers.quoting import QuotingWriter
from knowledge.embeddings import SentenceEmbedder
from knowledge.index import Home
from knowledge.retriever import Retriever
from knowledge.signals import read_signals


def embedder(settings: Settings) -> SentenceEmbedder:
    """The embedding model that the settings name; loaded at its first use."""
    return SentenceEmbedder(settings.embeddings)


def retriever(settings: Settings) -> Retriever:
    """A retriever over the settings' data directory."""
    return Retriever(Home(settings.home), embedder(settings))


def consultant(settings: Settings) -> Consultant:
    """A consultant as the settings describe it."""
    return Consultant(retriever(settings), QuotingWriter(), read_signals())
