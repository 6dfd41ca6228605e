"""`consultant index | backup | restore` on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from knowledge.embeddings import SentenceEmbedder
from knowledge.index import Home
from tests.faults.hashed import Digests, check_in_this_process, two_generations
from ui import cli


@pytest.fixture(autouse=True)
def _check_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same check without the second that a process costs."""
    check_in_this_process(monkeypatch)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data directory with two generations, said to be made by the real model, whose weights are only digested."""
    return two_generations(tmp_path, Digests(SentenceEmbedder().identity)).path


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(cli.main, [*words, "--home", str(home)])


def said_in_one_line(result: Result) -> str:
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_generations_are_listed_gone_back_to_and_removed(home: Path) -> None:
    old, new = run(home, "index", "list").stdout.splitlines()
    assert old.startswith("  20250101T000000-old  3 documents, 6 chunks, ")
    assert new.startswith(f"* {Home(home).current().name}")
    assert run(home, "index", "rollback").stdout == "The index is now 20250101T000000-old.\n"
    assert [row["current"] for row in json.loads(run(home, "index", "list", "--json").stdout)] == [True, False]
    assert run(home, "index", "gc").stdout.endswith(" MB freed.\n")
    assert len(run(home, "index", "list").stdout.splitlines()) == 1
    assert "consultant index list" in said_in_one_line(run(home, "index", "rollback"))


def test_a_damaged_generation_is_listed_as_such(home: Path) -> None:
    (Home(home).current() / "centres.npy").unlink()
    assert "is damaged (centres.npy)" in run(home, "index", "list").stdout.splitlines()[1]


def test_without_an_index_the_command_is_named(tmp_path: Path) -> None:
    assert run(tmp_path / "none", "index", "list").stdout.endswith("consultant ingest\n")
    assert not (tmp_path / "none").exists()
    assert "consultant ingest" in said_in_one_line(run(tmp_path / "none", "backup", str(tmp_path / "kept.zip")))


def test_a_backup_is_restored_elsewhere(home: Path, tmp_path: Path) -> None:
    said = run(home, "backup", str(tmp_path / "kept.zip")).stdout
    assert said.endswith(f"Restore it with: consultant restore {tmp_path / 'kept.zip'}\n")
    result = run(tmp_path / "other", "restore", str(tmp_path / "kept.zip"))
    assert result.stdout == "The index now has 3 documents and 6 chunks.\n"
    assert "damaged or no backup" in said_in_one_line(run(home, "restore", str(tmp_path / "files" / "apples.md")))


def test_the_commands_load_nothing_heavy_to_say_their_help() -> None:
    code = "import sys; from ui.cli_index import index; print({'chromadb', 'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
