"""Files come in, change and go; each is reported, and one bad file stops no other."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge import index
from knowledge.documents import read_document
from knowledge.embeddings import ModelIdentity, SentenceEmbedder
from knowledge.errors import BrokenGeneration, KnowledgeError
from knowledge.index import Home
from knowledge.ingest import Report, ingest
from knowledge.reading_child import ApartReader
from knowledge.retriever import Retriever
from knowledge.store import Store
from knowledge.verify import verify

Put = Callable[[str, str], Path]
Ingest = Callable[..., Report]

BANANAS = "# Bananas\n\nBananas are yellow and grow in Ecuador.\n"
SHOES = "# Shoes\n\nShoes are made of leather.\n\n# Laces\n\nLaces are made of cotton.\n"


class Counting:
    """The real embedder, and how many texts it was given."""

    def __init__(self, real: SentenceEmbedder) -> None:
        self.identity, self.dimension = real.identity, real.dimension
        self.texts: list[str] = []
        self._real = real

    def embed(self, texts: Sequence[str], **more: Any) -> np.ndarray[Any, Any]:
        self.texts += texts
        return self._real.embed(texts, **more)


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without the seconds that processes cost; test_index.py and tests/faults start them."""
    monkeypatch.setattr(index, "verify_in_child", verify)
    monkeypatch.setattr(ApartReader, "read", lambda _, path: read_document(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the files lie."""
    made = tmp_path / "files"
    made.mkdir()
    return made


@pytest.fixture
def put(folder: Path) -> Put:
    """Write a file below the folder."""

    def write(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def counting(embedder: SentenceEmbedder) -> Counting:
    return Counting(embedder)


@pytest.fixture
def run(folder: Path, home: Home, counting: Counting) -> Ingest:
    """Ingest the folder, or what is named, without the corpus."""

    def ingest_folder(*paths: Path, **options: Any) -> Report:
        return ingest(paths or [folder], home, counting, corpus=None, **options)  # type: ignore[arg-type]

    return ingest_folder


def outcomes(report: Report) -> dict[str, str]:
    """File name → what happened to it."""
    return {Path(file.path).name: file.outcome for file in report.files}


def reasons(report: Report) -> dict[str, str]:
    """File name → why it was left out."""
    return {Path(file.path).name: file.reason for file in report.files if file.reason}


def stored(home: Home) -> dict[str, list[str]]:
    """Document id → the texts of its chunks in the current store."""
    with Store(home.current() / "store.sqlite", read_only=True) as store:
        found: dict[str, list[str]] = {doc: [] for doc in store.titles()}
        for chunk in store.chunks():
            found[chunk.doc].append(chunk.text)
        return found


# Adding, changing, removing


def test_new_files_are_added_and_found(put: Put, run: Ingest, home: Home, embedder: SentenceEmbedder) -> None:
    put("bananas.md", BANANAS)
    put("deep/down/shoes.md", SHOES)
    report = run()
    assert outcomes(report) == {"bananas.md": "added", "shoes.md": "added"}
    assert (report.chunks, report.generation) == (3, home.current().name)
    found = Retriever(home, embedder).retrieve(["What are laces made of?"])
    assert found.passages[0].chunk.text == "Laces are made of cotton."


def test_unchanged_files_are_not_embedded_again_and_nothing_is_built(
    put: Put, run: Ingest, home: Home, counting: Counting
) -> None:
    path = put("bananas.md", BANANAS)
    before = run().generation
    counting.texts.clear()
    os.utime(path, (0, 0))
    report = run()
    assert (outcomes(report), report.generation) == ({"bananas.md": "unchanged"}, None)
    assert counting.texts == []
    assert home.current().name == before


def test_a_changed_file_is_replaced_and_only_it_is_embedded(
    put: Put, run: Ingest, home: Home, counting: Counting
) -> None:
    put("bananas.md", BANANAS)
    put("shoes.md", SHOES)
    run()
    counting.texts.clear()
    put("bananas.md", "# Bananas\n\nBananas are blue.\n")
    assert outcomes(run()) == {"bananas.md": "changed", "shoes.md": "unchanged"}
    assert stored(home)["bananas"] == ["Bananas are blue."]
    assert set(counting.texts) == {"Bananas are blue."}


def test_a_deleted_file_is_removed(put: Put, run: Ingest, home: Home, counting: Counting) -> None:
    put("shoes.md", SHOES)
    path = put("bananas.md", BANANAS)
    run()
    counting.texts.clear()
    path.unlink()
    assert outcomes(run()) == {"bananas.md": "removed", "shoes.md": "unchanged"}
    assert stored(home).keys() == {"shoes"}
    assert counting.texts == []


def test_a_deleted_folder_takes_its_files_along(folder: Path, put: Put, run: Ingest, home: Home) -> None:
    put("shoes.md", SHOES)
    put("fruit/bananas.md", BANANAS)
    run()
    shutil.rmtree(folder / "fruit")
    run()
    assert stored(home).keys() == {"shoes"}


def test_the_last_file_may_go_too(put: Put, run: Ingest, home: Home, embedder: SentenceEmbedder) -> None:
    path = put("bananas.md", BANANAS)
    run()
    path.unlink()
    assert outcomes(run()) == {"bananas.md": "removed"}
    assert Retriever(home, embedder).retrieve(["bananas"]).passages == ()


def test_an_empty_folder_makes_an_empty_index(run: Ingest, home: Home, embedder: SentenceEmbedder) -> None:
    report = run()
    assert (report.files, report.chunks) == ((), 0)
    assert Retriever(home, embedder).retrieve(["bananas"]).passages == ()


def test_what_was_not_asked_for_stays(put: Put, run: Ingest, home: Home) -> None:
    bananas, shoes = put("a/bananas.md", BANANAS), put("ab/shoes.md", SHOES)
    run(bananas.parent)
    shoes.unlink()
    put("ab/shoes.md", SHOES)
    assert outcomes(run(shoes)) == {"shoes.md": "added"}
    assert stored(home).keys() == {"bananas", "shoes"}


def test_the_corpus_is_always_brought_in_line(put: Put, home: Home, counting: Counting, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    front = "---\nid: shoes\ntitle: Shoes\nsummary: Of shoes.\ntopic: clothes\nupdated: 2026-11-26\n---\n"
    (corpus / "shoes.md").write_text(front + SHOES)
    # Without signals, whose training takes many seconds.
    options: Any = {"corpus": corpus, "signals": None}
    report = ingest([put("bananas.md", BANANAS)], home, counting, **options)  # type: ignore[arg-type]
    assert outcomes(report) == {"shoes.md": "added", "bananas.md": "added"}
    (corpus / "shoes.md").unlink()
    assert outcomes(ingest([], home, counting, **options)) == {"shoes.md": "removed"}  # type: ignore[arg-type]


# Names and ids


def test_files_of_one_name_get_ids_of_their_own_and_keep_them(put: Put, run: Ingest, home: Home) -> None:
    for place, text in (("a", BANANAS), ("b", SHOES), ("c", "# Hats\n\nHats are tall.\n")):
        put(f"{place}/readme.md", text)
    run()
    before = stored(home)
    assert len(before) == 3
    assert all(doc.startswith("readme") for doc in before)
    put("b/readme.md", "# Boots\n\nBoots are high.\n")
    run()
    assert stored(home).keys() == before.keys()


def test_two_files_that_claim_one_id_are_both_kept(put: Put, run: Ingest, home: Home) -> None:
    put("a.md", f"---\nid: fruit\n---\n{BANANAS}")
    put("b.md", f"---\nid: fruit\n---\n{SHOES}")
    run()
    assert len(stored(home)) == 2
    assert "fruit" in stored(home)


def test_a_moved_file_keeps_its_id(folder: Path, put: Put, run: Ingest, home: Home) -> None:
    """Evaluation cases and links name documents by their ids."""
    path = put("bananas.md", f"---\nid: fruit\n---\n{BANANAS}")
    run()
    (folder / "sub").mkdir()
    path.rename(folder / "sub" / "bananas.md")
    run()
    assert stored(home).keys() == {"fruit"}


@pytest.mark.parametrize("detour", ["../files", "./sub/.."])
def test_a_file_by_another_path_is_the_same_file(
    folder: Path, put: Put, run: Ingest, home: Home, detour: str
) -> None:
    put("bananas.md", BANANAS)
    (folder / "sub").mkdir()
    run()
    assert outcomes(run(folder / detour)) == {"bananas.md": "unchanged"}
    assert len(stored(home)) == 1


def test_a_folder_and_a_file_in_it_are_read_once(folder: Path, put: Put, run: Ingest) -> None:
    path = put("bananas.md", BANANAS)
    assert [file.outcome for file in run(folder, path, folder).files] == ["added"]


def test_relative_paths_are_remembered_as_absolute(
    folder: Path, put: Put, run: Ingest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put("bananas.md", BANANAS)
    monkeypatch.chdir(folder)
    assert [file.path for file in run(Path("bananas.md")).files] == [str(folder / "bananas.md")]
    monkeypatch.chdir(tmp_path)
    assert outcomes(run(Path("files"))) == {"bananas.md": "unchanged"}


def test_headings_that_recur_do_no_harm(put: Put, run: Ingest, home: Home) -> None:
    put("steps.md", "# Step\n\nOne.\n\n# Step\n\nTwo.\n\n# Step 2\n\nThree.\n")
    put("bananas.md", BANANAS)
    assert set(outcomes(run()).values()) == {"added"}
    assert stored(home)["steps"] == ["One.", "Two.", "Three."]


# Files that are left out


def test_files_of_other_kinds_are_skipped_with_the_reason(put: Put, run: Ingest) -> None:
    put("bananas.md", BANANAS)
    put("table.xlsx", "x")
    put("LICENSE", "x")
    put(".hidden.md", "x")
    put(".git/config.md", "x")
    report = run()
    assert outcomes(report) == {"bananas.md": "added", "table.xlsx": "skipped", "LICENSE": "skipped"}
    assert reasons(report) == {"table.xlsx": ".xlsx is not read", "LICENSE": "no suffix is not read"}


def test_a_file_of_another_kind_that_was_named_is_an_error(put: Put, run: Ingest) -> None:
    report = run(put("table.xlsx", "x"), put("bananas.md", BANANAS))
    assert outcomes(report) == {"table.xlsx": "failed", "bananas.md": "added"}
    assert "not supported" in reasons(report)["table.xlsx"]


def test_bad_files_are_reported_by_name_and_the_others_ingested(
    folder: Path, put: Put, run: Ingest, home: Home
) -> None:
    put("bananas.md", BANANAS)
    put("shoes.md", SHOES)
    os.mkfifo(folder / "pipe.md")
    (folder / "empty.md").touch()
    (folder / "dangling.md").symlink_to("nowhere.md")
    (folder / "image.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    (folder / "cut.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n")
    (folder / "cut.docx").write_bytes(b"PK\x03\x04\x14\x00")
    (folder / "locked.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    put("front.md", "---\ntitle: [x\n---\nText.\n")
    report = run()
    assert {name for name, outcome in outcomes(report).items() if outcome == "added"} == {"bananas.md", "shoes.md"}
    assert {Path(file.path).name for file in report.failed} == reasons(report).keys()
    assert (report.count("failed"), len(stored(home))) == (8, 2)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("date.md", "---\nupdated: 2025-02-30\n---\nText.\n", id="impossible date"),
        pytest.param("half.md", '---\ntitle: "\\ud800"\n---\nText.\n', id="half a character"),
        pytest.param("deep.html", "<div>" * 3000 + "Text.", id="deep html"),
        pytest.param("space.md", "We chose plan A\u00a0. It works.\n", id="odd space"),
    ],
)
def test_an_odd_file_does_not_stop_the_others(put: Put, run: Ingest, home: Home, name: str, content: str) -> None:
    put(name, content)
    put("zebra.md", "Zebras are striped.\n")
    assert outcomes(run())["zebra.md"] == "added"
    assert stored(home)["zebra"] == ["Zebras are striped."]


@pytest.mark.parametrize("content", ["# Only a heading\n", "To be or not to be.\n"], ids=["heading", "stop words"])
def test_a_file_with_little_to_find_can_be_alone(put: Put, run: Ingest, home: Home, content: str) -> None:
    put("little.md", content)
    run()
    assert len(home.list()) == 1


def test_a_name_that_is_no_unicode_does_not_stop_the_others(folder: Path, put: Put, run: Ingest, home: Home) -> None:
    """Old archives leave such names behind."""
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.md")).write_text(BANANAS)
    put("shoes.md", SHOES)
    assert outcomes(run())["shoes.md"] == "added"
    assert "shoes" in stored(home)


def test_a_file_that_became_bad_is_reported_and_the_others_go_on(put: Put, run: Ingest, home: Home) -> None:
    put("bananas.md", BANANAS)
    put("shoes.md", SHOES)
    run()
    put("bananas.md", "")
    put("shoes.md", "# Shoes\n\nShoes are made of wood.\n")
    assert outcomes(run()) == {"bananas.md": "failed", "shoes.md": "changed"}
    assert stored(home)["shoes"] == ["Shoes are made of wood."]


# When it fails as a whole


@pytest.mark.parametrize("step", ["embed", "build", "verify"])
def test_a_failed_ingest_leaves_the_old_index_and_no_litter(
    put: Put, run: Ingest, home: Home, counting: Counting, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    put("bananas.md", BANANAS)
    before = run().generation
    put("shoes.md", SHOES)

    def fail(*_: Any, **__: Any) -> None:
        raise BrokenGeneration("It failed. Try again.")

    with monkeypatch.context() as patch:
        target, name = {"embed": (counting, "embed"), "build": (index, "build")}.get(step, (index, "verify_in_child"))
        patch.setattr(target, name, fail)
        with pytest.raises(BrokenGeneration, match="It failed"):
            run()
    assert [p.name for p in home.generations.iterdir()] == [before] == [home.current().name]
    assert outcomes(run())["shoes.md"] == "added"


def test_a_home_that_is_a_file_is_said(put: Put, counting: Counting, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(KnowledgeError):
        ingest([put("a.md", BANANAS)], Home(tmp_path / "taken"), counting, corpus=None)  # type: ignore[arg-type]


# Building anew


@pytest.mark.parametrize("what", ["model", "chunker", "tables"])
def test_an_index_made_otherwise_is_built_anew_from_its_files(
    put: Put, run: Ingest, home: Home, counting: Counting, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("bananas.md", BANANAS)
    shoes = put("shoes.md", SHOES)
    run()
    if what == "model":
        counting.identity = ModelIdentity(counting.identity.name, "other")
    else:
        target = "knowledge.ingest.CHUNKER" if what == "chunker" else "knowledge.store._SCHEMA_VERSION"
        monkeypatch.setattr(target, "other" if what == "chunker" else 99)
    counting.texts.clear()
    assert run(shoes).generation == home.current().name
    assert stored(home).keys() == {"bananas", "shoes"}
    assert counting.texts


@pytest.mark.parametrize("content", [None, b"garbage " * 500], ids=["missing", "garbage"])
def test_a_damaged_store_is_built_anew(put: Put, run: Ingest, home: Home, content: bytes | None) -> None:
    put("bananas.md", BANANAS)
    run()
    store = home.current() / "store.sqlite"
    store.unlink()
    if content:
        store.write_bytes(content)
    run()
    assert stored(home).keys() == {"bananas"}


# Progress


def test_progress_counts_every_text_that_is_embedded(put: Put, run: Ingest, counting: Counting) -> None:
    class Bar:
        done = 0

        def update(self, n: int) -> None:
            self.done += n

    bars: list[tuple[int, Bar]] = []

    @contextmanager
    def progress(total: int, what: str) -> Iterator[Bar]:
        bars.append((total, Bar()))
        yield bars[-1][1]

    put("shoes.md", SHOES)
    run(progress=progress)
    assert [(total, bar.done) for total, bar in bars] == [(len(counting.texts),) * 2]


def test_every_ingest_reports_every_file_once(put: Put, run: Ingest) -> None:
    for name in ("bananas.md", "b/shoes.txt", "b/c/x.bin"):
        put(name, BANANAS)
    for report in (run(), run()):
        assert len({file.path for file in report.files}) == len(report.files) == 3
        assert all(Path(file.path).is_absolute() for file in report.files)


def test_a_folder_that_cannot_be_listed_is_reported(
    tmp_path: Path, home: Home, embedder: SentenceEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may list everything, so the refusal comes from a patched call."""
    (tmp_path / "files" / "closed").mkdir(parents=True)
    (tmp_path / "files" / "a.md").write_text("# A\n\nApples are sold in Kent.\n", encoding="utf-8")
    listed = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    report = ingest([tmp_path / "files"], home, embedder, corpus=None)
    assert [(Path(f.path).name, f.outcome) for f in report.files] == [("closed", "failed"), ("a.md", "added")]
    assert "cannot be listed (Permission denied)" in report.files[0].reason
    assert report.failed


def test_a_rebuild_keeps_the_ids_of_files_of_one_name(tmp_path: Path, home: Home, embedder: SentenceEmbedder) -> None:
    """The file that came later has the longer id, although its path comes first."""
    for folder in ("b", "a"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notes.md").write_text(f"# N\n\nThese are the notes of {folder}.\n", encoding="utf-8")
        ingest([tmp_path / folder], home, embedder, corpus=None)
    before = ids_by_path(home)
    assert ingest([], home, embedder, corpus=None, rebuild=True).generation
    assert ids_by_path(home) == before


def ids_by_path(home: Home) -> dict[str, str]:
    with Store(home.current() / "store.sqlite", read_only=True) as store:
        return {path: known.doc for path, known in store.known().items()}
