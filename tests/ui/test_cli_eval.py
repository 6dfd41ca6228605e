"""`consultant eval` as a script uses it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.evaluation.recorded import read_scores
from knowledge.overview import read_cited
from tests.bot.test_model_writer import first_sentences
from tests.model_server import ModelServer
from ui import cli

pytestmark = pytest.mark.usefixtures("loaded_model")

CASES = """
- id: labels
  ask: 40,000 support mails are labelled by topic and new ones must be routed within a second. Should we fine-tune?
  expect: {approach: [fine-tuning]}
  tags: [labels]
- id: derby
  ask: Which horse will win the derby tomorrow?
  expect: {refuses: true}
- id: lora
  ask: What is LoRA?
  expect: {cites: [lora], max_seconds: 30}
"""


@pytest.fixture
def home(corpus_home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(corpus_home, tmp_path / "home"))


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    file = tmp_path / "cases.yaml"
    file.write_text(CASES)
    return file


def run(home: Path, *words: object) -> Result:
    return CliRunner().invoke(cli.main, ["eval", "--home", str(home), *map(str, words)])


def test_cases_that_pass_exit_0_and_those_that_fail_100(home: Path, cases: Path) -> None:
    done = run(home, cases)
    assert (done.exit_code, "3 of 3 cases passed." in done.stdout) == (0, True), done.output
    cases.write_text(CASES.replace("[fine-tuning]", "[retrieval]"))
    done = run(home, cases)
    assert done.exit_code == 100
    assert "labels: approach should be retrieval, was fine-tuning" in done.stdout
    assert run(home, cases, "--filter", "l*a", "--tag", "labels").exit_code == 1
    assert run(home, cases, "--filter", "lora").exit_code == 0
    assert run(home, cases, "--limit", 1).exit_code == 100


def test_a_case_that_could_not_be_asked_exits_1(home: Path, cases: Path) -> None:
    cases.write_text("- {id: a, ask: '\\u200b…', expect: {}}\n".replace("'", '"'))
    assert run(home, cases).exit_code == 1


def test_a_gate_passes_or_fails_by_its_figure_alone(home: Path, cases: Path) -> None:
    cases.write_text(CASES.replace("[fine-tuning]", "[retrieval]"))
    assert run(home, cases, "--fail-under", "cases passed=0.6").exit_code == 0
    done = run(home, cases, "--fail-under", "cases passed=0.7")
    assert (done.exit_code, "MISSED cases passed is 0.6667, below 0.7" in done.stderr) == (100, True)
    for words, said in (("cases=1", "no figure 'cases'"), ("passed", "no gate"), ("passed=x", "no gate")):
        done = run(home, cases, "--fail-under", words)
        assert (done.exit_code, said in done.stderr) == (1, True)


def test_every_form_is_written_and_a_later_run_is_compared(home: Path, cases: Path, tmp_path: Path) -> None:
    done = run(home, cases, "--out", tmp_path / "out", "--formats", "json,junit,html,csv,md")
    assert done.exit_code == 0
    names = {"results.json", "junit.xml", "report.html", "results.csv", "summary.md"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    before = (tmp_path / "out" / "results.json").read_text()
    again = run(home, cases, "--out", tmp_path / "out", "--baseline", tmp_path / "out" / "results.json")
    assert "cases passed           1.000 → 1.000" in again.stdout
    same = [{k: v for k, v in json.loads(t).items() if k not in ("timing", "changes", "flipped")}
            for t in (before, (tmp_path / "out" / "results.json").read_text())]  # fmt: skip
    assert same[0] == same[1]


def test_saved_answers_are_scored_again_without_asking(home: Path, cases: Path, tmp_path: Path) -> None:
    run(home, cases, "--out", tmp_path / "out", "--formats", "json")
    saved = tmp_path / "out" / "results.json"
    saved.write_text(saved.read_text().replace('"fine-tuning"\n    ]\n   },', '"retrieval"\n    ]\n   },'))
    shutil.rmtree(home / "generations")
    done = run(home, "--rescore", saved)
    assert done.exit_code == 100, done.output
    assert "labels: approach should be retrieval, was fine-tuning" in done.stdout


def test_a_run_is_resumed_from_what_is_known(home: Path, cases: Path) -> None:
    assert "0 of 2 answers were known already." in run(home, cases, "--limit", 2, "--resume").stderr
    assert "2 of 3 answers were known already." in run(home, cases, "--resume").stderr
    assert "0 of 3" not in run(home, cases, "--resume", "--jobs", 2, "--repeat", 2).stderr
    refused = run(home, cases, "--resume", "--no-cache")
    assert (refused.exit_code, "Leave out --no-cache" in refused.stderr) == (1, True)


def test_a_repeated_run_is_the_same_to_the_byte(home: Path, cases: Path) -> None:
    def asked(seed: str) -> bytes:
        # Another seed is another order of every set.
        command = [sys.executable, "-m", "ui.cli", "eval", "--home", str(home), "--no-cache", "--json", str(cases)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=300)
        scores, timing, seconds = done.stdout.partition(b'"timing": ')
        assert timing
        assert re.fullmatch(rb'\{\s*"seconds": \[[\s\d.,]*\]\s*\}\s*\}\s*', seconds)
        return scores

    first = asked("1")
    assert len(first) > 2000
    assert asked("2") == first
    assert not (home / "eval-cache").exists()


def test_another_retriever_is_another_run(home: Path, cases: Path) -> None:
    run(home, cases)
    done = run(home, cases, "--retriever", "bm25", "--resume", "--json")
    assert "0 of 3 answers were known" in done.stderr
    assert json.loads(done.stdout)["config"]["retriever"] == "bm25"


def test_prompts_are_compared_with_the_first(home: Path, cases: Path, tmp_path: Path, server: ModelServer) -> None:
    server.text = first_sentences
    prompts = ["--model", f"{server.url}#fine", "--prompt", "full", "--prompt", "full@delimiters"]
    done = run(home, cases, "--filter", "labels", *prompts, "--out", tmp_path / "out", "--formats", "json")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("Since the baseline:") == 1
    configs = [json.loads((tmp_path / "out" / name / "results.json").read_text())["config"]["prompt"]
               for name in ("full", "full-delimiters")]  # fmt: skip
    assert configs == ["full", "full@delimiters"]
    assert len(server.requests) == 2


def test_a_judge_adds_its_marks_and_gates_nothing(home: Path, cases: Path, server: ModelServer) -> None:
    server.text = "1"
    judge = ["--judge", f"{server.url}#m", "--rubric", "It is short."]
    done = run(home, cases, "--filter", "lora", *judge)
    assert (done.exit_code, "judge agreement" in done.stdout) == (0, True)
    assert "It is short." in server.requests[0]["messages"][-1]["content"]
    assert run(home, cases, "--filter", "lora", *judge, "--fail-under", "judge=0.5").exit_code == 100


def test_a_run_may_be_gated_by_the_recall_of_refusal(home: Path, cases: Path) -> None:
    cases.write_text(CASES + "- {id: known, ask: What is LoRA?, expect: {refuses: true}}\n")
    assert run(home, cases, "--fail-under", "refusal recall=0.5").exit_code == 0
    done = run(home, cases, "--fail-under", "refusal recall=0.9")
    assert (done.exit_code, "MISSED refusal recall is 0.5000, below 0.9" in done.stderr) == (100, True)


def test_scores_are_recorded_for_each_prompt(home: Path, cases: Path, server: ModelServer) -> None:
    server.text = first_sentences
    run(home, cases, "--record")
    prompts = ["--model", f"{server.url}#fine", "--prompt", "full", "--prompt", "full@delimiters"]
    done = run(home, cases, "--filter", "labels", *prompts, "--record")
    found = read_scores(home)
    assert sorted((one.prompt, one.cases) for one in found) == [
        ("advise", 1),
        ("advise@delimiters", 1),
        ("quoting", 3),
    ]
    assert len({one.version for one in found}) == 3
    assert done.stderr.count("Recorded 1 cases for advise") == 2
    assert read_cited(home).questions == 1


def test_a_run_that_could_not_be_recorded_is_not_begun(home: Path, cases: Path) -> None:
    (home / "prompt-scores.json").write_text("{")
    done = run(home, cases, "--record")
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "prompt-scores.json holds no scores" in done.stderr
    assert (home / "prompt-scores.json").read_text() == "{"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "No case is left to ask"),
        (["--suite", "nothing"], "There is no suite 'nothing'. Choose from: all, asking"),
        (["--suite", "asking", "--formats", "pdf"], "There is no format 'pdf'"),
    ],
    ids=["nothing", "unknown suite", "unknown format"],
)
def test_what_cannot_be_run_is_said_in_one_line(home: Path, words: list[str], said: str) -> None:
    done = run(home, *words)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert said in done.stderr


def test_our_own_suites_are_named(home: Path) -> None:
    done = run(home, "--suite", "asking", "--limit", 2, "--json")
    assert json.loads(done.stdout)["of"] == 2


def test_a_folder_in_beir_s_format_is_ranked(home: Path, tmp_path: Path) -> None:
    (tmp_path / "beir" / "qrels").mkdir(parents=True)
    (tmp_path / "beir" / "corpus.jsonl").write_text('{"_id": "d", "title": "T", "text": "Bananas are yellow."}')
    (tmp_path / "beir" / "queries.jsonl").write_text('{"_id": "q", "text": "What colour are bananas?"}')
    (tmp_path / "beir" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td\t1\n")
    done = run(home, "--beir", tmp_path / "beir", "--k", 3, "--json")
    assert json.loads(done.stdout)["fused"]["recall@3"] == 1


def test_a_benchmark_of_others_is_run_from_its_folder(home: Path, tmp_path: Path) -> None:
    rows = ["The tower is high.\tThe tower is high.\tFully attributable", "It is red.\tThe tower is high.\tGeneric"]
    (tmp_path / "part.tsv").write_text("\n".join(["response\tknowledge\tbegin_label", *rows]))
    done = run(home, "--bench", "begin", tmp_path)
    assert (done.exit_code, "token share\n  AUROC " in done.stdout) == (0, True), done.output
    bad = run(home, "--bench", "clapnq", tmp_path)
    assert (bad.exit_code, bad.stdout, bad.stderr.count("\n")) == (1, "", 1)
    assert run(home, "--bench", "squad", tmp_path).exit_code == 2


# The plugin of pytest


def pytest_run(home: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    environment = {**os.environ, "CONSULTANT_HOME": str(home)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_cases_run_as_tests_of_pytest(home: Path, cases: Path, tmp_path: Path) -> None:
    cases.write_text(CASES.replace("refuses: true", "refuses: false"))
    done = pytest_run(home, tmp_path, "--consultant-cases", str(cases))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "derby: refuses should be False, was refused" in done.stdout


def test_a_test_of_one_s_own_is_run_for_each_case(home: Path, cases: Path, tmp_path: Path) -> None:
    test = "def test_mine(consultant_case):\n    assert consultant_case.passed, consultant_case.why\n"
    (tmp_path / "test_mine.py").write_text(test)
    done = pytest_run(home, tmp_path, "test_mine.py", "--consultant-cases", str(cases))
    assert "6 passed" in done.stdout, done.stdout + done.stderr
    broken = tmp_path / "broken.yaml"
    broken.write_text("- {id: a}")
    done = pytest_run(home, tmp_path, "--consultant-cases", str(broken))
    assert "ask must be a text" in done.stdout + done.stderr
