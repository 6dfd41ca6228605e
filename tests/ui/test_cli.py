"""The command line: stdout is the answer, a known error is one line on stderr, exit codes are the contract's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from knowledge.index import Home
from ui import cli

pytestmark = pytest.mark.usefixtures("loaded_model")

PROJECT = "We have no labelled data and two weeks. Should we fine-tune?"
CONSULTANT = [sys.executable, "-m", "ui.cli"]


@pytest.fixture
def own_home(corpus_home: Path, tmp_path: Path) -> Path:
    """A copy of the corpus's index that a test may change."""
    return Path(shutil.copytree(corpus_home, tmp_path / "home"))


def run(home: Path, *words: str, stdin: str | bytes | None = None) -> Result:
    command, *rest = words
    return CliRunner().invoke(cli.main, [command, "--home", str(home), *rest], input=stdin)


def start(home: Path, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    """The same as a process of its own, as a person or a script starts it."""
    command = [*CONSULTANT, *words, "--home", str(home)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=120)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def said_in_one_line(result: Result, code: int = 1) -> str:
    """The sentence on stderr of a known error that left stdout clean."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("consultant: ")
    return result.stderr.strip()


def test_ask_prints_the_answer_and_its_sources(corpus_home: Path) -> None:
    result = run(corpus_home, "ask", PROJECT)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "[1]" in result.stdout.split("\nSources\n")[0]
    assert "[1] " in result.stdout.split("\nSources\n")[1]
    assert not {"**", "\\", "[@"} & set(result.stdout)


def test_words_of_a_question_need_no_quotes(corpus_home: Path) -> None:
    result = run(corpus_home, "ask", "--json", "What", "is", "LoRA?")
    assert json.loads(result.stdout)["citations"][0]["doc"] == "lora"


def test_a_fact_may_be_set_by_hand(corpus_home: Path) -> None:
    result = run(corpus_home, "ask", "--json", PROJECT, "--set", "labelled_data=Thousands")
    assert ("labelled_data", "edited") in [(f["slot"], f["origin"]) for f in json.loads(result.stdout)["brief"]]
    assert "SLOT=VALUE" in said_in_one_line(run(corpus_home, "ask", PROJECT, "--set", "labels"))
    assert "None yet" in said_in_one_line(run(corpus_home, "ask", PROJECT, "--set", "labelled_data=purple"))


def test_a_refusal_is_an_answer(corpus_home: Path) -> None:
    result = run(corpus_home, "ask", "What is the capital of Mongolia?")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "I can help you choose" in result.stdout
    assert "Sources" not in result.stdout


def test_a_dash_reads_the_question_from_standard_input(corpus_home: Path) -> None:
    result = run(corpus_home, "ask", "--json", "-", stdin=f"{PROJECT}\n")
    assert json.loads(result.stdout)["status"] == "grounded"


@pytest.mark.parametrize(
    "stdin", ["", " \n\n", "\x00\x01", "a" * 16_001], ids=["nothing", "blank", "binary", "too long"]
)
def test_standard_input_that_asks_nothing_is_told_so(corpus_home: Path, stdin: str) -> None:
    assert "Your message" in said_in_one_line(run(corpus_home, "ask", "-", stdin=stdin))


def test_a_good_history_gives_a_follow_up_its_meaning(corpus_home: Path, tmp_path: Path) -> None:
    history = tmp_path / "history.json"
    turns = [{"role": "user", "content": "Should I use structured output for invoices?"}]
    history.write_text(json.dumps(turns), encoding="utf-8")
    asked = ("ask", "--json", "And with handwriting?")
    assert json.loads(run(corpus_home, *asked).stdout)["status"] == "refused"
    assert json.loads(run(corpus_home, *asked, "--history", str(history)).stdout)["status"] == "grounded"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="not JSON"),
        pytest.param(b"\xff\xfe\x00", id="not text"),
        pytest.param(b'{"role": "user", "content": "x"}', id="no list"),
        pytest.param(b'["x"]', id="turn no object"),
        pytest.param(b'[{"content": "x"}]', id="no role"),
        pytest.param(b'[{"role": "system", "content": "x"}]', id="unknown role"),
        pytest.param(b'[{"role": ["user"], "content": "x"}]', id="role a list"),
        pytest.param(b'[{"role": "user", "content": 3}]', id="content a number"),
        pytest.param(b"[" * 100_000, id="nested without end"),
    ],
)
def test_a_bad_history_is_told_with_what_it_should_be(corpus_home: Path, tmp_path: Path, content: bytes) -> None:
    history = tmp_path / "history.json"
    history.write_bytes(content)
    said = said_in_one_line(run(corpus_home, "ask", "x", "--history", str(history)))
    assert str(history) in said
    assert 'Write a JSON list of {"role"' in said


def test_search_json_is_the_list_of_the_contract(corpus_home: Path) -> None:
    found = json.loads(run(corpus_home, "search", "--json", "--limit", "3", "LoRA memory").stdout)
    assert len(found) == 3
    assert list(found[0]) == ["doc", "heading", "text", "score"]
    assert [f["score"] for f in found] == sorted((f["score"] for f in found), reverse=True)


def test_search_prints_what_it_finds(corpus_home: Path) -> None:
    result = run(corpus_home, "search", "What is LoRA?")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "lora › What are LoRA and QLoRA?" in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["ask"], id="no question"),
        pytest.param(["search", "--limit", "0", "x"], id="limit too low"),
        pytest.param(["search", "--limit", "many", "x"], id="limit no number"),
        pytest.param(["serve", "--port", "65536"], id="port too high"),
        pytest.param(["ask", "--history", "/no/such/file", "x"], id="no such history"),
        pytest.param(["ask", "--no-such-option", "x"], id="no such option"),
        pytest.param(["doctor", "extra"], id="too many words"),
    ],
)
def test_a_usage_error_exits_2_and_leaves_stdout_clean(corpus_home: Path, words: list[str]) -> None:
    result = run(corpus_home, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(cli.main, ["advise"])
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize("command", [["ask", "What is LoRA?"], ["search", "LoRA"]], ids=["ask", "search"])
def test_without_an_index_the_next_step_is_named(tmp_path: Path, command: list[str]) -> None:
    assert "consultant ingest" in said_in_one_line(run(tmp_path, *command))


def test_a_damaged_index_names_what_mends_it(own_home: Path) -> None:
    (Home(own_home).current() / "manifest.json").write_text("{", encoding="utf-8")
    assert "consultant ingest" in said_in_one_line(run(own_home, "ask", "What is LoRA?"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("CONSULTANT_PORT", "http"), ("CONSULTANT_MODEL", "no-such-model")],
    ids=["port", "model"],
)
def test_a_bad_setting_is_named(corpus_home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert name in said_in_one_line(run(corpus_home, "ask", "What is LoRA?"))


def test_ingest_adds_a_file_that_is_found_from_then_on(own_home: Path, tmp_path: Path) -> None:
    note = tmp_path / "zebra.md"
    note.write_text("# Zebras\n\nOur zebra bot answers visitors of the zoo in four languages.\n", encoding="utf-8")
    result = run(own_home, "ingest", str(note))
    assert result.exit_code == 0
    assert f"added     {note}" in result.stdout
    assert json.loads(run(own_home, "search", "--json", "zebra bot of the zoo").stdout)[0]["doc"] == "zebra"


def test_ingest_with_nothing_new_leaves_the_index(own_home: Path) -> None:
    before = Home(own_home).current()
    result = run(own_home, "ingest", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["generation"]) == (0, None)
    assert {file["outcome"] for file in report["files"]} == {"unchanged"}
    assert Home(own_home).current() == before


def test_ingest_exits_1_when_a_file_fails_and_names_it_on_stderr(own_home: Path, tmp_path: Path) -> None:
    bad = tmp_path / "scan.pdf"
    bad.write_bytes(b"no pdf at all")
    result = run(own_home, "ingest", str(bad), str(tmp_path / "gone.md"))
    assert result.exit_code == 1
    assert [line.split()[:2] for line in result.stderr.splitlines() if line.startswith("failed")] == [
        ["failed", f"{bad}:"],
        ["failed", f"{tmp_path / 'gone.md'}:"],
    ]
    assert str(bad) not in result.stdout


def test_a_second_writer_exits_75_at_once(own_home: Path) -> None:
    with Home(own_home).writer():
        started = time.perf_counter()
        result = run(own_home, "ingest")
        assert time.perf_counter() - started < 5
    assert "Another process is ingesting" in said_in_one_line(result, 75)


def test_asking_goes_on_while_another_process_ingests(own_home: Path) -> None:
    with Home(own_home).writer():
        assert run(own_home, "ask", "What is LoRA?").exit_code == 0


def test_doctor_finds_a_good_index_good_and_tells_origins(corpus_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSULTANT_PORT", "8123")
    result = run(corpus_home, "doctor", "--json")
    told = json.loads(result.stdout)
    origins = {row["name"]: (row["value"], row["origin"]) for row in told["settings"]}
    assert (result.exit_code, [f["ok"] for f in told["findings"]]) == (0, [True] * len(told["findings"]))
    assert origins["CONSULTANT_HOME"] == (str(corpus_home), "argument")
    assert origins["CONSULTANT_PORT"] == ("8123", "environment")
    assert origins["CONSULTANT_HOST"][1] == "default"


def test_doctor_exits_1_and_names_what_mends_a_missing_index(tmp_path: Path) -> None:
    result = run(tmp_path, "doctor")
    assert result.exit_code == 1
    assert "ok  model" in result.stdout
    assert "BAD index" in result.stdout
    assert "consultant ingest" in result.stdout


def test_help_names_every_command() -> None:
    said = CliRunner().invoke(cli.main, ["--help"]).stdout
    assert all(f"\n  {command} " in said for command in cli.main.commands)


def test_help_comes_at_once() -> None:
    """The best of five, since the machine is shared."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([*CONSULTANT, "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.5


def test_a_process_writes_the_answer_and_nothing_else(corpus_home: Path) -> None:
    done = start(corpus_home, "ask", "--json", "What is LoRA?")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["citations"][0]["doc"] == "lora"


def test_a_reader_that_goes_away_is_no_error(corpus_home: Path) -> None:
    command = [*CONSULTANT, "search", "--limit", "50", "LoRA", "--home", str(corpus_home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        said = started.stderr.read()
    assert (started.returncode, said) == (0, "")


def test_standard_input_that_is_not_text_is_told_in_one_line(
    corpus_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    done = start(corpus_home, "ask", "-", stdin=b"\xff\xfe\x00\x01")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
