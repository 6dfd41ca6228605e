"""Any series of changes, ingests, crashes and rollbacks leaves what a dictionary would hold."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from knowledge import index
from knowledge.documents import read_document
from knowledge.index import Home
from knowledge.reading_child import ApartReader
from knowledge.retriever import Retriever
from knowledge.verify import verify
from tests.faults.hashed import EMBEDDER, ingest_hashed

# How many series, and of how many steps; `make test-faults` asks for more.
EXAMPLES = int(os.environ.get("TEST_SERIES", "5"))
STEPS = int(os.environ.get("TEST_STEPS", "15"))
NAMES = st.sampled_from(["a.md", "b.md", "c.txt", "sub/a.md", "sub/d.md"])
WORDS = st.sampled_from(["apple", "banana", "cherry", "date", "elder"])
# Calls of an ingest at which it may crash, and whether the new index is served then.
CRASHES = {
    "commit": ("knowledge.store.Store.commit", False),
    "check": ("knowledge.index.verify_in_child", False),
    "name": ("pathlib.Path.rename", False),
    "point": ("pathlib.Path.replace", False),
    "clear": ("knowledge.index.Home._clear", True),
}


class Crash(BaseException):
    """As if the process had been killed: nothing cleans up after it."""


class Changes(RuleBasedStateMachine):
    """`files` is what lies in the folder, `indexed` what the index must hold, `before` what it held earlier."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.folder = self.root / "files"
        self.folder.mkdir()
        self.home = Home(self.root / "home")
        self.files: dict[str, str] = {}
        self.indexed: dict[str, str] | None = None
        self.before: dict[str, dict[str, str]] = {}
        self.retriever = Retriever(self.home, EMBEDDER)

    @rule(name=NAMES, word=WORDS)
    def write(self, name: str, word: str) -> None:
        """Add a file, or edit one."""
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(f"This is about {word}, in {name}.\n")
        self.files[name] = f"This is about {word}, in {name}."

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.files)))
        (self.folder / name).unlink()
        del self.files[name]

    @precondition(lambda self: self.files)
    @rule(data=st.data(), to=NAMES)
    def rename(self, data: st.DataObject, to: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.files)))
        (self.folder / to).parent.mkdir(exist_ok=True)
        (self.folder / name).replace(self.folder / to)
        self.files[to] = self.files.pop(name)

    @rule()
    def ingest(self) -> None:
        """Also without changes."""
        self.remember()
        ingest_hashed(self.folder, self.home.path)
        self.indexed = dict(self.files)

    @rule(at=st.sampled_from(sorted(CRASHES)))
    def crash(self, at: str) -> None:
        """An ingest that gets as far as the call, and no further."""
        self.remember()
        target, serves_new = CRASHES[at]

        def die(*_: Any, **__: Any) -> None:
            raise Crash

        with pytest.MonkeyPatch.context() as patch:
            # The holder of the lock clears away what the crash before left.
            with self.home.writer():
                pass
            patch.setattr(Home, "writer", lambda _: nullcontext())
            patch.setattr(index, "shutil", SimpleNamespace(copyfile=shutil.copyfile, rmtree=lambda *_, **__: None))
            patch.setattr(target, die)
            try:
                ingest_hashed(self.folder, self.home.path)
            except Crash:
                if serves_new:
                    self.indexed = dict(self.files)
            else:
                # There was nothing to build.
                self.indexed = dict(self.files)

    @rule()
    def reopen(self) -> None:
        """As after a restart."""
        self.retriever = Retriever(self.home, EMBEDDER)

    @precondition(lambda self: self.older())
    @rule()
    def roll_back(self) -> None:
        folder = self.home.roll_back(EMBEDDER.identity, self.older()[-1])
        self.indexed = self.before[folder.name]

    @precondition(lambda self: self.indexed)
    @rule(data=st.data())
    def query(self, data: st.DataObject) -> None:
        """A text's own vector finds its file's chunk."""
        assert self.indexed
        text = data.draw(st.sampled_from(sorted(self.indexed.values())))
        passages = self.retriever.retrieve([text]).passages
        assert text in {passage.chunk.text.strip() for passage in passages}

    @invariant()
    def holds_what_the_dictionary_holds(self) -> None:
        if self.indexed is None:
            return
        generation = self.retriever.generation()
        held = {known.path: known.doc for known in generation.store.known().values()}
        texts = {chunk.doc: chunk.text.strip() for chunk in generation.chunks}
        found = {str(Path(path).relative_to(self.folder)): texts[doc] for path, doc in held.items()}
        assert found == self.indexed

    def remember(self) -> None:
        """What the current generation holds, to go back to."""
        if self.indexed is not None:
            self.before[self.home.current().name] = self.indexed

    def older(self) -> list[str]:
        """The generations but the current one that a rollback may serve."""
        if self.indexed is None:
            return []
        return [f.name for f in self.home.list() if f != self.home.current() and f.name in self.before]

    def teardown(self) -> None:
        if self.indexed is not None:
            self.retriever.generation().close()
        shutil.rmtree(self.root)


def test_any_series_of_changes_leaves_what_a_dictionary_would_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without the seconds that processes cost; other tests start them.
    monkeypatch.setattr(index, "verify_in_child", verify)
    # Generations of one second are told apart by chance; which are kept must be the same in each run of a series.
    numbers = count()
    monkeypatch.setattr(index, "secrets", SimpleNamespace(token_hex=lambda _: f"{next(numbers):06x}"))
    monkeypatch.setattr(ApartReader, "read", lambda _, path: read_document(path))
    run_state_machine_as_test(
        Changes,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
