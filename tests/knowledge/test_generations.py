"""Going back to an earlier generation, removing the old ones, and what an earlier version left."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from knowledge.embeddings import ModelIdentity
from knowledge.errors import BrokenGeneration, IndexMismatch, NoIndex
from knowledge.index import FORMAT, Home, summaries
from knowledge.retriever import Retriever
from knowledge.sums import SUMS, damaged_files
from tests.faults.hashed import EMBEDDER, check_in_this_process, ingest_hashed, two_generations

IDENTITY = EMBEDDER.identity


@pytest.fixture(autouse=True)
def _check_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same check without the second that a process costs."""
    check_in_this_process(monkeypatch)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with the generations "old" and "new" of three files."""
    return two_generations(tmp_path)


def served(retriever: Retriever) -> str:
    """The word that stands in all chunks."""
    (word,) = {chunk.text.rsplit(" ", 1)[1].strip(".") for chunk in retriever.generation().chunks}
    return word


def test_rolling_back_serves_the_one_before_at_once(home: Home) -> None:
    retriever = Retriever(home, EMBEDDER)
    assert served(retriever) == "new"
    assert home.roll_back(IDENTITY).name == "20250101T000000-old"
    assert served(retriever) == "old"
    assert len(home.list()) == 2
    retriever.generation().close()


def test_one_may_go_forward_again_by_name(home: Home) -> None:
    new = home.current().name
    home.roll_back(IDENTITY)
    with pytest.raises(NoIndex, match=r"There is no older index to go back to.*consultant index list"):
        home.roll_back(IDENTITY)
    assert home.roll_back(IDENTITY, new) == home.current() == home.generations / new


def test_an_ingest_after_a_rollback_brings_the_files_as_they_are(home: Home, tmp_path: Path) -> None:
    home.roll_back(IDENTITY)
    assert {f.outcome for f in ingest_hashed(tmp_path / "files", home.path).files} == {"changed"}
    assert served(Retriever(home, EMBEDDER)) == "new"


@pytest.mark.parametrize("name", ["nowhere", "..", "../generations", "CURRENT"])
def test_there_is_no_going_back_to_what_is_not_there(home: Home, name: str) -> None:
    before = home.current()
    with pytest.raises(NoIndex, match=f"There is no index {name} to go back to"):
        home.roll_back(IDENTITY, name)
    assert home.current() == before


def test_what_is_damaged_or_made_otherwise_is_not_gone_back_to(home: Home) -> None:
    before = home.current()
    with pytest.raises(IndexMismatch, match="model digest"):
        home.roll_back(ModelIdentity("digests", "other"))
    (home.generations / "20250101T000000-old" / "centres.npy").write_bytes(b"garbage")
    with pytest.raises(BrokenGeneration, match=r"centres\.npy"):
        home.roll_back(IDENTITY)
    assert home.current() == before


def test_collecting_leaves_the_current_generation_alone(home: Home) -> None:
    (home.generations / ".building-x").mkdir()
    (home.generations / ".building-x" / "store.sqlite").write_bytes(b"0" * 1000)
    old = sum(p.stat().st_size for p in (home.generations / "20250101T000000-old").rglob("*") if p.is_file())
    assert home.collect() == old
    assert [*home.generations.iterdir()] == [home.current()]
    assert served(Retriever(home, EMBEDDER)) == "new"


def test_the_list_says_what_each_generation_is(home: Home) -> None:
    (home.generations / "20250101T000000-old" / "store.sqlite").unlink()
    old, new = summaries(home)
    assert (old["name"], old["current"]) == ("20250101T000000-old", False)
    assert "store.sqlite" in old["problem"]
    assert (new["name"], new["current"], new["documents"], new["chunks"]) == (home.current().name, True, 3, 6)
    assert new["problem"] == ""
    assert new["bytes"] > 100_000
    assert new["created"][:2] == "20"


def test_opening_an_index_changes_none_of_its_files(home: Home) -> None:
    for _ in range(2):
        retriever = Retriever(home, EMBEDDER)
        retriever.retrieve(["Part 1 of apples is new."])
        retriever.generation().close()
    assert damaged_files(home.current()) == []


def test_a_list_of_digests_that_was_cut_off_at_a_line_s_end_is_damaged(home: Home) -> None:
    file = home.current() / SUMS
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    assert damaged_files(home.current()) == [SUMS]


@pytest.mark.parametrize("version", range(1, FORMAT))
def test_an_index_of_an_earlier_format_says_the_one_command_which_mends_it(
    home: Home, tmp_path: Path, version: int
) -> None:
    """Earlier formats had no digests, and their stores did not say what had made them."""
    shutil.rmtree(home.generations / "20250101T000000-old")
    folder = home.current()
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": version}))
    (folder / SUMS).unlink()
    (folder / "files.json").unlink()
    forget_origin(folder / "store.sqlite")
    with pytest.raises(IndexMismatch, match=rf"has format {version}.*with: consultant ingest$"):
        Retriever(home, EMBEDDER).generation()
    assert {f.outcome for f in ingest_hashed(tmp_path / "files", home.path).files} == {"added"}
    assert served(Retriever(home, EMBEDDER)) == "new"


def forget_origin(store: Path) -> None:
    """Make it a store as the formats before made it."""

    db = sqlite3.connect(store)
    db.execute("DELETE FROM digests")
    db.execute("PRAGMA user_version = 0")
    db.commit()
    db.close()
