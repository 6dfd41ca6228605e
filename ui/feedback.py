"""What people think of answers, kept in a database: a SQLite file, or any other by its SQLAlchemy URL.

SQLite's file may be written by several threads and processes at once; a writer waits for the others.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bot.errors import ConsultantError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine, Table

log = logging.getLogger(__name__)

Verdict = Literal["up", "down"]
FILE = "feedback.sqlite"
# Characters that are kept of each text; what people write is cut, not refused.
LONGEST = {"reason": 2_000, "question": 8_000, "answer": 20_000}
LONGEST_NAME = 200
# Seconds that a writer waits for another, or for a server to answer.
_PATIENCE = {"sqlite": {"timeout": 10}, "postgresql": {"connect_timeout": 10}}
THANKS = "Thank you, that was kept."
NOT_KEPT = "Thank you, but that could not be kept. The reason is in the server's log."


class FeedbackUnavailable(ConsultantError):
    """Raised when the database cannot be opened, written or read; the message says what to do."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Feedback:
    """What somebody thinks of an answer: helpful (`up`) or not (`down`), why, and what made the answer.

    `at` is when it was given, in UTC; `id` is the database's.
    """

    verdict: Verdict
    reason: str = ""
    question: str = ""
    answer: str = ""
    approach: str = ""
    model: str = ""
    prompt_id: str = ""
    prompt_version: str = ""
    corpus_generation: str = ""
    at: str = field(default_factory=_now)
    id: int | None = None


# Beside the id; all are texts.
TEXTS = ("at", *(f.name for f in fields(Feedback) if f.name not in ("id", "at")))


class FeedbackStore:
    """An open database; threads may share it."""

    def __init__(self, engine: Engine, table: Table) -> None:
        self._engine = engine
        self._table = table

    def add(self, feedback: Feedback) -> None:
        """Keep one, its texts cut to LONGEST; raises FeedbackUnavailable."""
        values = asdict(_cut(feedback))
        del values["id"]
        with _said(self._engine.url), self._engine.begin() as connection:
            connection.execute(self._table.insert(), values)

    def rows(self, limit: int | None = None) -> list[Feedback]:
        """The latest first, all of them without a limit; raises FeedbackUnavailable."""
        latest = self._table.select().order_by(self._table.c.id.desc()).limit(limit)
        with _said(self._engine.url), self._engine.connect() as connection:
            return [Feedback(**row) for row in connection.execute(latest).mappings()]

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()


def default_url(home: Path) -> str:
    """The URL of the SQLite file in a data directory.

    >>> default_url(Path("/srv/data"))
    'sqlite:////srv/data/feedback.sqlite'
    """
    return f"sqlite:///{home.expanduser().absolute() / FILE}"


def open_store(url: str) -> FeedbackStore:
    """Open the database of a SQLAlchemy URL, with its table; raises FeedbackUnavailable."""
    from sqlalchemy import Column, Integer, MetaData, Table, Text
    from sqlalchemy.schema import CreateTable

    engine = _engine(url)
    columns = [Column(name, Text, nullable=False) for name in TEXTS]
    table = Table("feedback", MetaData(), Column("id", Integer, primary_key=True), *columns)
    try:
        with _said(engine.url), engine.begin() as connection:
            connection.execute(CreateTable(table, if_not_exists=True))
    except FeedbackUnavailable:
        engine.dispose()
        raise
    return FeedbackStore(engine, table)


def _engine(url: str) -> Engine:
    from sqlalchemy import create_engine, event
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        made = make_url(url)
        backend = made.get_backend_name()
        if backend == "sqlite" and made.database:
            Path(made.database).parent.mkdir(parents=True, exist_ok=True)
        # A connection that a restart of the server broke is made anew.
        engine = create_engine(made, pool_pre_ping=backend != "sqlite", connect_args=_PATIENCE.get(backend, {}))
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise FeedbackUnavailable(
            "The address of the feedback database is not one that SQLAlchemy knows. Write it as "
            "sqlite:////folder/feedback.sqlite or postgresql+psycopg://user:password@host/name."
        ) from error
    except ImportError as error:
        raise FeedbackUnavailable(
            f"The feedback database needs the package {error.name}. Install it with: pip install {error.name}"
        ) from error
    except OSError as error:
        raise FeedbackUnavailable(
            f"The folder of the feedback database cannot be made ({error.strerror}). Choose another place for it."
        ) from error
    if backend == "sqlite":
        event.listen(engine, "connect", _together)
    return engine


def _together(connection: Any, _: object) -> None:
    """Readers and one writer do not hinder each other in this mode of SQLite."""
    connection.execute("PRAGMA journal_mode=WAL")


@contextmanager
def _said(address: URL) -> Iterator[None]:
    """Whatever goes wrong with the database, as one sentence without the password of its address."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    # SQLite's own error comes through where a connection is set up.
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        cause = " ".join(str(getattr(error, "orig", None) or error).split()) or type(error).__name__
        raise FeedbackUnavailable(
            f"The feedback database {address.render_as_string(hide_password=True)} cannot be used: {cause[:200]}. "
            "See that it is there and may be written."
        ) from error


def _cut(feedback: Feedback) -> Feedback:
    """The feedback with its texts cut; no database takes a null character or half of a surrogate pair."""
    texts: dict[str, Any] = {name: getattr(feedback, name) for name in TEXTS}
    clean = {name: text.encode("utf-8", "replace").decode().replace("\0", "") for name, text in texts.items()}
    kept: dict[str, Any] = {name: text[: LONGEST.get(name, LONGEST_NAME)] for name, text in clean.items()}
    return replace(feedback, **kept)


class Collector:
    """What the page gives feedback to: it opens the database at the first, and a fault of it never breaks a chat."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._store: FeedbackStore | None = None
        self._lock = threading.Lock()

    def keep(self, feedback: Feedback) -> str:
        """Keep it; the sentence for who gave it. Why something could not be kept is for the operator, in the log."""
        try:
            with self._lock:
                self._store = self._store or open_store(self._url)
            self._store.add(feedback)
        except FeedbackUnavailable as error:
            log.warning("%s", error)
            return NOT_KEPT
        return THANKS

    def close(self) -> None:
        """Let go of the database."""
        if self._store:
            self._store.close()
