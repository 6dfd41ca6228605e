"""Feedback in a real SQLite file: kept, cut, written by several at once, and what is said when it cannot be."""

from __future__ import annotations

import csv
import io
import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from ui.cli_feedback import feedback as command
from ui.feedback import LONGEST, NOT_KEPT, TEXTS, THANKS, Collector, Feedback, FeedbackUnavailable, _said, default_url
from ui.feedback import open_store as opened

GOOD = Feedback(
    "up",
    "It asked the right thing.",
    "Should we fine-tune?",
    "Not yet.",
    "retrieval",
    "quoting",
    "advise",
    "1f3a",
    "g1",
)
BAD = Feedback("down", "=cmd|' /C calc'!A0", "Why “RAG”?\nReally, why? 日本 🦜", "Because.")
WRITER = """
import sys
from ui.feedback import Feedback, open_store
store = open_store(sys.argv[1])
for n in range(40):
    store.add(Feedback("up", reason=f"{sys.argv[2]}-{n}"))
store.close()
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return default_url(tmp_path / "data")


def test_what_is_kept_comes_back_whole_the_latest_first(url: str) -> None:
    store = opened(url)
    store.add(GOOD)
    store.add(BAD)
    assert [replace(row, id=None) for row in store.rows()] == [BAD, GOOD]
    assert [row.id for row in store.rows(limit=1)] == [2]
    store.close()


def test_it_is_there_after_a_restart(url: str) -> None:
    for _ in range(2):
        store = opened(url)
        store.add(GOOD)
        store.close()
    assert len(opened(url).rows()) == 2


def test_long_texts_are_cut_and_odd_characters_taken_out(url: str) -> None:
    store = opened(url)
    store.add(Feedback("down", reason="a\0b\ud800" + "x" * 5_000, question="é" * 9_000, model="m" * 999))
    [row] = store.rows()
    assert row.reason.startswith("ab?x")
    assert (len(row.reason), len(row.question), len(row.model)) == (LONGEST["reason"], LONGEST["question"], 200)
    store.close()


def test_what_looks_like_sql_is_a_text(url: str) -> None:
    store = opened(url)
    store.add(replace(GOOD, reason="'); DROP TABLE feedback; --"))
    assert store.rows()[0].reason.startswith("');")
    store.close()


def test_two_processes_and_several_threads_write_at_once(url: str) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url, str(n)]) for n in range(2)]
    store = opened(url)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: store.add(Feedback("up", reason=f"thread-{n}")), range(40)))
    assert [writer.wait(120) for writer in writers] == [0, 0]
    assert len({row.reason for row in store.rows()}) == 120
    store.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "not one that SQLAlchemy knows"),
        ("sqlite:////proc/nowhere/feedback.sqlite", "cannot be made"),
        ("sqlite:////proc/feedback.sqlite", "cannot be used"),
        ("mysql+nosuch://host/name", "not one that SQLAlchemy knows"),
        ("oracle+oracledb://host/name", "pip install oracledb"),
    ],
    ids=["no address", "no folder", "read only", "no dialect", "no driver"],
)
def test_a_database_that_cannot_be_opened_is_said_in_a_sentence_with_the_next_step(url: str, says: str) -> None:
    with pytest.raises(FeedbackUnavailable, match=says) as raised:
        opened(url)
    assert "\n" not in str(raised.value)


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "feedback.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(FeedbackUnavailable, match="not a database"):
        opened(default_url(tmp_path))


def test_a_chat_goes_on_without_a_database_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert Collector("sqlite:////proc/feedback.sqlite").keep(GOOD) == NOT_KEPT
    assert "cannot be used" in caplog.text


def test_the_database_is_tried_again_once_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.write_text("a file where the folder should be")
    collector = Collector(default_url(folder))
    assert collector.keep(GOOD) == NOT_KEPT
    folder.unlink()
    assert collector.keep(GOOD) == THANKS
    collector.close()


def test_a_password_is_not_told() -> None:
    with pytest.raises(FeedbackUnavailable) as raised, _said(make_url("postgresql://me:secret@host/name")):
        raise OperationalError("SELECT 1", {}, Exception("server closed the connection"))
    assert "postgresql://me:***@host/name" in str(raised.value)
    assert "server closed the connection" in str(raised.value)


def exported(tmp_path: Path, *arguments: str) -> str:
    result = CliRunner().invoke(command, ["--home", str(tmp_path), *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_it_is_exported_for_people_and_scripts(tmp_path: Path) -> None:
    assert "Nobody has given feedback yet." in exported(tmp_path)
    store = opened(default_url(tmp_path))
    store.add(GOOD)
    store.add(BAD)
    store.close()
    rows = json.loads(exported(tmp_path, "--json"))
    assert [row["verdict"] for row in rows] == ["down", "up"]
    assert rows[0]["question"] == BAD.question
    assert set(rows[0]) == {"id", *TEXTS}
    assert "Should we fine-tune?" in exported(tmp_path)
    assert len(json.loads(exported(tmp_path, "--json", "--limit", "1"))) == 1


def test_no_spreadsheet_runs_what_people_write(tmp_path: Path) -> None:
    store = opened(default_url(tmp_path))
    store.add(BAD)
    store.close()
    [row] = csv.DictReader(io.StringIO(exported(tmp_path, "--csv")))
    assert row["reason"] == f"'{BAD.reason}"
    assert row["question"] == BAD.question


def test_two_forms_at_once_are_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--home", str(tmp_path), "--json", "--csv"])
    assert result.exit_code == click.UsageError.exit_code
