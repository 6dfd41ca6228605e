"""A vector index is carried over to the next generation with what differs, and finds what a whole one finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from knowledge import index
from knowledge.errors import BrokenGeneration
from knowledge.index import Generation, Home, read_manifest
from knowledge.ingest import ingest
from knowledge.store import Store
from knowledge.sums import write_sums
from knowledge.verify import verify
from tests.quick_embedder import DIMENSION, QuickEmbedder

FILES = 40
EMBEDDER = QuickEmbedder()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for n in range(FILES):
        write(folder, n, "as it was")
    return folder


@pytest.fixture
def home(tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(index, "verify_in_child", verify)
    made = Home(tmp_path / "home")
    bring_in_line(files, made)
    return made


def write(folder: Path, n: int, what: str) -> None:
    parts = [f"# Part {part} of number {n}\n\nIt tells of {n} and {part} {what}.\n" for part in range(3)]
    (folder / f"{n}.md").write_text("\n".join(parts), encoding="utf-8")


def bring_in_line(files: Path, home: Home) -> Path:
    ingest([files], home, EMBEDDER, corpus=None)
    return home.current()


def vector_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "chroma").glob("*/*.bin")}


def found_by_all(folder: Path, embedder: QuickEmbedder = EMBEDDER) -> list[list[str]]:
    """For some directions the nearest chunks."""
    generation = Generation(folder)
    try:
        rows = generation.nearest_windows(embedder.embed([f"direction {n}" for n in range(20)]), limit=10)
        return [[chunk for chunk, _ in row] for row in rows]
    finally:
        generation.close()


def exactly(folder: Path) -> list[list[str]]:
    """The same by comparing with every vector of the store."""
    with Store(folder / "store.sqlite", read_only=True) as store:
        ids, vectors = zip(*store.windows(), strict=True)
    cosines = EMBEDDER.embed([f"direction {n}" for n in range(20)]) @ np.concatenate(vectors).T
    names = [name.rsplit("@", 1)[0] for batch in ids for name in batch]
    return [[names[i] for i in np.argsort(-row)[:10]] for row in cosines]


def test_of_one_changed_file_only_its_own_vectors_are_moved(files: Path, home: Home) -> None:
    before = home.current()
    write(files, 7, "as it is now")
    after = bring_in_line(files, home)
    made = read_manifest(after)
    assert after != before
    assert 0 < made.moved < made.windows / 10
    assert vector_files(after) == vector_files(before) != {}
    assert found_by_all(after) == exactly(after)


def test_files_that_come_and_go_are_carried_too(files: Path, home: Home) -> None:
    write(files, FILES, "and is new")
    (files / "3.md").unlink()
    after = bring_in_line(files, home)
    assert read_manifest(after).moved > 0
    generation = Generation(after)
    documents = {chunk.doc for chunk in generation.chunks}
    generation.close()
    assert (str(FILES) in documents, "3" in documents) == (True, False)
    assert found_by_all(after) == exactly(after)


def test_what_is_read_leaves_a_carried_index_as_it_is(files: Path, home: Home) -> None:
    write(files, 7, "as it is now")
    after = bring_in_line(files, home)
    before = {path: path.read_bytes() for path in after.rglob("*") if path.is_file()}
    found_by_all(after)
    assert {path: path.read_bytes() for path in after.rglob("*") if path.is_file()} == before


def test_changes_add_up_until_the_index_is_built_whole(files: Path, home: Home) -> None:
    moved = []
    for n in range(5):
        write(files, n, "as it is now")
        moved.append(read_manifest(bring_in_line(files, home)).moved)
    whole = moved.index(0)
    assert moved[:whole] == sorted(set(moved[:whole]))
    assert whole > 0
    assert found_by_all(home.current()) == exactly(home.current())


def test_of_a_damaged_index_nothing_is_carried(files: Path, home: Home) -> None:
    for path in (home.current() / "chroma").glob("*/data_level0.bin"):
        path.write_bytes(b"\0" * path.stat().st_size)
    write(files, 7, "as it is now")
    after = bring_in_line(files, home)
    assert read_manifest(after).moved == 0
    assert found_by_all(after) == exactly(after)


def test_of_an_index_of_another_format_nothing_is_carried(files: Path, home: Home) -> None:
    folder = home.current()
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"format": 4', '"format": 3'), encoding="utf-8")
    write_sums(folder)
    write(files, 7, "as it is now")
    after = bring_in_line(files, home)
    assert (read_manifest(after).format, read_manifest(after).moved) == (4, 0)
    assert found_by_all(after) == exactly(after)


def test_the_check_looks_for_all_that_is_new(files: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    before = home.current()

    def wrong(_: Store, windows: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return np.eye(DIMENSION, dtype=np.float32)[: len(windows)]

    monkeypatch.setattr(Store, "vectors_of", wrong)
    write(files, 7, "as it is now")
    with pytest.raises(BrokenGeneration, match="does not find itself"):
        bring_in_line(files, home)
    assert home.current() == before


def test_an_index_of_an_earlier_version_says_nothing_of_it_and_is_read(files: Path, home: Home) -> None:
    manifest = home.current() / "manifest.json"
    told = manifest.read_text(encoding="utf-8")
    manifest.write_text(told.replace(',\n "moved": 0', ""), encoding="utf-8")
    assert "moved" not in manifest.read_text(encoding="utf-8")
    assert read_manifest(home.current()).moved == 0
