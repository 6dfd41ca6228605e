"""Paths → a new generation and a report of what happened to each file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from knowledge import index, lint
from knowledge.chunks import CHUNKER, chunk_sentences, chunks, windows
from knowledge.documents import READERS, read_bytes
from knowledge.embeddings import SentenceEmbedder, Vectors
from knowledge.errors import KnowledgeError, UnreadableFile
from knowledge.index import Home
from knowledge.reading_child import ApartReader
from knowledge.signals import SIGNALS, SignalBook, read_signals
from knowledge.store import Entry, Known, Store
from knowledge.sums import SUMS, damaged_files, write_sums
from knowledge.training import ProgressBar, trained
from knowledge.types import Document

CORPUS = Path(__file__).parent / "corpus"
_GONE = "it is gone, and the index that held its text cannot be read any more; put it back, or restore a backup"
Outcome = Literal["added", "changed", "unchanged", "removed", "skipped", "failed"]


@dataclass(frozen=True)
class FileReport:
    """What happened to one file, and why when it was skipped or failed."""

    path: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """What an ingest did; `generation` is None when nothing had to be built."""

    files: tuple[FileReport, ...]
    generation: str | None = None
    chunks: int = 0

    @property
    def failed(self) -> tuple[FileReport, ...]:
        """The files that could not be read."""
        return tuple(f for f in self.files if f.outcome == "failed")

    def count(self, outcome: Outcome) -> int:
        """How many files ended so."""
        return sum(f.outcome == outcome for f in self.files)


@dataclass(frozen=True)
class _Plan:
    keep: Store | None
    fresh: tuple[Document, ...]
    removed: tuple[str, ...]
    signals: SignalBook | None
    files: tuple[FileReport, ...]

    @property
    def empty(self) -> bool:
        return self.keep is not None and not self.fresh and not self.removed and self.signals is None


def ingest(
    paths: Sequence[Path],
    home: Home,
    embedder: SentenceEmbedder,
    *,
    corpus: Path | None = CORPUS,
    signals: Path | None = SIGNALS,
    rebuild: bool = False,
    progress: ProgressBar | None = None,
) -> Report:
    """Bring the index in line with the files; unchanged ones (by SHA-256) are not embedded again.

    A folder stands for all readable files below it: what was ingested from there and is gone, is removed. The
    corpus is always brought in line too. Without any change no generation is built, unless `rebuild` asks to
    read and embed all files again, or the index is damaged: then it is made anew from the store, without embedding,
    or, when that is damaged too, from the files. Raises WriterBusy, BrokenGeneration, and BrokenCorpus before
    anything is built; other files that cannot be read are in the report.
    """
    with home.writer():
        latest = home.latest()
        damaged = damaged_files(latest) if latest else []
        keep = None if rebuild or not latest else _open_store(latest, damaged, embedder)
        try:
            roots = [*([corpus] if corpus else []), *paths]
            known = keep.known() if keep else _known_of_damaged(latest)
            if keep is None:
                roots += [path for path in map(Path, known) if path.is_file() and path not in roots]
            with ApartReader() as reader:
                plan = _plan(
                    [Path(os.path.normpath(root.absolute())) for root in roots],
                    keep,
                    known,
                    read_signals(signals) if corpus and signals else None,
                    reader,
                )
            if corpus and (plan.fresh or any(f.outcome == "failed" for f in plan.files)):
                lint.check(corpus)
            if plan.empty and not damaged and _is_served(home, latest, embedder):
                return Report(plan.files)
            with home.new_generation() as folder:
                _write_store(folder, plan, embedder, progress)
                whole = latest if keep and not damaged else None
                manifest = index.build(folder, embedder.identity, embedder.dimension, before=whole)
                index.verify_in_child(folder)
                write_sums(folder)
                return Report(plan.files, home.publish(folder).name, manifest.chunks)
        finally:
            if keep:
                keep.close()


def _is_served(home: Home, folder: Path | None, embedder: SentenceEmbedder) -> bool:
    """Whether CURRENT names this generation and this code with this model can read it."""
    try:
        index.read_manifest(home.current()).check_vectors(embedder.identity)
    except KnowledgeError:
        return False
    return home.current() == folder


def _open_store(folder: Path, damaged: Sequence[str], embedder: SentenceEmbedder) -> Store | None:
    """The store of a generation, when it is whole and what it holds can be carried over."""
    file = folder / "store.sqlite"
    if file.name in damaged:
        return None
    try:
        store = Store(file, read_only=True)
        # Without its digest SQLite's own check has to do.
        if (SUMS not in damaged or store.is_whole()) and store.is_made_by(embedder.identity.digest, CHUNKER):
            return store
        store.close()
    except sqlite3.Error:
        pass
    return None


def _known_of_damaged(folder: Path | None) -> dict[str, Known]:
    """The files of a store whose vectors cannot be used any more: they are read and embedded anew."""
    if folder is None:
        return {}
    if paths := index.remembered_paths(folder):
        return {path: Known(doc, path, "") for path, doc in paths.items()}
    try:
        with Store(folder / "store.sqlite", read_only=True) as store:
            return store.known()
    # A store of another format, or a damaged one: what it held is unknown, so only what was asked for is built.
    except sqlite3.Error:
        return {}


def _plan(
    roots: Sequence[Path],
    keep: Store | None,
    known: dict[str, Known],
    book: SignalBook | None,
    reader: ApartReader,
) -> _Plan:
    """Compare the files with what is known: what to embed, what to take out, and what to say of each.

    Without a store to `keep` every file is fresh, but it keeps the id that it is known by.
    """
    fresh: list[Document] = []
    found, files = _files(roots, known)
    removed = [str(path) for path in found if keep and str(path) in known and _is_gone(path)]
    files += [FileReport(path, "removed") for path in removed]
    taken = {k.doc: path for path, k in known.items() if path not in removed and not _is_gone(Path(path))}
    for path in found:
        if str(path) in removed:
            continue
        before = known.get(str(path)) if keep else None
        try:
            if path.suffix.lower() not in READERS and path not in roots:
                files.append(FileReport(str(path), "skipped", f"{path.suffix or 'no suffix'} is not read"))
                continue
            # What has not changed needs no reader.
            if before and before.sha256 == read_bytes(path).sha256:
                files.append(FileReport(str(path), "unchanged"))
                continue
            document = _with_own_id(reader.read(path), taken)
            taken[document.id] = str(path)
            fresh.append(document)
            files.append(FileReport(str(path), "changed" if before else "added"))
        except UnreadableFile as error:
            files.append(FileReport(str(path), "failed", str(error)))
    there = set(found)
    gone = [path for path in known if Path(path) not in there and _is_gone(Path(path))]
    # Its document came from another path now, such as the corpus of a newer installation.
    moved = [path for path in gone if known[path].doc in {document.id for document in fresh}]
    files += [FileReport(path, "removed") for path in moved]
    if keep is None:
        files += [FileReport(path, "failed", _GONE) for path in gone if path not in moved]
    known_signals = keep.signals_digest() if keep else ""
    signals = book if book and book.digest != known_signals else None
    return _Plan(keep, tuple(fresh), (*removed, *moved), signals, tuple(files))


def _is_gone(path: Path) -> bool:
    """Whether nothing is at the path; what only cannot be looked at, for lack of permission, is not gone."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _files(roots: Iterable[Path], known: dict[str, Known]) -> tuple[list[Path], list[FileReport]]:
    """Each root's files, those of the store that were below it included, once and in order; and the folders that
    could not be listed, as failures."""
    found: dict[Path, None] = {}
    failed: list[FileReport] = []

    def unlisted(error: OSError) -> None:
        failed.append(
            FileReport(
                str(error.filename), "failed", f"it cannot be listed ({error.strerror}); check its permissions"
            )
        )

    for root in roots:
        # Path.is_dir would raise where a folder above may not be entered.
        if os.path.isdir(root):  # noqa: PTH112
            for folder, names, leaves in os.walk(root, onerror=unlisted):
                names[:] = sorted(n for n in names if not n.startswith("."))
                for leaf in sorted(leaves):
                    if not leaf.startswith("."):
                        found[Path(folder) / leaf] = None
        else:
            found[root] = None
        below = f"{root}{os.sep}"
        found |= {Path(path): None for path in known if path.startswith(below)}
    return list(found), failed


def _with_own_id(document: Document, taken: dict[str, str]) -> Document:
    """Two files may have one name; the later one gets an id with a part of its path's digest."""
    if taken.get(document.id, document.path) == document.path:
        return document
    import hashlib

    suffix = hashlib.sha256(document.path.encode()).hexdigest()[:6]
    return replace(document, id=f"{document.id}-{suffix}")


def _write_store(folder: Path, plan: _Plan, embedder: SentenceEmbedder, progress: ProgressBar | None) -> None:
    target = folder / "store.sqlite"
    if plan.keep:
        plan.keep.copy_to(target)
    with Store(target, create=plan.keep is None) as store:
        for path in plan.removed:
            store.remove(path)
        for entry in _entries(plan.fresh, embedder, progress):
            store.put(entry)
        store.put_origin(embedder.identity.digest, CHUNKER)
        if plan.signals:
            _put_signals(store, plan.signals, embedder, progress)
        store.commit()


def _put_signals(store: Store, book: SignalBook, embedder: SentenceEmbedder, progress: ProgressBar | None) -> None:
    reasons = _embed([signal.reason for signal in book.signals.values()], embedder, progress)
    told = zip(book.signals.values(), reasons, strict=True)
    by_signal = {signal.id: (signal.reason, vector) for signal, vector in told}
    store.put_signals(trained(book, embedder, progress), by_signal, book.digest)


def _entries(
    documents: Sequence[Document], embedder: SentenceEmbedder, progress: ProgressBar | None
) -> Iterable[Entry]:
    """All texts of all documents are embedded together, so that batches hold texts of like length."""
    prepared = []
    texts: list[str] = []
    for document in documents:
        parts = chunks(document)
        covers = [w for c in parts for w in windows(c, document.title, document.asked.get(c.id.split("#")[1], ()))]
        said = [(c.id, s) for c in parts for s in chunk_sentences(c)]
        prepared.append((document, parts, covers, said))
        texts += [w.text for w in covers]
        texts += [s.text for _, s in said]
    vectors = _embed(texts, embedder, progress)
    at = 0
    for document, parts, covers, said in prepared:
        middle, end = at + len(covers), at + len(covers) + len(said)
        yield Entry(document, tuple(parts), tuple(covers), vectors[at:middle], tuple(said), vectors[middle:end])
        at = end


def _embed(texts: Sequence[str], embedder: SentenceEmbedder, progress: ProgressBar | None) -> Vectors:
    if not progress or not texts:
        return embedder.embed(texts)
    with progress(len(texts), "Embedding") as bar:
        return embedder.embed(texts, on_progress=bar.update)
