"""The disk is full or may not be written: it is said in a sentence, the index before is served, nothing is left."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knowledge.documents import read_document
from knowledge.errors import NotWritten
from knowledge.index import Home
from knowledge.reading_child import ApartReader
from knowledge.retriever import Retriever
from knowledge.verify import verify
from tests.faults.hashed import EMBEDDER, check_in_this_process, ingest_hashed, pristine_home, write

NOBODY = 65534


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without processes, which cost time, and which not every user may start here."""
    check_in_this_process(monkeypatch)
    monkeypatch.setattr(ApartReader, "read", lambda _, path: read_document(path))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `files` that say "new" by now and a `home` that holds "old"; copy the home."""
    root = tmp_path_factory.mktemp("pristine")
    pristine_home(root)
    write(root / "files", "new")
    return root


@pytest.fixture
def home(pristine: Path, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(pristine / "home", tmp_path / "home")))


def served(home: Home) -> str:
    """The word that the whole index holds when it is opened next."""
    generation = Retriever(home, EMBEDDER).generation()
    verify(generation.folder)
    generation.close()
    (word,) = {chunk.text.rsplit(" ", 1)[1].strip(".") for chunk in generation.chunks}
    return word


def assert_refused(home: Home, pristine: Path) -> None:
    """An ingest says why it cannot write, in a line with the next step."""
    with pytest.raises(
        NotWritten, match=r"^\S+ could not be written \(.+\)\. The index is as it was.*then try again\.$"
    ):
        ingest_hashed(pristine / "files", home.path)


def assert_unharmed(home: Home, pristine: Path) -> None:
    """The index is as it was; the next ingest succeeds and leaves its own and that before, and no litter."""
    assert served(home) == "old"
    assert ingest_hashed(pristine / "files", home.path).generation == home.current().name
    assert served(home) == "new"
    assert sorted(home.generations.iterdir()) == home.list()
    assert {path.name for path in home.path.iterdir()} <= {"CURRENT", "generations", "lock"}


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond this many bytes, as on a full disk; Python ignores the signal that would tell."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


# The store has 143 kB at this point, Chroma's database 238 kB.
@pytest.mark.parametrize("kilobytes", [0, 1, 10, 60, 140, 160, 200, 229])
def test_a_file_that_cannot_grow_is_told(home: Home, pristine: Path, kilobytes: int) -> None:
    with largest_file(kilobytes * 1000):
        assert_refused(home, pristine)
    assert_unharmed(home, pristine)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own, of 1 MB, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("free", [0, 8, 40, 100, 200, 300, 400])
def test_a_full_disk_is_told(small_disk: Path, pristine: Path, free: int) -> None:
    """With so many kilobytes left, one file or another is the one that does not fit."""
    home = Home(Path(shutil.copytree(pristine / "home", small_disk / "home")))
    filler = small_disk / "filler"
    disk = os.statvfs(small_disk)
    filler.write_bytes(bytes(disk.f_bavail * disk.f_bsize - free * 1024))
    assert_refused(home, pristine)
    filler.unlink()
    assert_unharmed(home, pristine)


def test_a_folder_that_may_only_be_read_is_served_and_not_written(home: Home, pristine: Path) -> None:
    """Root may write whatever its permissions say, but not on a file system that is mounted for reading."""
    bound = subprocess.run(["mount", "--bind", home.path, home.path], capture_output=True)
    if bound.returncode:
        pytest.skip("needs the right to mount a folder for reading only")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", home.path], check=True)
        assert_refused(home, pristine)
        assert served(home) == "old"
        with pytest.raises(NotWritten):
            home.collect()
        with pytest.raises(NotWritten):
            home.roll_back(EMBEDDER.identity)
    finally:
        subprocess.run(["umount", home.path], check=True)
    assert_unharmed(home, pristine)


@contextmanager
def nobody() -> Iterator[None]:
    """As a user to whom nothing here belongs; file permissions hold for them."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_index_that_cannot_be_opened_for_lack_of_room_is_not_called_damaged(home: Home) -> None:
    with largest_file(100_000), pytest.raises(NotWritten, match="Make room"):
        Retriever(home, EMBEDDER).generation()
    assert served(home) == "old"


@pytest.fixture
def of_nobody() -> Iterator[Path]:
    """As `pristine`, but in a folder that everybody may enter, with a home that belongs to nobody."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root / "files", "old")
        ingest_hashed(root / "files", root / "home")
        (root / "home" / "lock").unlink(missing_ok=True)
        write(root / "files", "new")
        root.chmod(0o755)
        for path in (root / "home", *(root / "home").rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        yield root


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("closed", ["home", "home/generations"])
def test_lost_permission_is_told(of_nobody: Path, closed: str) -> None:
    home = Home(of_nobody / "home")
    (of_nobody / closed).chmod(0o555)
    with nobody():
        assert_refused(home, of_nobody)
        assert served(home) == "old"
    (of_nobody / closed).chmod(0o755)
    with nobody():
        assert_unharmed(home, of_nobody)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_files_that_may_not_be_read_are_told_and_stay_as_they_were(of_nobody: Path) -> None:
    (of_nobody / "files").chmod(0o700)
    with nobody():
        report = ingest_hashed(of_nobody / "files", of_nobody / "home")
        assert report.failed == report.files
        assert served(Home(of_nobody / "home")) == "old"
