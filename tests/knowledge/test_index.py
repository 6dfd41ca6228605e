"""Generations: built beside the old one, checked in a child process, swapped by one rename."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from knowledge.embeddings import ModelIdentity, SentenceEmbedder
from knowledge.errors import BrokenGeneration, IndexMismatch, KnowledgeError, NoIndex, NotWritten, WriterBusy
from knowledge.index import COLLECTION, Generation, Home, read_manifest, searchable, verify_in_child
from knowledge.ingest import ingest
from knowledge.lexical import LexicalIndex
from knowledge.retriever import Retriever
from knowledge.sums import write_sums
from knowledge.types import Chunk

TEXT = (
    "# Refunds\n\nRefunds take thirty days. [@memo] Nobody waits longer.\n\n# Shipping\n\nThe customer pays for it.\n"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two documents; read them, do not change them."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "shop.md").write_text(TEXT)
    (folder / "bananas.txt").write_text("Bananas are yellow. Apples are red.")
    return folder


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, files: Path, embedder: SentenceEmbedder) -> Path:
    """A home with both documents; read it, do not write to it."""
    home = tmp_path_factory.mktemp("pristine")
    assert ingest([files], Home(home), embedder, corpus=None).generation
    return home


@pytest.fixture
def home(pristine: Path, tmp_path: Path) -> Home:
    """A copy of it to be damaged."""
    shutil.copytree(pristine, tmp_path / "home")
    return Home(tmp_path / "home")


def retouch(home: Home, **values: object) -> None:
    """Change what the current manifest says."""
    file = home.current() / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
    write_sums(file.parent)


def change_vectors(folder: Path, change: Callable[..., None]) -> None:
    """Change the vector index in a process of its own, since Chroma holds on to what it opened."""
    import chromadb

    client = chromadb.PersistentClient(str(folder / "chroma"), chromadb.config.Settings(anonymized_telemetry=False))
    change(client.get_collection(COLLECTION, embedding_function=None))
    client.close()


# Current


def test_without_an_index_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoIndex, match=r"There is no index in .*home\. Build one with: consultant ingest"):
        Home(tmp_path / "home").current()
    assert list(tmp_path.iterdir()) == []


def test_a_data_directory_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    with pytest.raises(KnowledgeError):
        Home(tmp_path / "home").current()


@pytest.mark.parametrize("name", ["", "nowhere\n", "."], ids=["empty", "gone", "no generation"])
def test_a_pointer_to_nothing_is_said_with_the_command_that_mends_it(home: Home, name: str) -> None:
    home.pointer.write_text(name)
    with pytest.raises(BrokenGeneration, match="consultant ingest"):
        home.current()


def test_an_index_opens_with_all_that_was_ingested(home: Home) -> None:
    generation = Generation(home.current())
    assert [c.id for c in generation.chunks] == ["bananas#bananas", "shop#refunds", "shop#shipping"]
    assert (generation.manifest.documents, generation.manifest.chunks) == (2, 3)
    assert generation.manifest.windows == generation.windows.count()
    generation.close()


def test_a_chunk_s_centre_lies_between_its_heading_and_the_questions_it_answers(
    tmp_path: Path, embedder: SentenceEmbedder
) -> None:
    home = Home(tmp_path / "home")
    asked = "---\nid: shop\ntitle: Shop\nasked:\n  refunds:\n    - money back\n---\n## Refunds\n\nWithin 30 days.\n"
    (tmp_path / "shop.md").write_text(asked + "\n## Opening\n\nDaily from nine.\n", encoding="utf-8")
    ingest([tmp_path / "shop.md"], home, embedder, corpus=None)
    generation = Generation(home.current())
    vectors = dict(zip(*next(generation.store.windows()), strict=True))
    of_refunds = vectors["shop#refunds@heading"] + vectors["shop#refunds@asked-1"]
    of_opening = vectors["shop#opening@0"] + vectors["shop#opening@heading"]
    for centre, meant in zip(generation.centres, (of_refunds, of_opening), strict=True):
        assert centre == pytest.approx(meant / np.linalg.norm(meant), abs=1e-5)


def test_the_nearest_windows_are_those_of_an_exact_search(home: Home, embedder: SentenceEmbedder) -> None:
    generation = Generation(home.current())
    queries = embedder.embed(["Who pays for the parcel?", "fruit", "How long do refunds take?"])
    names, vectors = next(generation.store.windows())
    for query, found in zip(queries, generation.nearest_windows(queries, limit=3), strict=True):
        exact = sorted(zip(vectors @ query, names, strict=True), reverse=True)[:3]
        assert [chunk for chunk, _ in found] == [name.rsplit("@", 1)[0] for _, name in exact]
        assert [cosine for _, cosine in found] == pytest.approx([cosine for cosine, _ in exact], abs=1e-4)
    generation.close()


def test_closing_one_reader_leaves_the_others_of_the_same_index_open(home: Home, embedder: SentenceEmbedder) -> None:
    one, other = Generation(home.current()), Generation(home.current())
    one.close()
    assert other.nearest_windows(embedder.embed(["bananas"]), limit=1)[0][0][0] == "bananas#bananas"
    other.close()


def test_a_chunk_is_found_by_its_title_its_heading_and_its_words() -> None:
    chunk = Chunk("d#q", "d", "How long?", "Ten days. [@hu2021] Not more.", 0, 29)
    assert searchable("Refunds", chunk) == "Refunds\nHow long?\nTen days. Not more."
    assert searchable("Refunds", chunk, "when is my money back").endswith("Not more.\nwhen is my money back")


# Mismatch


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"format": 0}, "format"),
        ({"model_digest": "0123"}, "model digest"),
        ({"chunker": "lines-80/1"}, "chunker"),
    ],
    ids=["format", "model", "chunker"],
)
def test_what_made_the_index_otherwise_is_named_with_the_command(
    home: Home, embedder: SentenceEmbedder, values: dict[str, object], what: str
) -> None:
    retouch(home, **values)
    with pytest.raises(IndexMismatch, match=rf"{what}.*consultant ingest"):
        Retriever(home, embedder).generation()


def test_the_same_model_under_another_name_fits(home: Home, embedder: SentenceEmbedder) -> None:
    read_manifest(home.current()).check(ModelIdentity("/a/folder", embedder.identity.digest))
    with pytest.raises(IndexMismatch, match="model digest"):
        read_manifest(home.current()).check(ModelIdentity(embedder.identity.name, "other"))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', "null"], ids=repr)
def test_a_damaged_manifest_is_said(home: Home, text: str) -> None:
    (home.current() / "manifest.json").write_text(text)
    with pytest.raises(KnowledgeError, match="consultant ingest"):
        read_manifest(home.current())


# Damage


@pytest.mark.parametrize("part", ["store.sqlite", "chroma", "chroma/chroma.sqlite3", "bm25"])
@pytest.mark.parametrize("how", ["missing", "garbage"])
def test_opening_a_damaged_index_names_the_command_that_mends_it(
    home: Home, embedder: SentenceEmbedder, part: str, how: str
) -> None:
    spoil(home.current() / part, how)
    with pytest.raises(BrokenGeneration, match="consultant ingest"):
        Retriever(home, embedder).generation()


def spoil(path: Path, how: str) -> None:
    """Take a file or folder away, or write garbage in its place."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    if how == "garbage":
        path.write_bytes(b"garbage " * 1000)


def test_a_failed_opening_makes_no_files(home: Home, embedder: SentenceEmbedder) -> None:
    spoil(home.current() / "chroma", "missing")
    with pytest.raises(Exception, match=r"."):
        Retriever(home, embedder).generation()
    assert not (home.current() / "chroma").exists()


def test_a_whole_index_passes_its_check(home: Home) -> None:
    verify_in_child(home.current())


@pytest.mark.parametrize(
    "part", ["store.sqlite", "chroma", "bm25", "manifest.json", "bm25/params.index.json", "centres.npy"]
)
def test_the_check_finds_a_missing_part(home: Home, part: str) -> None:
    folder = home.current()
    spoil(folder / part, "missing")
    with pytest.raises(BrokenGeneration, match=rf"{folder.name} failed its check \(.+\).*--rebuild"):
        verify_in_child(folder)


@pytest.mark.parametrize("part", ["store.sqlite", "chroma/chroma.sqlite3", "bm25/params.index.json", "centres.npy"])
def test_the_check_finds_garbage(home: Home, part: str) -> None:
    spoil(home.current() / part, "garbage")
    with pytest.raises(BrokenGeneration, match="failed its check"):
        verify_in_child(home.current())


@pytest.mark.parametrize("name", ["documents", "chunks", "windows", "sentences"])
def test_the_check_finds_a_wrong_count(home: Home, name: str) -> None:
    retouch(home, **{name: 99})
    with pytest.raises(BrokenGeneration, match="the manifest says otherwise"):
        verify_in_child(home.current())


def test_the_check_finds_centres_of_another_size(home: Home) -> None:
    np.save(home.current() / "centres.npy", np.eye(2, 384, dtype=np.float32))
    with pytest.raises(BrokenGeneration, match="the centres of the chunks have another size"):
        verify_in_child(home.current())


def test_the_check_finds_a_removed_vector(home: Home) -> None:
    change_vectors(home.current(), lambda windows: windows.delete(ids=["shop#refunds@0"]))
    with pytest.raises(BrokenGeneration, match="3 of 4 vectors are there"):
        verify_in_child(home.current())


def test_the_check_finds_a_changed_vector(home: Home) -> None:
    other = np.eye(1, 384, dtype=np.float32)
    change_vectors(home.current(), lambda windows: windows.update(ids=["shop#refunds@0"], embeddings=other))
    with pytest.raises(BrokenGeneration, match=r"shop#refunds@0 does not find itself"):
        verify_in_child(home.current())


def test_the_check_finds_vectors_under_each_other_s_names(home: Home) -> None:
    """Each still finds its own vector, but under a name that leads to the wrong text."""

    def swap(windows: object) -> None:
        ids = ["shop#refunds@0", "bananas#bananas@0"]
        vectors = windows.get(ids=ids, include=["embeddings"])  # type: ignore[attr-defined]
        by_name = dict(zip(vectors["ids"], vectors["embeddings"], strict=True))
        windows.update(ids=ids, embeddings=[by_name[ids[1]], by_name[ids[0]]])  # type: ignore[attr-defined]

    change_vectors(home.current(), swap)
    with pytest.raises(BrokenGeneration, match="does not find itself"):
        verify_in_child(home.current())


def test_the_check_finds_a_keyword_index_of_another_size(home: Home) -> None:
    shutil.rmtree(home.current() / "bm25")
    LexicalIndex.build(["bananas yellow"]).save(home.current() / "bm25")
    with pytest.raises(BrokenGeneration, match="keyword index"):
        verify_in_child(home.current())


def test_a_check_that_dies_harms_only_itself(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\nkill -SEGV $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dying))
    with pytest.raises(BrokenGeneration, match=r"ended with code -11"):
        verify_in_child(home.current())


# Writers

HOLD = """
import sys
from pathlib import Path
from knowledge.index import Home
with Home(Path(sys.argv[1])).writer():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the writer's lock of `tmp_path` until its input ends."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def test_a_second_writer_is_refused_at_once(
    holder: subprocess.Popen[str], tmp_path: Path, embedder: SentenceEmbedder
) -> None:
    began = time.monotonic()
    with pytest.raises(WriterBusy, match=r"Another process is ingesting into .* try again"):
        ingest([], Home(tmp_path), embedder, corpus=None)
    assert time.monotonic() - began < 1
    assert list(Home(tmp_path).generations.iterdir()) == []


def test_the_lock_is_free_when_its_holder_was_killed(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.kill()
    holder.wait()
    with Home(tmp_path).writer():
        pass


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Home(tmp_path).writer():
        raise RuntimeError
    with Home(tmp_path).writer():
        pass


def test_readers_need_no_lock(pristine: Path, tmp_path: Path, embedder: SentenceEmbedder) -> None:
    shutil.copytree(pristine, tmp_path / "home")
    with Home(tmp_path / "home").writer():
        assert Retriever(Home(tmp_path / "home"), embedder).retrieve(["bananas"]).passages


# Publishing


def published(home: Home, *names: str) -> list[str]:
    """Publish generations of these names, in turn, and list what is there then."""
    for name in names:
        building = home.generations / f".building-{name}"
        building.mkdir(parents=True)
        (building / "manifest.json").write_text("{}")
        home.publish(building)
    return sorted(p.name for p in home.generations.iterdir())


def test_a_published_generation_is_current_and_the_one_before_is_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert published(home, "20260101T000000-a", "20260102T000000-a", "20260103T000000-a") == [
        "20260102T000000-a",
        "20260103T000000-a",
    ]
    assert home.current().name == "20260103T000000-a"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["CURRENT", "generations"]


@pytest.mark.parametrize(
    "names",
    [
        ("20300101T000000-a", "20310101T000000-a", "20260101T000000-a"),
        ("20260101T000000-c", "20260101T000000-b", "20260101T000000-a"),
    ],
    ids=["the clock was set back", "within one second"],
)
def test_what_was_published_last_is_kept_whatever_its_name(tmp_path: Path, names: tuple[str, ...]) -> None:
    home = Home(tmp_path)
    assert published(home, *names) == sorted(names[1:])
    assert home.current().name == names[-1]


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(NotWritten), home.new_generation() as folder:
        folder.mkdir()
    assert list(home.generations.iterdir()) == []


def test_a_writer_clears_away_what_a_killed_one_left(tmp_path: Path) -> None:
    home = Home(tmp_path)
    published(home, "20260101T000000-a")
    (home.generations / ".building-20260102T000000-x" / "chroma").mkdir(parents=True)
    (home.path / "CURRENT.new").write_text("20260102T000000-x\n")
    with home.writer():
        pass
    assert [p.name for p in home.generations.iterdir()] == ["20260101T000000-a"]
    assert not (home.path / "CURRENT.new").exists()


def test_a_writer_clears_away_a_generation_that_was_half_deleted(tmp_path: Path) -> None:
    """A process may be killed while it drops an old generation, after the manifest and before the rest."""
    home = Home(tmp_path)
    published(home, "20260101T000000-a", "20260102T000000-a")
    (home.generations / "20260101T000000-a" / "manifest.json").unlink()
    with home.writer():
        pass
    assert [p.name for p in home.generations.iterdir()] == ["20260102T000000-a"]


def test_an_index_lives_in_a_folder_of_any_name(pristine: Path, tmp_path: Path, embedder: SentenceEmbedder) -> None:
    home = Home(tmp_path / "what? 100% #1 ü&mode=memory")
    shutil.copytree(pristine, home.path)
    assert Retriever(home, embedder).retrieve(["bananas"]).passages[0].chunk.doc == "bananas"
    verify_in_child(home.current())


def test_opening_an_index_writes_nothing_into_it(corpus_home: Path) -> None:
    """Chroma writes when it opens an index; tests/faults/test_refused.py opens one that may not be written."""
    folder = Home(corpus_home).current()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    generation = Generation(folder)
    assert generation.windows.count() == generation.manifest.windows
    generation.close()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
