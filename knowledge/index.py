"""Generations: each ingest builds a whole new index beside the old one, checks it, then points to it.

    HOME/
      lock                      held by the one writer, freed by the system when it dies
      CURRENT                   the name of the generation that is served; replaced by one atomic rename
      generations/NAME/
        manifest.json           what made it: format, model digest, dimension, chunker, counts
        store.sqlite            documents, chunks, windows and vectors: the truth
        chroma/                 the vector index built from the store
        centres.npy             for each chunk the mean direction of the questions it answers
        bm25/                   the keyword index built from the store

A generation is never changed once it is named, so a reader needs no lock, and a crash at any moment leaves the
old generation or the new one whole. Chroma's own files are not crash-safe and a damaged one can take its process
down, hence the check in a child process before anybody serves it.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from knowledge.centres import centres_of
from knowledge.chunks import CHUNKER
from knowledge.embeddings import ModelIdentity
from knowledge.errors import BrokenGeneration, IndexMismatch, KnowledgeError, NoIndex, WriterBusy
from knowledge.lexical import LexicalIndex
from knowledge.sentences import without_markers
from knowledge.signals import signals_digest
from knowledge.store import Store
from knowledge.types import Chunk

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

FORMAT = 3
KEPT_GENERATIONS = 2
COLLECTION = "windows"
_BUILDING = ".building-"


@dataclass(frozen=True)
class Manifest:
    """What a generation says of its making."""

    format: int
    model: str
    model_digest: str
    dimension: int
    chunker: str
    signals: str
    documents: int
    chunks: int
    windows: int
    sentences: int
    created: str

    def check_vectors(self, identity: ModelIdentity) -> None:
        """Raise IndexMismatch when the vectors were made otherwise than this code with this model makes them."""
        self._compare({"format": FORMAT, "chunker": CHUNKER, "model_digest": identity.digest})

    def check(self, identity: ModelIdentity) -> None:
        """Raise IndexMismatch when this code with this model would read the generation wrongly."""
        self.check_vectors(identity)
        # An index without the corpus has no signals, and none that could be out of date.
        if self.signals:
            self._compare({"signals": signals_digest()})

    def _compare(self, ours: dict[str, int | str]) -> None:
        for name, value in ours.items():
            found = getattr(self, name)
            if found != value:
                raise IndexMismatch(
                    f"The index has another {name.replace('_', ' ')} ({_short(found)}, now {_short(value)}). "
                    "Bring it up to date with: consultant ingest"
                )


class Home:
    """The data directory: finds generations and adds new ones."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.generations = path / "generations"
        self.pointer = path / "CURRENT"

    def current(self) -> Path:
        """The folder of the generation that is served; raises NoIndex when there is none."""
        try:
            name = self.pointer.read_text(encoding="utf-8").strip()
        except (FileNotFoundError, NotADirectoryError):
            raise NoIndex(f"There is no index in {self.path}. Build one with: consultant ingest") from None
        folder = self.generations / name
        if not name or not (folder / "manifest.json").is_file():
            raise BrokenGeneration(
                f"The current index in {self.path} is incomplete. Build it anew with: consultant ingest --rebuild"
            )
        return folder

    def list(self) -> list[Path]:
        """All whole generations, oldest first."""
        if not self.generations.is_dir():
            return []
        return sorted(p for p in self.generations.iterdir() if (p / "manifest.json").is_file() and p.name[0] != ".")

    @contextmanager
    def writer(self) -> Iterator[None]:
        """Hold the writer's lock; raises WriterBusy at once when another process has it."""
        from filelock import FileLock, Timeout

        try:
            self.generations.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NoIndex(
                f"{self.path} cannot hold an index ({error.strerror}). Choose another folder with --home."
            ) from error
        try:
            with FileLock(self.path / "lock", timeout=0):
                current = self._served()
                # The one before the current is kept too; anything else is what a killed process left.
                self._clear(keep={*self.list()[-KEPT_GENERATIONS:], *([current] if current else [])})
                (self.path / "CURRENT.new").unlink(missing_ok=True)
                yield
        except Timeout:
            raise WriterBusy(
                f"Another process is ingesting into {self.path}. Wait until it has finished, then try again."
            ) from None

    @contextmanager
    def new_generation(self) -> Iterator[Path]:
        """A folder to build in; call `publish` inside. Whatever fails, the folder is gone afterwards."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        folder = self.generations / f"{_BUILDING}{stamp}-{secrets.token_hex(3)}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, building: Path) -> Path:
        """Name a built and verified generation, point to it, and drop the ones no longer kept."""
        final = self.generations / building.name.removeprefix(_BUILDING)
        before = self._served()
        _sync_tree(building)
        building.rename(final)
        _sync_folder(self.generations)
        fresh = self.path / "CURRENT.new"
        with fresh.open("w", encoding="utf-8") as file:
            file.write(final.name + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.pointer)
        _sync_folder(self.path)
        self._clear(keep={final, before} if before else {final})
        return final

    def _served(self) -> Path | None:
        try:
            return self.current()
        except KnowledgeError:
            return None

    def _clear(self, *, keep: set[Path]) -> None:
        """Remove every generation but these, and what a killed process left; each is unnamed first, so that a
        half-removed one is never taken for whole."""
        for folder in self.generations.iterdir():
            if folder in keep:
                continue
            if not folder.name.startswith(_BUILDING):
                folder = folder.rename(folder.with_name(f"{_BUILDING}{folder.name}"))
            shutil.rmtree(folder, ignore_errors=True)


class Generation:
    """A generation opened for reading; `close()` frees its files and memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        try:
            self.store = Store(folder / "store.sqlite", read_only=True)
            self.chunks: list[Chunk] = self.store.chunks()
            self.topics = self.store.topics()
            self.recogniser = self.store.recogniser()
            self.reasons = self.store.reasons()
            self.lexical = LexicalIndex.load(folder / "bm25")
            self.centres: NDArray[np.float32] = np.load(folder / "centres.npy")
            self._client, self.windows = _open_chroma(folder)
        # Damage shows itself as whatever error of SQLite, Chroma, numpy or the system it happens to cause.
        except Exception as error:
            raise BrokenGeneration(
                f"The index {folder.name} is damaged ({type(error).__name__}). "
                "Build it anew with: consultant ingest --rebuild"
            ) from error
        self.place = {chunk.id: i for i, chunk in enumerate(self.chunks)}

        # Also closes a generation that was replaced, once the last question answered from it lets go.
        self.close = weakref.finalize(self, _close, self.store, self._client)

    def nearest_windows(self, vectors: NDArray[np.float32], *, limit: int) -> list[list[tuple[str, float]]]:
        """For each query vector the nearest windows as (chunk id, cosine), best first."""
        found = self.windows.query(query_embeddings=vectors, n_results=limit, include=["distances"])
        distances = found["distances"]
        assert distances is not None, "distances were asked for"
        return [
            [(window.rsplit("@", 1)[0], 1 - distance) for window, distance in zip(ids, row, strict=True)]
            for ids, row in zip(found["ids"], distances, strict=True)
        ]


def _short(value: int | str) -> str:
    """A digest's beginning; a person compares it by eye."""
    return str(value) if len(str(value)) < 40 else f"{str(value)[:12]}…"


def _close(store: Store, client: Any) -> None:
    store.close()
    client.close()


def read_manifest(folder: Path) -> Manifest:
    """Read what a generation says of itself; raises BrokenGeneration or IndexMismatch."""
    try:
        raw = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if raw.get("format") != FORMAT:
            raise IndexMismatch(
                f"The index has format {raw.get('format')}, this version reads {FORMAT}. "
                "Build it anew with: consultant ingest --rebuild"
            )
        return Manifest(**raw)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BrokenGeneration(
            f"The index in {folder} is damaged. Build it anew with: consultant ingest --rebuild"
        ) from error


def build(folder: Path, identity: ModelIdentity, dimension: int) -> Manifest:
    """From `store.sqlite` in the folder, build the vector and keyword indexes and the manifest."""
    with Store(folder / "store.sqlite", read_only=True) as store:
        client, collection = _open_chroma(folder, create=True)
        try:
            for ids, vectors in store.windows():
                collection.add(ids=ids, embeddings=vectors)
        finally:
            client.close()
        titles, asked = store.titles(), store.asked()
        texts = [searchable(titles[c.doc], c, asked.get(c.id, "")) for c in store.chunks()]
        LexicalIndex.build(texts).save(folder / "bm25")
        np.save(folder / "centres.npy", centres_of(store, dimension))
        manifest = Manifest(
            format=FORMAT,
            model=identity.name,
            model_digest=identity.digest,
            dimension=dimension,
            chunker=CHUNKER,
            signals=store.signals_digest(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            **store.counts(),
        )
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
    return manifest


def verify_in_child(folder: Path) -> None:
    """Run `verify` in a process of its own, since a damaged index can end the process that opens it."""
    # Its input is a pipe from here: when this process dies, it ends too and writes no more.
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "knowledge.verify", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None, "a pipe was asked for"
        said = child.stderr.read()
    if child.returncode != 0:
        reason = said.strip().split("\n")[-1] or f"the check ended with code {child.returncode}"
        raise BrokenGeneration(
            f"The index {folder.name} failed its check ({reason}). Build it anew with: consultant ingest --rebuild"
        )


def searchable(title: str, chunk: Chunk, asked: str = "") -> str:
    """The words a chunk is found by: its own, its heading's, its document's title's, and those it is asked in."""
    return f"{title}\n{chunk.heading}\n{without_markers(chunk.text)}\n{asked}".rstrip()


def _writable(folder: Path) -> Path:
    """The folder, or a copy of it that lives as long as this process where it may not be written: Chroma writes
    when it opens an index, even to read it."""
    if all(os.access(path, os.W_OK) for path in (folder, *folder.rglob("*"))):
        return folder
    copy = Path(tempfile.mkdtemp(prefix="consultant-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    # Without the permissions of the originals, which are what stands in the way.
    return Path(shutil.copytree(folder, copy / folder.name, copy_function=shutil.copyfile))


def _open_chroma(folder: Path, *, create: bool = False) -> tuple[Any, Collection]:
    import chromadb

    if not create and not (folder / "chroma" / "chroma.sqlite3").is_file():
        # Chroma would make an empty one.
        raise FileNotFoundError(folder / "chroma")
    client: Any = chromadb.PersistentClient(
        path=str(folder / "chroma" if create else _writable(folder / "chroma")),
        settings=chromadb.config.Settings(anonymized_telemetry=False),
    )
    try:
        if create:
            return client, client.create_collection(
                COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
        return client, client.get_collection(COLLECTION, embedding_function=None)
    except BaseException:
        client.close()
        raise


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        elif path.is_dir():
            _sync_folder(path)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
