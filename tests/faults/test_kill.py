"""`kill -9` at any moment of an ingest: the old index or the new one is served whole, and the next ingest works."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from knowledge import index
from knowledge.embeddings import SentenceEmbedder
from knowledge.index import Home
from knowledge.ingest import ingest
from knowledge.retriever import Retriever
from knowledge.verify import verify
from tests.faults.hashed import EMBEDDER, write

# At how many random moments; `make test-faults` asks for more.
MOMENTS = int(os.environ.get("TEST_KILLS", "6"))
ROOT = Path(__file__).parent.parent.parent
CONSULTANT = Path(sys.executable).parent / "consultant"
# What is killed: an ingest of argv[1] into argv[2], with vectors that cost nothing, so that most of its time goes
# into files. With argv[3] it kills itself at that call, before, after or in the middle of it.
CHILD = """
import os, shutil, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from knowledge import index
from knowledge.index import Home
from knowledge.ingest import ingest
from knowledge.store import Store
from tests.faults.hashed import Digests
import chromadb

def die(path):
    (Path(path) / "manifest.json").unlink()
    os.kill(os.getpid(), signal.SIGKILL)

def dying(real, when):
    def call(*args, **options):
        if when == "in":
            die(args[0])
        if when == "after":
            real(*args, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    return call

if sys.argv[3]:
    when, name = sys.argv[3].split()
    owner = {"commit": Store, "rename": Path, "replace": Path, "rmtree": shutil}.get(name, index)
    setattr(owner, name, dying(getattr(owner, name), when))
print("ready", flush=True)
ingest([Path(sys.argv[1])], Home(Path(sys.argv[2])), Digests(), corpus=None)
"""


def start(files: Path, home: Path, die: str = "") -> subprocess.Popen[str]:
    """Start an ingest in a process of its own and return when it begins to work."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(files), str(home), die, str(ROOT)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    assert child.stdout.readline() == "ready\n"
    return child


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `files` and a `home` of two good generations, the current one "old"; copy it."""
    root = tmp_path_factory.mktemp("twice")
    for word in ("older", "old"):
        write(root / "files", word)
        ingest([root / "files"], Home(root / "home"), EMBEDDER, corpus=None)
    return root


@pytest.fixture(scope="module")
def seconds(twice: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long an ingest takes that nobody kills."""
    root = tmp_path_factory.mktemp("seconds")
    shutil.copytree(twice, root / "copy")
    write(root / "copy" / "files", "new")
    with start(root / "copy" / "files", root / "copy" / "home") as child:
        began = time.monotonic()
        assert child.wait() == 0
        return time.monotonic() - began


@pytest.fixture
def place(twice: Path, tmp_path: Path) -> Path:
    """A copy whose home holds "old" and whose files say "new" by now."""
    shutil.copytree(twice / "home", tmp_path / "home")
    # The store knows its files by their paths.
    write(twice / "files", "new")
    (tmp_path / "files").symlink_to(twice / "files")
    return tmp_path


def served(home: Path) -> str:
    """The word that the whole index holds when it is opened next; fails when it holds two or is damaged."""
    generation = Retriever(Home(home), EMBEDDER).generation()
    said = {word for chunk in generation.chunks for word in chunk.text.split() if word.startswith(("old", "new"))}
    assert generation.manifest.documents == 3
    verify(generation.folder)
    generation.close()
    assert len({word.strip(".") for word in said}) == 1
    return said.pop().strip(".")


def assert_works_again(files: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further ingest succeeds and leaves nothing but its own and the generation before."""
    write(files, "newer")
    monkeypatch.setattr(index, "verify_in_child", verify)
    assert ingest([files], Home(home), EMBEDDER, corpus=None).generation == Home(home).current().name
    assert served(home) == "newer"
    assert_no_litter(home)


def assert_no_litter(home: Path) -> None:
    """Two generations, the lock, the pointer and the site: nothing else."""
    generations = list((home / "generations").iterdir())
    assert len(generations) <= 2
    assert all((folder / "manifest.json").is_file() and folder.name[0] != "." for folder in generations)
    assert {path.name for path in home.iterdir()} <= {"CURRENT", "generations", "library", "lock"}


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_an_ingest_killed_at_any_moment_harms_nothing(
    place: Path, twice: Path, seconds: float, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start(twice / "files", place / "home") as child:
        time.sleep(random.Random(seed).random() * seconds)
        child.kill()
    assert served(place / "home") in {"old", "new"}
    assert_works_again(twice / "files", place / "home", monkeypatch)


@pytest.mark.parametrize(
    ("moment", "word"),
    [
        ("before commit", "old"),
        ("after commit", "old"),
        ("after build", "old"),
        ("after verify_in_child", "old"),
        ("before rename", "old"),
        ("after rename", "old"),
        ("before replace", "old"),
        ("after replace", "new"),
        ("before rmtree", "new"),
        ("in rmtree", "new"),
    ],
    ids=lambda value: value.replace(" ", "-"),
)
def test_an_ingest_killed_at_each_of_its_steps_harms_nothing(
    place: Path, twice: Path, moment: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start(twice / "files", place / "home", moment) as child:
        assert child.wait() == -signal.SIGKILL
    assert served(place / "home") == word
    assert_works_again(twice / "files", place / "home", monkeypatch)


def test_a_killed_first_ingest_leaves_no_index_and_the_next_makes_one(
    twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start(twice / "files", tmp_path / "home", "after rename") as child:
        assert child.wait() == -signal.SIGKILL
    assert not (tmp_path / "home" / "CURRENT").exists()
    assert_works_again(twice / "files", tmp_path / "home", monkeypatch)


def test_an_ingest_without_changes_clears_away_what_a_killed_one_left(place: Path, twice: Path) -> None:
    with start(twice / "files", place / "home", "in rmtree") as child:
        child.wait()
    assert ingest([twice / "files"], Home(place / "home"), EMBEDDER, corpus=None).generation is None
    assert_no_litter(place / "home")


def documents(home: Path, embedder: Any) -> set[str]:
    """The documents of the whole and verified index that is opened next."""
    generation = Retriever(Home(home), embedder).generation()
    verify(generation.folder)
    generation.close()
    return {chunk.doc for chunk in generation.chunks}


@pytest.mark.slow
def test_the_command_itself_may_be_killed(corpus_home: Path, embedder: SentenceEmbedder, tmp_path: Path) -> None:
    shutil.copytree(corpus_home, tmp_path / "home")
    write(tmp_path / "files", "new")
    command = [str(CONSULTANT), "ingest", str(tmp_path / "files"), "--home", str(tmp_path / "home")]
    before = documents(tmp_path / "home", embedder)
    for seconds in (3, 7):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            try:
                child.wait(seconds)
            except subprocess.TimeoutExpired:
                child.kill()
        assert documents(tmp_path / "home", embedder) - before in (set(), {"apples", "bananas", "cherries"})
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert documents(tmp_path / "home", embedder) - before == {"apples", "bananas", "cherries"}
    assert_no_litter(tmp_path / "home")
