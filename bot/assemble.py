"""The one place where concretes are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.capability import Capability, examine, keep, remembered
from bot.consultant import Consultant, Writer
from bot.models import chat_model, parse
from bot.rewriting import Rewriter
from bot.settings import Settings
from bot.writers.model import FULL, MEASURED_BRIEF, ModelWriter, load_family, own_prompts
from bot.writers.quoting import QuotingWriter
from knowledge.embeddings import SentenceEmbedder
from knowledge.index import Home
from knowledge.retriever import Retriever
from knowledge.signals import read_signals

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


def embedder(settings: Settings) -> SentenceEmbedder:
    """The embedding model that the settings name; loaded at its first use."""
    return SentenceEmbedder(settings.embeddings)


def retriever(settings: Settings) -> Retriever:
    """A retriever over the settings' data directory."""
    return Retriever(Home(settings.home), embedder(settings), settings.retriever)


def consultant(settings: Settings) -> Consultant:
    """A consultant as the settings describe it; raises ModelUnavailable when its language model cannot be used."""
    writes = writer(settings)
    rewrite = Rewriter(writes.model) if settings.rewrite and isinstance(writes, ModelWriter) else None
    return Consultant(retriever(settings), writes, read_signals(), rewrite)


def writer(settings: Settings) -> Writer:
    """The quoting writer, or one with the language model that the settings name."""
    name = parse(settings.model, settings.home)
    if name.provider == "quoting":
        return QuotingWriter()
    model = chat_model(name, api_key=settings.api_key.get_secret_value())

    def can() -> Capability:
        return capability(settings, model)

    def prompts() -> str:
        return FULL if can().full else MEASURED_BRIEF

    def structured() -> bool:
        # A small model that is held to a schema writes what fits it, true or not.
        return can().full and can().structured

    own = own_prompts(settings.prompts) if settings.prompts else {}
    if settings.prompt == "auto":
        return ModelWriter(model, settings.model, name.shown, prompts, settings.model_timeout, structured, own=own)
    load_family(settings.prompt, own)
    return ModelWriter(model, settings.model, name.shown, settings.prompt, settings.model_timeout, own=own)


def capability(settings: Settings, model: BaseChatModel, *, anew: bool = False) -> Capability:
    """What the model that the settings name can, tested when it is not known yet; raises ModelFault."""
    if anew:
        keep(settings.home, settings.model, found := examine(model, timeout=settings.model_timeout))
        return found
    return remembered(settings.home, settings.model, lambda: examine(model, timeout=settings.model_timeout))
