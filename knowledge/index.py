"""Generations: each ingest builds a whole new index beside the old one, checks it, then points to it.

    HOME/
      lock                      held by the one writer, freed by the system when it dies
      CURRENT                   the name of the generation that is served; replaced by one atomic rename
      generations/NAME/
        manifest.json           what made it: format, model digest, dimension, chunker, counts
        store.sqlite            documents, chunks, windows and vectors: the truth
        chroma/                 the vector index: built from the store, or the one before with what differs
        centres.npy             for each chunk the mean direction of the questions it answers
        bm25/                   the keyword index built from the store
        files.json              path → document id: what to read again should the store be damaged
        SHA256SUMS              the digests of all these files

A generation is never changed once it is named, so a reader needs no lock, and a crash at any moment leaves the
old generation or the new one whole. Chroma's own files are not crash-safe and a damaged one can take its process
down, hence the check in a child process before a generation is named, and the comparison of digests before
anybody opens it: what still has the bytes that passed the check is as safe to open as it was then.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from knowledge.centres import centres_of
from knowledge.chunks import CHUNKER
from knowledge.embeddings import ModelIdentity
from knowledge.errors import BrokenGeneration, IndexMismatch, NoIndex, NotWritten, WriterBusy
from knowledge.lexical import LexicalIndex
from knowledge.sentences import without_markers
from knowledge.signals import signals_digest
from knowledge.store import Store
from knowledge.sums import damaged_files
from knowledge.types import Chunk

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

FORMAT = 4
KEPT_GENERATIONS = 2
# Beyond this share of its windows put in or taken out, a vector index is built whole instead of carried over.
MOVED_SHARE = 0.1
COLLECTION = "windows"
_AT_ONCE = 500
_BUILDING = ".building-"
_REFUSALS = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
_MEND = "Mend it with: consultant ingest"


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
    # How many windows were put in or taken out since the vector index was built whole.
    moved: int = 0

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
        folder = self.pointed()
        if folder is None and not self.list():
            raise NoIndex(f"There is no index in {self.path}. Build one with: consultant ingest")
        if folder is None or not (folder / "manifest.json").is_file():
            part = "manifest.json" if folder else "CURRENT"
            raise BrokenGeneration(f"The current index in {self.path} is damaged ({part}). {_MEND}")
        return folder

    def pointed(self) -> Path | None:
        """The folder that CURRENT names, whole or not; None when it names none."""
        try:
            name = self.pointer.read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
        # A damaged pointer may hold anything, so it is looked for and not joined to a path.
        return next(
            (folder for folder in self.generations.glob("*") if folder.name == name and folder.is_dir()), None
        )

    def latest(self) -> Path | None:
        """The folder to carry over from: what CURRENT names, or the newest whole generation when it names none."""
        return self.pointed() or next(iter(reversed(self.list())), None)

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
        with ExitStack() as held:
            with _writing(self.path):
                try:
                    held.enter_context(FileLock(self.path / "lock", timeout=0))
                except Timeout:
                    raise WriterBusy(
                        f"Another process is ingesting into {self.path}. Wait until it has finished, then try again."
                    ) from None
                current = self.pointed()
                # The one before the current is kept too; anything else is what a killed process left.
                self._clear(keep={*self.list()[-KEPT_GENERATIONS:], *([current] if current else [])})
                (self.path / "CURRENT.new").unlink(missing_ok=True)
            yield

    @contextmanager
    def new_generation(self) -> Iterator[Path]:
        """A folder to build in; call `publish` inside. Whatever fails, the folder is gone afterwards.

        Raises NotWritten when the system would not write what was built.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        folder = self.generations / f"{_BUILDING}{stamp}-{secrets.token_hex(3)}"
        try:
            with _writing(self.path):
                folder.mkdir(parents=True)
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, building: Path) -> Path:
        """Name a built and verified generation, point to it, and drop the ones no longer kept."""
        final = self.generations / building.name.removeprefix(_BUILDING)
        before = self.latest()
        _sync_tree(building)
        building.rename(final)
        _sync_folder(self.generations)
        self._point_to(final)
        self._clear(keep={final, before} if before else {final})
        return final

    def roll_back(self, identity: ModelIdentity, name: str = "") -> Path:
        """Serve an earlier generation again, the one of this name or the one before the current.

        Raises NoIndex when there is none, BrokenGeneration or IndexMismatch when it could not be served.
        """
        with self.writer():
            current, whole = self.pointed(), self.list()
            older = [folder for folder in whole if current is None or folder.name < current.name]
            chosen = [folder for folder in whole if folder.name == name] if name else older[-1:]
            if not chosen:
                raise NoIndex(
                    f"There is no {f'index {name}' if name else 'older index'} to go back to. "
                    "See which there are with: consultant index list"
                )
            manifest = read_manifest(chosen[0])
            check_files(chosen[0])
            manifest.check(identity)
            with _writing(self.path):
                self._point_to(chosen[0])
            return chosen[0]

    def collect(self) -> int:
        """Remove all generations but the current one, and what killed processes left; returns the bytes freed."""
        with self.writer():
            current = self.current()
            before = _size(self.generations)
            with _writing(self.path):
                self._clear(keep={current})
            return before - _size(self.generations)

    def _point_to(self, folder: Path) -> None:
        fresh = self.path / "CURRENT.new"
        with fresh.open("w", encoding="utf-8") as file:
            file.write(folder.name + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.pointer)
        _sync_folder(self.path)

    def _clear(self, *, keep: set[Path]) -> None:
        """Remove every generation but these, and what a killed process left; each is unnamed first, so that a
        half-removed one is never taken for whole."""
        for folder in self.generations.iterdir():
            if folder in keep:
                continue
            if not folder.name.startswith(_BUILDING):
                folder = folder.rename(folder.with_name(f"{_BUILDING}{folder.name}"))
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say in a sentence that the system would not write; other errors stay what they are."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        # The low byte is the kind of an error of SQLite: https://www.sqlite.org/rescode.html
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF not in _REFUSALS:
            raise
        raise NotWritten(
            f"{path} could not be written ({getattr(error, 'strerror', None) or error}). The index is as it was "
            "before. Make room, or see to the permissions, then try again."
        ) from error


def summaries(home: Home) -> list[dict[str, Any]]:
    """What there is to go back to, oldest first: name, whether it is served, when and of what it was made, its bytes,
    and its problem when it cannot be read."""
    rows = []
    for folder in home.list():
        row: dict[str, Any] = {"name": folder.name, "current": folder == home.pointed(), "bytes": _size(folder)}
        try:
            made, problem = read_manifest(folder), ""
            check_files(folder)
        except (BrokenGeneration, IndexMismatch) as error:
            made, problem = None, str(error)
        facts = {name: getattr(made, name, None) for name in ("created", "documents", "chunks")}
        rows.append(row | facts | {"problem": problem})
    return rows


class Generation:
    """A generation opened for reading; `close()` frees its files and memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        with ExitStack() as opened:
            try:
                self.store = opened.enter_context(Store(folder / "store.sqlite", read_only=True))
                self.chunks: list[Chunk] = self.store.chunks()
                self.topics = self.store.topics()
                self.recogniser = self.store.recogniser()
                self.reasons = self.store.reasons()
                self.lexical = LexicalIndex.load(folder / "bm25")
                self.centres: NDArray[np.float32] = np.load(folder / "centres.npy")
                self.windows = _open_chroma(folder, opened)
                if self.manifest.windows:
                    # Chroma reads its vector files at the first query; by then they may have been taken away.
                    self.nearest_windows(np.ones((1, self.manifest.dimension), dtype=np.float32), limit=1)
            except NotWritten:
                raise
            # Damage shows itself as whatever error of SQLite, Chroma, numpy or the system it happens to cause.
            except Exception as error:
                raise BrokenGeneration(
                    f"The index {folder.name} is damaged ({type(error).__name__}). {_MEND}"
                ) from error
            # Also closes a generation that was replaced, once the last question answered from it lets go.
            self.close = weakref.finalize(self, opened.pop_all().close)
        self.place = {chunk.id: i for i, chunk in enumerate(self.chunks)}

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


def read_manifest(folder: Path) -> Manifest:
    """Read what a generation says of itself; raises BrokenGeneration or IndexMismatch."""
    try:
        raw = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if raw.get("format") != FORMAT:
            raise IndexMismatch(
                f"The index has format {raw.get('format')}, this version reads {FORMAT}. "
                "Bring it up to date with: consultant ingest"
            )
        return Manifest(**raw)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BrokenGeneration(f"The index in {folder} is damaged (manifest.json). {_MEND}") from error


def check_files(folder: Path) -> None:
    """Raise BrokenGeneration, naming the files, unless all are as they were when the generation was verified."""
    if damaged := damaged_files(folder):
        raise BrokenGeneration(f"The index {folder.name} is damaged ({', '.join(damaged)}). {_MEND}")


def build(folder: Path, identity: ModelIdentity, dimension: int, *, before: Path | None = None) -> Manifest:
    """From `store.sqlite` in the folder, build the vector and keyword indexes and the manifest.

    The vector index is that of the whole generation `before` with what differs, unless too much does.
    """
    with Store(folder / "store.sqlite", read_only=True) as store:
        moved = _carry_over_chroma(folder / "chroma", store, before) if before else None
        if moved is None:
            _build_chroma(folder / "chroma", store)
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
            moved=moved or 0,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            **store.counts(),
        )
        paths = {path: known.doc for path, known in store.known().items()}
    (folder / "files.json").write_text(json.dumps(paths, indent=0), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
    return manifest


def remembered_paths(folder: Path) -> dict[str, str]:
    """Path → document id as `files.json` has it; nothing when that is damaged too."""
    try:
        paths = json.loads((folder / "files.json").read_text(encoding="utf-8"))
        return {str(path): str(doc) for path, doc in paths.items()}
    except (OSError, ValueError, AttributeError):
        return {}


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


def _carry_over_chroma(path: Path, store: Store, before: Path) -> int | None:
    """Copy the vector index of the generation before and change what differs; returns how many windows were moved
    since an index was built whole, or None when it should be built whole again.

    Chroma keeps such changes in its log and brings them into the graph whenever it opens the index.
    """
    try:
        known = read_manifest(before)
    except IndexMismatch:
        # The index of another version: its store may be carried over, its vectors are put in anew.
        return None
    gone, fresh = store.moved_since(before / "store.sqlite")
    moved = known.moved + len(gone) + len(fresh)
    if not known.windows or moved > MOVED_SHARE * known.windows:
        return None
    with _chroma_errors():
        shutil.copytree(before / "chroma", path, copy_function=shutil.copyfile)
        client = _chroma_client(path)
        try:
            collection = client.get_collection(COLLECTION, embedding_function=None)
            for at in range(0, len(gone), _AT_ONCE):
                collection.delete(ids=gone[at : at + _AT_ONCE])
            for at in range(0, len(fresh), _AT_ONCE):
                some = fresh[at : at + _AT_ONCE]
                collection.add(ids=some, embeddings=store.vectors_of(some))
        finally:
            client.close()
    return moved


def _build_chroma(path: Path, store: Store) -> None:
    # Written to the vector files all at once, at the last window: otherwise each opening would write the rest.
    once = max(store.counts()["windows"], 1)
    hnsw = {"space": "cosine", "sync_threshold": once, "batch_size": min(once, 100)}
    with _chroma_errors():
        client = _chroma_client(path)
        try:
            collection = client.create_collection(COLLECTION, embedding_function=None, configuration={"hnsw": hnsw})
            for ids, vectors in store.windows():
                collection.add(ids=ids, embeddings=vectors)
        finally:
            client.close()


@contextmanager
def _chroma_errors() -> Iterator[None]:
    """What Chroma cannot write it tells in many ways, but all of them are its own errors."""
    from chromadb.errors import ChromaError

    try:
        yield
    except ChromaError as error:
        raise OSError(str(error)) from error


def _open_chroma(folder: Path, opened: ExitStack) -> Collection:
    """Open the vector index for reading; what to close afterwards goes onto the stack.

    Chroma writes into its database when it opens an index, even to read it. A generation is never changed, so the
    database is a copy of its own; the vector files are the generation's, by links.
    """
    if not (folder / "chroma" / "chroma.sqlite3").is_file():
        # Chroma would make an empty one.
        raise FileNotFoundError(folder / "chroma")
    with _writing(Path(tempfile.gettempdir())):
        temporary = tempfile.TemporaryDirectory(prefix="consultant-", ignore_cleanup_errors=True)
        copy = Path(opened.enter_context(temporary))
        for path in (folder / "chroma").absolute().iterdir():
            if path.is_dir():
                (copy / path.name).symlink_to(path, target_is_directory=True)
            else:
                # Without the permissions of the original, which may forbid writing.
                shutil.copyfile(path, copy / path.name)
    client = _chroma_client(copy)
    opened.callback(client.close)
    found: Collection = client.get_collection(COLLECTION, embedding_function=None)
    return found


def _chroma_client(path: Path) -> Any:
    import chromadb

    return chromadb.PersistentClient(path=str(path), settings=chromadb.config.Settings(anonymized_telemetry=False))


def _size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


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
