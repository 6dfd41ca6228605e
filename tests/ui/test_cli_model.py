"""Language models at the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.model_files import model_path
from tests.bot.test_model_writer import first_sentences
from tests.model_server import ModelServer
from ui import cli

pytestmark = pytest.mark.usefixtures("loaded_model")

QUESTION = "What is LoRA?"


@pytest.fixture(autouse=True)
def _answers(server: ModelServer) -> None:
    server.text = first_sentences


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.main, list(words))


def test_ask_with_a_model_tells_how_the_answer_was_written(corpus_home: Path, server: ModelServer) -> None:
    name = f"{server.url}#fine"
    done = run("ask", QUESTION, "--json", "--home", str(corpus_home), "--model", name, "--prompt", "full")
    answer = json.loads(done.stdout)
    assert answer["model"] == "fine"
    assert answer["prompt"]["id"] == answer["writing"]["prompt"]["id"] == "answer"
    assert [m["role"] for m in answer["writing"]["messages"]] == ["system", "user"]
    assert answer["writing"]["checked"][0]["supported_by"] == 1
    assert answer["searched"][0] == QUESTION


def test_ask_without_a_model_tells_of_no_writing(corpus_home: Path) -> None:
    answer = json.loads(run("ask", QUESTION, "--json", "--home", str(corpus_home)).stdout)
    assert (answer["model"], answer["writing"]) == ("quoting", None)


def test_a_model_that_fails_is_said_below_the_answer(corpus_home: Path, server: ModelServer) -> None:
    done = run("ask", QUESTION, "--home", str(corpus_home), "--model", f"{server.url}#401", "--prompt", "full")
    assert done.exit_code == 0
    assert "because the model refused the key (401)" in done.stdout


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("gpt", "names no model. Set it to one of: quoting, local"),
        ("http://127.0.0.1/v1", "lacks its host or its #NAME"),
        ("local", "consultant model pull smollm2"),
        ("gguf:/nowhere.gguf", "There is no model file /nowhere.gguf"),
    ],
    ids=["unknown", "no name", "not pulled", "no file"],
)
def test_a_model_that_cannot_be_used_is_one_line_with_the_next_step(tmp_path: Path, model: str, said: str) -> None:
    done = run("ask", QUESTION, "--home", str(tmp_path), "--model", model)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert said in done.stderr


def test_an_unknown_prompt_is_said(corpus_home: Path, server: ModelServer) -> None:
    done = run("ask", QUESTION, "--home", str(corpus_home), "--model", f"{server.url}#m", "--prompt", "poem")
    assert "Set CONSULTANT_PROMPT to auto, full or brief" in done.stderr


def test_what_a_model_can_is_tested_and_kept(tmp_path: Path, server: ModelServer) -> None:
    server.text = "I do not know."
    name = f"{server.url}#fine"
    done = run("model", "test", "--home", str(tmp_path), "--model", name)
    assert "no   refuses" in done.stdout
    assert "It is given the brief prompts." in done.stdout
    assert name in json.loads((tmp_path / "capabilities.json").read_text())
    as_json = run("model", "test", "--home", str(tmp_path), "--model", name, "--json")
    assert json.loads(as_json.stdout)["prompts"] == "brief"


@pytest.mark.parametrize(
    ("name", "said"), [("quoting", "no language model to test"), ("fault", "The model refused the key")]
)
def test_what_cannot_be_tested_is_said(tmp_path: Path, server: ModelServer, name: str, said: str) -> None:
    model = name if name == "quoting" else f"{server.url}#401"
    done = run("model", "test", "--home", str(tmp_path), "--model", model)
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr


def test_the_models_that_are_there_are_listed_with_their_state(tmp_path: Path, smollm2: Path) -> None:
    empty = run("model", "list", "--home", str(tmp_path))
    assert (empty.exit_code, "consultant model pull smollm2" in empty.stdout) == (0, True)
    home = Path(shutil.copytree(smollm2, tmp_path / "home"))
    assert "98,362,432 bytes  whole" in run("model", "list", "--home", str(home)).stdout
    with model_path(home, "smollm2").open("r+b") as file:
        file.truncate(1000)
    damaged = run("model", "list", "--home", str(home), "--json")
    assert damaged.exit_code == 1
    assert "model pull smollm2" in json.loads(damaged.stdout)[0]["problem"]


def test_an_unknown_model_is_not_pulled(tmp_path: Path) -> None:
    done = run("model", "pull", "gpt", "--home", str(tmp_path))
    assert (done.exit_code, "Name smollm2, or hf:ORG/REPO:FILE.gguf" in done.stderr) == (1, True)
