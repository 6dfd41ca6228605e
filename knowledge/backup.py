"""Backup and restore: one zip archive with the store of the current generation and what it says of its making.

The store is the truth from which everything else is built, so the archive holds nothing that depends on Chroma's
version: a restore builds a new generation from it, without embedding, and checks it like every other.
"""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

from knowledge import index
from knowledge.chunks import CHUNKER
from knowledge.embeddings import ModelIdentity
from knowledge.errors import IndexMismatch, NoBackup
from knowledge.index import Home, Manifest
from knowledge.store import Store
from knowledge.sums import SUMS, damaged_files, write_sums

# All there is in an archive. Only these names are ever written, whatever an archive says.
_MEMBERS = ("manifest.json", "store.sqlite")


def backup(home: Home, file: Path) -> int:
    """Write the current generation's store into the file, replacing it; returns its bytes.

    Raises NoIndex or BrokenGeneration when there is nothing whole to keep, NoBackup when it cannot be written.
    """
    folder = home.current()
    index.check_files(folder)
    part = file.with_name(f"{file.name}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in (*_MEMBERS, SUMS):
                archive.write(folder / name, name)
        part.replace(file)
        return file.stat().st_size
    except OSError as error:
        raise NoBackup(f"{file} cannot be written ({error.strerror}). Choose another place for it.") from error
    finally:
        with suppress(OSError):
            part.unlink()


def restore(home: Home, file: Path, identity: ModelIdentity) -> Manifest:
    """Build a new generation from a backup and serve it; the one before is kept.

    Raises NoBackup when the file is damaged or something else, IndexMismatch when another model or version made
    it, WriterBusy; nothing is replaced then.
    """
    with home.writer(), home.new_generation() as folder:
        _unpack(file, folder)
        dimension = index.read_manifest(folder).dimension
        with Store(folder / "store.sqlite", read_only=True) as store:
            if not store.is_made_by(identity.digest, CHUNKER):
                raise IndexMismatch(
                    f"{file} was made by another version or with another embedding model. "
                    "Restore it with those, or build the index from its files with: consultant ingest"
                )
        made = index.build(folder, identity, dimension)
        index.verify_in_child(folder)
        write_sums(folder)
        home.publish(folder)
        return made


def _unpack(file: Path, folder: Path) -> None:
    """Write the members of a backup into the folder and compare their digests; raises NoBackup."""
    try:
        with _opened(file) as archive:
            if sorted(archive.namelist()) != sorted((*_MEMBERS, SUMS)):
                raise NoBackup(f"{file} is no backup of an index. Make one with: consultant backup FILE")
            for name in (*_MEMBERS, SUMS):
                with archive.open(name) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
        with Store(folder / "store.sqlite", read_only=True) as store:
            whole = store.is_whole() and not {*_MEMBERS, SUMS} & set(damaged_files(folder))
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        sqlite3.DatabaseError,
    ) as error:
        raise NoBackup(f"{file} is damaged or no backup ({error}). Take another one.") from error
    (folder / SUMS).unlink()
    if not whole:
        raise NoBackup(f"{file} is damaged (it differs from what was written). Take another one.")


def _opened(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except OSError as error:
        raise NoBackup(f"{file} cannot be read ({error.strerror}). Check the path.") from error
