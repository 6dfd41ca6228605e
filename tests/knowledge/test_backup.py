"""A backup makes the same index again; a damaged or foreign file changes nothing."""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge import index
from knowledge.backup import backup, restore
from knowledge.embeddings import ModelIdentity
from knowledge.errors import BrokenGeneration, IndexMismatch, KnowledgeError, NoBackup, NoIndex
from knowledge.index import Home
from knowledge.retriever import Retriever
from tests.faults.hashed import EMBEDDER, check_in_this_process, ingest_hashed, pristine_home, write

IDENTITY = EMBEDDER.identity
QUESTIONS = [f"What is part {n} of apples?" for n in range(20)]


@pytest.fixture(autouse=True)
def _check_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same check without the second that a process costs."""
    check_in_this_process(monkeypatch)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three documents, its `files`, and `kept.zip`, its backup; read it, do not write to it."""
    root = tmp_path_factory.mktemp("source")
    pristine_home(root)
    backup(Home(root / "home"), root / "kept.zip")
    return root


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with another index, "new", which a restore may replace."""
    write(tmp_path / "files", "new", parts=2)
    ingest_hashed(tmp_path / "files", tmp_path / "home")
    return Home(tmp_path / "home")


def found(home: Home) -> list[Any]:
    """What is found for each question, with all scores."""
    retriever = Retriever(home, EMBEDDER)
    passages = [retriever.retrieve([question]).passages for question in QUESTIONS]
    retriever.generation().close()
    return passages


def test_a_restored_index_answers_the_same(source: Path, tmp_path: Path) -> None:
    before = EMBEDDER.embedded
    made = restore(Home(tmp_path / "home"), source / "kept.zip", IDENTITY)
    assert EMBEDDER.embedded == before
    assert made.documents == 3
    for ours, theirs in zip(found(Home(tmp_path / "home")), found(Home(source / "home")), strict=True):
        assert [p.chunk for p in ours] == [p.chunk for p in theirs]
        assert np.allclose([p.score for p in ours], [p.score for p in theirs], atol=1e-6)


def test_a_restored_index_takes_the_place_of_the_one_before_which_is_kept(source: Path, home: Home) -> None:
    before = home.current()
    restore(home, source / "kept.zip", IDENTITY)
    assert home.current() != before
    assert home.list() == sorted([before, home.current()])


def test_after_a_restore_the_files_are_known(source: Path, tmp_path: Path) -> None:
    restore(Home(tmp_path / "home"), source / "kept.zip", IDENTITY)
    assert {f.outcome for f in ingest_hashed(source / "files", tmp_path / "home").files} == {"unchanged"}


def test_elsewhere_the_same_documents_from_another_folder_replace_those_of_the_backup(
    tmp_path: Path, home: Home
) -> None:
    """As on another machine, where the corpus lies in another place."""
    backup(home, tmp_path / "kept.zip")
    restore(Home(tmp_path / "other"), tmp_path / "kept.zip", IDENTITY)
    (tmp_path / "files").rename(tmp_path / "moved")
    report = ingest_hashed(tmp_path / "moved", tmp_path / "other")
    assert sorted(f.outcome for f in report.files) == ["added"] * 3 + ["removed"] * 3
    generation = Retriever(Home(tmp_path / "other"), EMBEDDER).generation()
    assert set(generation.topics) == {"apples", "bananas", "cherries"}
    generation.close()


def damaged(source: Path, target: Path, how: Callable[[bytes], bytes]) -> Path:
    target.write_bytes(how((source / "kept.zip").read_bytes()))
    return target


def flipped(data: bytes, share: float) -> bytes:
    """One bit of another value, at this share of the length."""
    at = int(len(data) * share)
    return data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :]


def rewritten(source: Path, target: Path, **members: bytes | None) -> Path:
    """The backup with members replaced, added or (None) left out; `_` in a name stands for a dot."""
    with zipfile.ZipFile(source / "kept.zip") as archive:
        content: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    content |= {name.replace("_", "."): data for name, data in members.items()}
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in content.items():
            if data is not None:
                archive.writestr(name, data)
    return target


def assert_refused(home: Home, file: Path) -> str:
    """A restore of the file says why not in one line, and all is as it was; returns what it says."""
    before, answers = sorted(home.path.rglob("*")), found(home)
    with pytest.raises(KnowledgeError) as caught:
        restore(home, file, IDENTITY)
    assert found(home) == answers
    assert set(home.path.rglob("*")) <= {*before, home.path / "lock"}
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_backup_that_was_cut_off_is_refused(source: Path, home: Home, tmp_path: Path, share: float) -> None:
    file = damaged(source, tmp_path / "cut.zip", lambda data: data[: int(len(data) * share)])
    assert "Take another one." in assert_refused(home, file)


# Not in the first hundredth: that may be the time stamp of the first member, which no content depends on.
@pytest.mark.parametrize("share", [0.05, 0.2, 0.4, 0.6, 0.8])
def test_a_backup_with_a_changed_bit_is_refused(source: Path, home: Home, tmp_path: Path, share: float) -> None:
    assert_refused(home, damaged(source, tmp_path / "flipped.zip", lambda data: flipped(data, share)))


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "store.sqlite/../../escaped", "link"])
def test_an_archive_that_holds_anything_else_is_refused_unopened(
    source: Path, home: Home, tmp_path: Path, name: str
) -> None:
    file = rewritten(source, tmp_path / "foreign.zip", **{name.replace(".", "_"): b"boo"})
    assert assert_refused(home, file).endswith("is no backup of an index. Make one with: consultant backup FILE")
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize("name", ["manifest_json", "store_sqlite", "SHA256SUMS"])
def test_a_backup_that_lacks_a_part_is_refused(source: Path, home: Home, tmp_path: Path, name: str) -> None:
    assert "is no backup" in assert_refused(home, rewritten(source, tmp_path / "lacks.zip", **{name: None}))


@pytest.mark.parametrize("name", ["manifest_json", "store_sqlite", "SHA256SUMS"])
def test_a_backup_with_another_part_than_was_written_is_refused(
    source: Path, home: Home, tmp_path: Path, name: str
) -> None:
    assert "damaged" in assert_refused(home, rewritten(source, tmp_path / "other.zip", **{name: b"{}"}))


def test_a_file_that_is_no_archive_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no archive")
    assert "a.txt is damaged or no backup" in assert_refused(home, tmp_path / "a.txt")
    assert "No such file" in assert_refused(home, tmp_path / "nowhere.zip")


def test_a_backup_by_another_model_is_refused(source: Path, home: Home) -> None:
    with pytest.raises(IndexMismatch, match="another embedding model"):
        restore(home, source / "kept.zip", ModelIdentity("digests", "other"))


def test_a_restore_that_fails_its_check_replaces_nothing(
    source: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise BrokenGeneration("It failed. Try again.")

    before = home.current()
    monkeypatch.setattr(index, "verify_in_child", fail)
    with pytest.raises(BrokenGeneration, match="It failed"):
        restore(home, source / "kept.zip", IDENTITY)
    assert [*home.generations.iterdir()] == [before] == [home.current()]


def test_without_an_index_or_with_a_damaged_one_no_backup_is_made(source: Path, tmp_path: Path) -> None:
    with pytest.raises(NoIndex):
        backup(Home(tmp_path / "nowhere"), tmp_path / "kept.zip")
    shutil.copytree(source / "home", tmp_path / "home")
    store = Home(tmp_path / "home").current() / "store.sqlite"
    with sqlite3.connect(store) as db:
        db.execute("UPDATE chunks SET text = 'forged' WHERE position = 1")
    db.close()
    with pytest.raises(BrokenGeneration, match=r"store\.sqlite"):
        backup(Home(tmp_path / "home"), tmp_path / "kept.zip")
    assert not (tmp_path / "kept.zip").exists()


def test_a_backup_that_cannot_be_written_leaves_the_one_before(source: Path, tmp_path: Path) -> None:
    with pytest.raises(NoBackup, match="Choose another place"):
        backup(Home(source / "home"), tmp_path / "nowhere" / "kept.zip")
    (tmp_path / "kept.zip").write_text("the one before")
    (tmp_path / "kept.zip.part").mkdir()
    with pytest.raises(NoBackup):
        backup(Home(source / "home"), tmp_path / "kept.zip")
    assert (tmp_path / "kept.zip").read_text() == "the one before"
