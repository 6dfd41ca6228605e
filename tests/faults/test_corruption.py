"""Each file of a generation cut off, changed, zeroed and taken away: found before it is opened, and mended."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from knowledge.check import examine_index
from knowledge.errors import BrokenGeneration, NoIndex
from knowledge.index import Home
from knowledge.retriever import Retriever
from knowledge.sums import damaged_files
from knowledge.verify import verify
from tests.faults.hashed import EMBEDDER, Digests, check_in_this_process, ingest_hashed, pristine_home

# Chroma's folder has a name of its own in each generation, hence the star.
FILES = [
    *("SHA256SUMS", "manifest.json", "files.json", "store.sqlite", "centres.npy", "chroma/chroma.sqlite3"),
    *(f"chroma/*-*/{name}" for name in ("data_level0.bin", "header.bin", "length.bin", "link_lists.bin")),
    "chroma/*-*/index_metadata.pickle",
    *(f"bm25/{name}.index.npy" for name in ("data.csc", "indices.csc", "indptr.csc")),
    *(f"bm25/{name}.index.json" for name in ("params", "vocab")),
]


@pytest.fixture(autouse=True)
def _check_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same check without the second that a process costs."""
    check_in_this_process(monkeypatch)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `files` and a `home` that holds them; copy the home."""
    root = tmp_path_factory.mktemp("pristine")
    pristine_home(root)
    return root


@pytest.fixture
def home(pristine: Path, tmp_path: Path) -> Home:
    """A copy of it to be damaged."""
    shutil.copytree(pristine / "home", tmp_path / "home")
    return Home(tmp_path / "home")


def damage(path: Path, how: str) -> None:
    """Cut a file in half, change a bit in its middle, zero it, or take it away."""
    data = path.read_bytes()
    middle = len(data) // 2
    path.unlink()
    if how == "truncated":
        path.write_bytes(data[:middle])
    elif how == "flipped":
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    elif how == "zeroed":
        path.write_bytes(bytes(len(data)))


def held(home: Home) -> set[str]:
    """The texts of the index that is opened next, verified."""
    generation = Retriever(home, EMBEDDER).generation()
    verify(generation.folder)
    generation.close()
    return {chunk.text for chunk in generation.chunks}


def test_every_file_of_a_generation_is_tried(home: Home) -> None:
    tried = [path for pattern in FILES for path in home.current().glob(pattern)]
    assert sorted(tried) == sorted(path for path in home.current().rglob("*") if path.is_file())


@pytest.mark.parametrize("how", ["truncated", "flipped", "zeroed", "gone"])
@pytest.mark.parametrize("pattern", FILES, ids=lambda pattern: Path(pattern).name)
def test_damage_is_found_unopened_named_and_mended(home: Home, pristine: Path, pattern: str, how: str) -> None:
    folder = home.current()
    (path,) = folder.glob(pattern)
    name = path.relative_to(folder).as_posix()
    damage(path, how)
    assert name in damaged_files(folder)
    # Were it opened, a damaged file of Chroma's would end this very process.
    with pytest.raises(BrokenGeneration, match=r"Mend it with: consultant ingest$"):
        Retriever(home, EMBEDDER).generation()
    (found,) = examine_index(home, EMBEDDER.identity)
    assert not found.ok
    assert name in found.message
    assert found.message.endswith("consultant ingest")
    mender: Any = Digests()
    report = ingest_hashed(pristine / "files", home.path, mender)
    assert not report.failed
    # Only the store holds vectors; all else is made from it.
    assert (mender.embedded > 0) == (name == "store.sqlite")
    assert held(home) == held(Home(pristine / "home"))
    assert [f.ok for f in examine_index(home, EMBEDDER.identity)] == [True]


def test_damage_to_several_files_is_named_together(home: Home) -> None:
    for name in ("centres.npy", "files.json"):
        (home.current() / name).unlink()
    (found,) = examine_index(home, EMBEDDER.identity)
    assert "(centres.npy, files.json)" in found.message


@pytest.mark.parametrize("how", ["truncated", "flipped", "zeroed", "gone"])
def test_a_damaged_pointer_loses_nothing(home: Home, pristine: Path, how: str) -> None:
    damage(home.pointer, how)
    with pytest.raises(BrokenGeneration, match=r"Mend it with: consultant ingest$"):
        home.current()
    mender: Any = Digests()
    ingest_hashed(pristine / "files", home.path, mender)
    assert mender.embedded == 0
    assert held(home) == held(Home(pristine / "home"))


@pytest.mark.parametrize("how", ["truncated", "flipped", "zeroed", "gone"])
def test_files_that_were_ingested_once_are_read_again_when_the_store_is_damaged(
    home: Home, pristine: Path, tmp_path: Path, how: str
) -> None:
    """Nobody names them again: their paths are remembered beside the store."""
    damage(home.current() / "store.sqlite", how)
    (tmp_path / "more").mkdir()
    ingest_hashed(tmp_path / "more", home.path)
    assert held(home) == held(Home(pristine / "home"))


def test_a_file_that_is_gone_with_a_damaged_store_is_told(home: Home, pristine: Path, tmp_path: Path) -> None:
    gone = tmp_path / "files"
    shutil.copytree(pristine / "files", gone)
    ingest_hashed(gone, tmp_path / "other")
    damage(Home(tmp_path / "other").current() / "store.sqlite", "truncated")
    (gone / "apples.md").unlink()
    (tmp_path / "more").mkdir()
    report = ingest_hashed(tmp_path / "more", tmp_path / "other")
    assert [(Path(f.path).name, f.reason.split(",")[0]) for f in report.failed] == [("apples.md", "it is gone")]


def test_without_any_generation_there_is_no_index_to_mend(tmp_path: Path) -> None:
    (tmp_path / "CURRENT").write_text("nowhere\n")
    with pytest.raises(NoIndex, match="Build one with: consultant ingest"):
        Home(tmp_path).current()
