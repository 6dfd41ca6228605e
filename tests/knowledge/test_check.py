"""The doctor tells a healthy index from a broken one, and what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from knowledge.check import Finding, examine
from knowledge.embeddings import DEFAULT_MODEL, SentenceEmbedder
from knowledge.index import Home
from knowledge.ingest import ingest
from knowledge.sums import write_sums


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, embedder: SentenceEmbedder) -> Path:
    """A home with one document; read it, do not write to it."""
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "bananas.md").write_text("# Bananas\n\nBananas are yellow.\n\n# Apples\n\nApples are red.\n")
    ingest([folder / "bananas.md"], Home(folder / "home"), embedder, corpus=None)
    return folder / "home"


@pytest.fixture
def home(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it to be damaged."""
    shutil.copytree(pristine, tmp_path / "home")
    return tmp_path / "home"


def index_finding(home: Path) -> Finding:
    """What the doctor says of the index, after a healthy model."""
    model, index = examine(home, DEFAULT_MODEL)
    assert (model.subject, model.ok, index.subject) == ("model", True, "index")
    return index


def test_a_healthy_index_is_told_with_its_counts(home: Path, embedder: SentenceEmbedder) -> None:
    model, index = examine(home, DEFAULT_MODEL)
    assert (model.ok, index.ok) == (True, True)
    assert embedder.identity.digest[:12] in model.message
    assert "1 documents, 2 chunks, 3 windows, all found" in index.message


def test_without_an_index_the_command_is_named(tmp_path: Path) -> None:
    found = index_finding(tmp_path / "nowhere")
    assert not found.ok
    assert found.message.endswith("Build one with: consultant ingest")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("values", "what"),
    [({"model_digest": "0123"}, "model digest"), ({"chunker": "lines"}, "chunker"), ({"format": 0}, "format")],
    ids=["model", "chunker", "format"],
)
def test_an_index_made_otherwise_is_told_with_what_differs(home: Path, values: dict[str, object], what: str) -> None:
    file = Home(home).current() / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
    write_sums(file.parent)
    found = index_finding(home)
    assert not found.ok
    assert what in found.message
    assert "consultant ingest" in found.message


@pytest.mark.parametrize("part", ["store.sqlite", "chroma/chroma.sqlite3", "bm25/params.index.json", "manifest.json"])
def test_a_damaged_index_is_told_with_the_command(home: Path, part: str) -> None:
    (Home(home).current() / part).write_bytes(b"garbage " * 1000)
    found = index_finding(home)
    assert not found.ok
    assert "consultant ingest" in found.message


def test_the_doctor_does_not_end_with_a_check_that_dies(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\nkill -SEGV $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(dying))
    assert "ended with code -11" in index_finding(home).message


def test_a_folder_without_weights_is_told_and_the_index_not_looked_at(home: Path, tmp_path: Path) -> None:
    (found,) = examine(home, str(tmp_path))
    assert (found.subject, found.ok) == ("model", False)
    assert "CONSULTANT_EMBEDDINGS" in found.message


@pytest.mark.parametrize("name", ["no/such-model", "/no/such/folder"], ids=["name", "folder"])
def test_a_model_that_cannot_be_loaded_is_not_called_well(home: Path, name: str) -> None:
    found = examine(home, name)[0]
    assert (found.subject, found.ok) == ("model", False)
    assert "CONSULTANT_EMBEDDINGS" in found.message


def test_a_data_directory_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    assert not index_finding(tmp_path / "taken").ok
