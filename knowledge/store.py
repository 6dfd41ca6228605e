"""Documents, chunks, windows and vectors in one SQLite file: the truth from which every index is built.

A store is written once, as a part of a new generation, and only read afterwards.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge.chunks import ASKED_WINDOW, HEADING_WINDOW
from knowledge.recogniser import Recogniser, Trained
from knowledge.signals import Range
from knowledge.types import Chunk, Document, Sentence, Source, Window

_SCHEMA = """
CREATE TABLE documents (
    id TEXT PRIMARY KEY, path TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, title TEXT NOT NULL,
    summary TEXT NOT NULL, topic TEXT NOT NULL, updated TEXT NOT NULL, markdown INTEGER NOT NULL,
    body_start INTEGER NOT NULL, text TEXT NOT NULL, sources TEXT NOT NULL
);
CREATE TABLE chunks (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    doc TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    heading TEXT NOT NULL, text TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL
);
CREATE INDEX chunks_doc ON chunks(doc);
CREATE TABLE windows (
    id TEXT PRIMARY KEY, chunk TEXT NOT NULL REFERENCES chunks(id) ON DELETE CASCADE,
    text TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, vector BLOB NOT NULL
);
CREATE INDEX windows_chunk ON windows(chunk);
CREATE TABLE sentences (
    chunk TEXT NOT NULL REFERENCES chunks(id) ON DELETE CASCADE,
    text TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, keys TEXT NOT NULL, vector BLOB NOT NULL
);
CREATE INDEX sentences_chunk ON sentences(chunk);
CREATE TABLE phrasings (text TEXT NOT NULL);
CREATE TABLE reasons (signal TEXT PRIMARY KEY, text TEXT NOT NULL, vector BLOB NOT NULL);
CREATE TABLE trained (
    signal TEXT PRIMARY KEY, slot TEXT NOT NULL, weights BLOB NOT NULL, bias REAL NOT NULL,
    unit TEXT, low REAL, high REAL
);
CREATE TABLE trained_slots (slot TEXT PRIMARY KEY, weights BLOB NOT NULL, bias REAL NOT NULL);
CREATE TABLE digests (name TEXT PRIMARY KEY, digest TEXT NOT NULL);
"""

# Raised with every change of the tables.
_SCHEMA_VERSION = 1

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Entry:
    """All that one document adds to the store; vectors have one row for each window and each sentence."""

    document: Document
    chunks: tuple[Chunk, ...]
    windows: tuple[Window, ...]
    window_vectors: Vector
    sentences: tuple[tuple[str, Sentence], ...]
    sentence_vectors: Vector


@dataclass(frozen=True)
class Known:
    """What the store knows of a file without reading its text."""

    doc: str
    path: str
    sha256: str


class Store:
    """One SQLite file; a context manager that closes it. Writes become durable at `commit`."""

    def __init__(self, path: Path, *, create: bool = False, read_only: bool = False) -> None:
        self.path = path
        mode = "ro" if read_only else "rwc" if create else "rw"
        # Readers share a connection between threads: SQLite is built serialised, and nobody writes.
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, check_same_thread=False)
        self._db.execute("PRAGMA foreign_keys = ON")
        if create:
            self._db.executescript(f"{_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION};")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def commit(self) -> None:
        """Make what was written durable."""
        self._db.commit()

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy to a new file."""
        target = sqlite3.connect(path)
        try:
            self._db.backup(target)
        finally:
            target.close()

    def put_origin(self, model: str, chunker: str) -> None:
        """Remember what the vectors were made by: the digest of the model's weights and the name of the chunker."""
        rows = [("model", model), ("chunker", chunker)]
        self._db.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?)", rows)

    def is_whole(self) -> bool:
        """Whether SQLite finds no damage in the file; raises sqlite3.Error when it cannot even look."""
        return bool(self._db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))

    def is_made_by(self, model: str, chunker: str) -> bool:
        """Whether its tables are today's and its vectors were made by this model and chunker."""
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        found = dict(self._db.execute("SELECT name, digest FROM digests"))
        made = (version, found.get("model"), found.get("chunker"))
        return bool(made == (_SCHEMA_VERSION, model, chunker))

    def known(self) -> dict[str, Known]:
        """Path → what is known of each document."""
        rows = self._db.execute("SELECT id, path, sha256 FROM documents ORDER BY path")
        return {path: Known(doc, path, sha256) for doc, path, sha256 in rows}

    def put(self, entry: Entry) -> None:
        """Add a document, or replace the one that came from the same path."""
        document = entry.document
        self.remove(document.path)
        row = asdict(document) | {"sources": json.dumps([asdict(s) for s in document.sources])}
        self._db.execute(
            "INSERT INTO documents VALUES (:id, :path, :sha256, :title, :summary, :topic, :updated, :markdown, "
            ":body_start, :text, :sources)",
            row,
        )
        self._db.executemany(
            "INSERT INTO chunks (id, doc, heading, text, start, end) VALUES (?, ?, ?, ?, ?, ?)",
            [(c.id, c.doc, c.heading, c.text, c.start, c.end) for c in entry.chunks],
        )
        self._db.executemany(
            "INSERT INTO windows VALUES (?, ?, ?, ?, ?, ?)",
            [
                (w.id, w.chunk, w.text, w.start, w.end, _pack(v))
                for w, v in zip(entry.windows, entry.window_vectors, strict=True)
            ],
        )
        self._db.executemany(
            "INSERT INTO sentences VALUES (?, ?, ?, ?, ?, ?)",
            [
                (chunk, s.text, s.start, s.end, " ".join(s.keys), _pack(v))
                for (chunk, s), v in zip(entry.sentences, entry.sentence_vectors, strict=True)
            ],
        )

    def remove(self, path: str) -> None:
        """Take out the document that came from this path, with all that belongs to it."""
        self._db.execute("DELETE FROM documents WHERE path = ?", (path,))

    def put_signals(self, trained: Trained, reasons: Mapping[str, tuple[str, Vector]], digest: str) -> None:
        """Replace the signals: what recognises them, and for each the text and the vector of its reason."""
        for table in ("phrasings", "reasons", "trained", "trained_slots"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608
        self._db.executemany("INSERT INTO phrasings VALUES (?)", [(text,) for text in trained.texts])
        self._db.executemany(
            "INSERT INTO reasons VALUES (?, ?, ?)", [(s, text, _pack(v)) for s, (text, v) in reasons.items()]
        )
        packed = [(_pack(w), float(b)) for w, b in zip(trained.weights, trained.biases, strict=True)]
        ranges = [(r.unit, r.low, r.high) if r else (None, None, None) for r in trained.ranges]
        count = len(trained.signals)
        self._db.executemany(
            "INSERT INTO trained VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (*named, *learnt, *within)
                for *named, learnt, within in zip(trained.signals, trained.slots, packed[:count], ranges, strict=True)
            ],
        )
        self._db.executemany(
            "INSERT INTO trained_slots VALUES (?, ?, ?)",
            [(s, *learnt) for s, learnt in zip(dict.fromkeys(trained.slots), packed[count:], strict=True)],
        )
        self._db.execute("INSERT OR REPLACE INTO digests VALUES ('signals', ?)", (digest,))

    def signals_digest(self) -> str:
        """Digest of the signals whose vectors are here, empty without any."""
        row = self._db.execute("SELECT digest FROM digests WHERE name = 'signals'").fetchone()
        return row[0] if row else ""

    def recogniser(self) -> Recogniser:
        """What recognises the signals that are stored here; one that recognises nothing without any."""
        query = "SELECT signal, slot, weights, bias, unit, low, high FROM trained ORDER BY rowid"
        rows = self._db.execute(query).fetchall()
        if not rows:
            return Recogniser(None)
        names, slots, weights, biases, units, lows, highs = zip(*rows, strict=True)
        of_slots = self._db.execute("SELECT weights, bias FROM trained_slots ORDER BY rowid").fetchall()
        weights, biases = (*weights, *(w for w, _ in of_slots)), (*biases, *(b for _, b in of_slots))
        ranges = [Range(u, low, high) if u else None for u, low, high in zip(units, lows, highs, strict=True)]
        texts = [text for (text,) in self._db.execute("SELECT text FROM phrasings ORDER BY rowid")]
        return Recogniser(
            Trained(names, slots, tuple(ranges), tuple(texts), _stack(weights), np.array(biases, dtype=np.float32))
        )

    def reasons(self) -> dict[str, Vector]:
        """Signal id → the vector of its reason."""
        return {signal: _unpack(v) for signal, v in self._db.execute("SELECT signal, vector FROM reasons")}

    def document(self, doc: str) -> Document | None:
        """One document with its text, or None."""
        columns = "id, title, text, body_start, summary, topic, updated, path, sha256, markdown"
        query = f"SELECT {columns}, sources FROM documents WHERE id = ?"  # noqa: S608
        row = self._db.execute(query, (doc,)).fetchone()
        if row is None:
            return None
        values = dict(zip(columns.split(", "), row[:-1], strict=True))
        values["markdown"] = bool(values["markdown"])
        return Document(**values, sources=tuple(Source(**s) for s in json.loads(row[-1])))

    def chunks(self) -> list[Chunk]:
        """All chunks in a fixed order; the keyword index counts them by their place in it."""
        rows = self._db.execute("SELECT id, doc, heading, text, start, end FROM chunks ORDER BY position")
        return [Chunk(*row) for row in rows]

    def asked(self) -> dict[str, str]:
        """Chunk id → the other questions that it answers, a line each."""
        rows = self._db.execute(
            "SELECT chunk, text FROM windows WHERE id LIKE ? ORDER BY rowid", (f"%{ASKED_WINDOW}%",)
        )
        found: dict[str, str] = {}
        for chunk, text in rows:
            found[chunk] = f"{found[chunk]}\n{text}" if chunk in found else text
        return found

    def titles(self) -> dict[str, str]:
        """Document id → title."""
        return dict(self._db.execute("SELECT id, title FROM documents"))

    def topics(self) -> dict[str, str]:
        """Document id → the corpus folder it belongs to, empty for documents from elsewhere."""
        return dict(self._db.execute("SELECT id, topic FROM documents"))

    def windows(self, *, batch: int = 1000) -> Iterator[tuple[list[str], Vector]]:
        """Window ids and their vectors, a batch at a time, in a fixed order."""
        cursor = self._db.execute("SELECT id, vector FROM windows ORDER BY rowid")
        while rows := cursor.fetchmany(batch):
            yield [row[0] for row in rows], np.stack([_unpack(row[1]) for row in rows])

    def moved_since(self, before: Path) -> tuple[list[str], list[str]]:
        """The windows that only an earlier store has, and those that only this one has, by the documents they are of.

        A document counts as the same with the same id and content.
        """
        self._db.execute("ATTACH ? AS earlier", (f"{before.absolute().as_uri()}?mode=ro",))
        try:
            return self._only_in("earlier", "main"), self._only_in("main", "earlier")
        finally:
            self._db.execute("DETACH earlier")

    def _only_in(self, one: str, other: str) -> list[str]:
        rows = self._db.execute(
            f"SELECT windows.id FROM {one}.windows JOIN {one}.chunks ON chunks.id = windows.chunk "  # noqa: S608
            f"JOIN {one}.documents AS document ON document.id = chunks.doc WHERE NOT EXISTS (SELECT 1 FROM "
            f"{other}.documents AS same WHERE same.id = document.id AND same.sha256 = document.sha256) "
            "ORDER BY windows.rowid"
        )
        return [window for (window,) in rows]

    def vectors_of(self, windows: Sequence[str]) -> Vector:
        """The vectors of these windows, shape (windows, dimension)."""
        marks = ", ".join("?" * len(windows))
        rows = self._db.execute(f"SELECT id, vector FROM windows WHERE id IN ({marks})", tuple(windows))  # noqa: S608
        found = {window: _unpack(vector) for window, vector in rows}
        return np.stack([found[window] for window in windows])

    def sentences_of(self, chunk_ids: Sequence[str]) -> dict[str, list[tuple[Sentence, Vector]]]:
        """Chunk id → its sentences with their vectors, in the order of the text."""
        marks = ", ".join("?" * len(chunk_ids))
        rows = self._db.execute(
            f"SELECT chunk, text, start, end, keys, vector FROM sentences WHERE chunk IN ({marks}) "  # noqa: S608
            "ORDER BY rowid",
            tuple(chunk_ids),
        )
        found: dict[str, list[tuple[Sentence, Vector]]] = {chunk: [] for chunk in chunk_ids}
        for chunk, text, start, end, keys, vector in rows:
            found[chunk].append((Sentence(text, start, end, tuple(keys.split())), _unpack(vector)))
        return found

    def headings_of(self, chunk_ids: Sequence[str]) -> dict[str, Vector]:
        """Chunk id → the vector of its heading; chunks without a heading of their own are left out."""
        marks = ", ".join("?" * len(chunk_ids))
        rows = self._db.execute(
            f"SELECT chunk, vector FROM windows WHERE id IN ({marks})",  # noqa: S608
            tuple(f"{chunk}{HEADING_WINDOW}" for chunk in chunk_ids),
        )
        return {chunk: _unpack(vector) for chunk, vector in rows}

    def counts(self) -> dict[str, int]:
        """How many documents, chunks, windows and sentences there are."""
        tables: Iterable[str] = ("documents", "chunks", "windows", "sentences")
        return {t: self._db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables}  # noqa: S608


def _pack(vector: Vector) -> bytes:
    return vector.astype("<f4").tobytes()


def _unpack(blob: bytes) -> Vector:
    return np.frombuffer(blob, dtype="<f4")


def _stack(blobs: Sequence[bytes]) -> Vector:
    return np.stack([_unpack(blob) for blob in blobs]) if blobs else np.zeros((0, 0), dtype=np.float32)
