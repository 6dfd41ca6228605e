"""The SQLite file: what goes in comes out, and nothing of a removed document stays."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knowledge.chunks import chunk_sentences, chunks, windows
from knowledge.store import Entry, Known, Store
from knowledge.types import Document, Source

TEXT = "Intro words.\n\n# Why?\n\nIt is cheap. [@hu2021; @x] Nobody pays.\n\n# How much?\n\nFive – “euros” 😀.\n"
DOCUMENT = Document(
    "a",
    "A title",
    TEXT,
    body_start=0,
    summary="Sum – up",
    topic="shop",
    updated="2026-01-31",
    path="/docs/a.md",
    sha256="00ff",
    sources=(Source("hu2021", "LoRA", "Hu", 2021, "https://x.y"), Source("x", "", "", None, "")),
)


def entry(document: Document, *, seed: int = 0) -> Entry:
    """All of a document, with vectors by chance."""
    parts = chunks(document)
    covers = [w for c in parts for w in windows(c, document.title)]
    said = [(c.id, s) for c in parts for s in chunk_sentences(c)]
    rng = np.random.default_rng(seed)
    return Entry(
        document,
        tuple(parts),
        tuple(covers),
        rng.normal(size=(len(covers), 8)).astype(np.float32),
        tuple(said),
        rng.normal(size=(len(said), 8)).astype(np.float32),
    )


def second(text: str = "# B\n\nSomething else.\n") -> Document:
    """Another document from another file."""
    return replace(DOCUMENT, id="b", path="/docs/b.md", text=text, title="B title", topic="", markdown=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with two documents."""
    with Store(tmp_path / "store.sqlite", create=True) as store:
        store.put(entry(DOCUMENT))
        store.put(entry(second()))
        store.commit()
    return tmp_path / "store.sqlite"


def test_a_document_comes_out_as_it_went_in(path: Path) -> None:
    with Store(path, read_only=True) as store:
        assert store.document("a") == DOCUMENT
        assert store.document("b") == second()
        assert store.document("nowhere") is None


def test_chunks_come_out_in_the_order_of_the_text(path: Path) -> None:
    with Store(path, read_only=True) as store:
        assert store.chunks() == [*chunks(DOCUMENT), *chunks(second())]


def test_windows_come_out_with_their_vectors_in_batches(path: Path) -> None:
    made = [entry(DOCUMENT), entry(second())]
    with Store(path, read_only=True) as store:
        found = list(store.windows(batch=2))
    assert [i for ids, _ in found for i in ids] == [w.id for e in made for w in e.windows]
    assert np.array_equal(np.concatenate([v for _, v in found]), np.concatenate([e.window_vectors for e in made]))
    assert all(len(ids) == len(vectors) <= 2 for ids, vectors in found)


def test_sentences_come_out_with_keys_and_vectors(path: Path) -> None:
    made = entry(DOCUMENT)
    with Store(path, read_only=True) as store:
        found = store.sentences_of(["a#why", "nowhere"])
    assert found["nowhere"] == []
    assert [(s.text, s.keys) for s, _ in found["a#why"]] == [("It is cheap.", ("hu2021", "x")), ("Nobody pays.", ())]
    place = [chunk for chunk, _ in made.sentences].index("a#why")
    assert np.array_equal(found["a#why"][0][1], made.sentence_vectors[place])


def test_only_chunks_with_a_heading_of_their_own_have_its_vector(path: Path) -> None:
    made = entry(DOCUMENT)
    with Store(path, read_only=True) as store:
        found = store.headings_of([c.id for c in made.chunks])
    assert found.keys() == {"a#why", "a#how-much"}
    place = [w.id for w in made.windows].index("a#why@heading")
    assert np.array_equal(found["a#why"], made.window_vectors[place])


def test_titles_topics_and_what_is_known_are_by_document(path: Path) -> None:
    with Store(path, read_only=True) as store:
        assert store.titles() == {"a": "A title", "b": "B title"}
        assert store.topics() == {"a": "shop", "b": ""}
        assert store.known() == {p: Known(i, p, "00ff") for i, p in (("a", "/docs/a.md"), ("b", "/docs/b.md"))}


def test_a_document_from_the_same_path_replaces_the_old_one(path: Path) -> None:
    changed = replace(DOCUMENT, id="renamed", text="# New\n\nOnly this.\n")
    with Store(path) as store:
        store.put(entry(changed, seed=1))
        store.commit()
        assert store.document("a") is None
        assert [c.text for c in store.chunks()] == ["Something else.", "Only this."]
        assert store.counts() == {"documents": 2, "chunks": 2, "windows": 3, "sentences": 2}


def test_nothing_of_a_removed_document_stays(path: Path) -> None:
    with Store(path) as store:
        store.remove("/docs/a.md")
        store.remove("/docs/b.md")
        store.remove("/docs/nowhere.md")
        assert set(store.counts().values()) == {0}
        assert (store.chunks(), list(store.windows()), store.known()) == ([], [], {})


def test_what_is_not_committed_is_not_kept(path: Path) -> None:
    with Store(path) as store:
        store.remove("/docs/a.md")
    with Store(path, read_only=True) as store:
        assert store.counts()["documents"] == 2


def test_a_copy_is_whole_and_independent(path: Path, tmp_path: Path) -> None:
    with Store(path) as store:
        store.copy_to(tmp_path / "copy.sqlite")
        store.remove("/docs/a.md")
        store.commit()
    with Store(tmp_path / "copy.sqlite", read_only=True) as copy:
        assert copy.counts()["documents"] == 2
        assert copy.document("a") == DOCUMENT


def test_a_reader_cannot_write(path: Path) -> None:
    with Store(path, read_only=True) as store, pytest.raises(sqlite3.OperationalError, match="readonly"):
        store.remove("/docs/a.md")


def test_a_missing_store_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        Store(tmp_path / "no.sqlite", read_only=True)
    with pytest.raises(sqlite3.OperationalError):
        Store(tmp_path / "no.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_the_folder_does_not_matter(tmp_path: Path) -> None:
    folder = tmp_path / "what? 100% #1 ü&mode=memory"
    folder.mkdir()
    with Store(folder / "store.sqlite", create=True) as store:
        store.put(entry(DOCUMENT))
        store.commit()
    with Store(folder / "store.sqlite", read_only=True) as store:
        assert store.counts()["documents"] == 1


def test_a_vector_too_few_is_an_error(tmp_path: Path) -> None:
    made = entry(DOCUMENT)
    with Store(tmp_path / "s.sqlite", create=True) as store, pytest.raises(ValueError, match="zip"):
        store.put(replace(made, window_vectors=made.window_vectors[:-1]))


def test_threads_may_read_one_store(path: Path) -> None:
    with Store(path, read_only=True) as store, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: store.sentences_of(["a#why" if n % 2 else "b#b"]), range(200)))
    assert {len(rows) for sentences in found[1::2] for rows in sentences.values()} == {2}
