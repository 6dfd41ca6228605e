"""SHA256SUMS: the digest of each file of a generation, taken when it had passed its check.

Bytes that are still the same are as safe to open as they were then; whatever differs is found without opening it.
The form is that of coreutils, so `sha256sum --check SHA256SUMS` says the same.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

SUMS = "SHA256SUMS"


def write_sums(folder: Path) -> None:
    """Write the digests of all files below the folder."""
    lines = [f"{_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in _files(folder)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def damaged_files(folder: Path) -> list[str]:
    """The names of the files that are gone, cannot be read, or differ from what was written; empty when all is
    well."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return [SUMS]
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}
    found = sorted(name for name, digest in listed.items() if "\0" in name or _digest(folder / name) != digest)
    # A list that was cut off, or whose names were changed, lacks some.
    unlisted = {path.relative_to(folder).as_posix() for path in _files(folder)} - set(listed)
    return [*found, SUMS] if unlisted or not listed else found


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SUMS)


def _digest(path: Path) -> str:
    """SHA-256 of a file in hex, empty when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
