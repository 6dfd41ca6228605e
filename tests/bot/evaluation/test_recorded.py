"""Recorded scores: a row for each prompt version and model, the newest run's, and none lost."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from bot.evaluation import recorded
from bot.evaluation.recorded import BadScores, read_scores, record, scores_of, suite_digest
from bot.evaluation.run import Result
from tests.bot.evaluation.samples import reply, result


def asked(prompt: str, *names: str, **values: Any) -> list[Result]:
    """Results of a prompt; those whose name ends in "!" fail."""
    made = {"prompt": prompt, "model": "openai:m", **values}
    return [
        result(name, reply(**made, approach="retrieval" if name.endswith("!") else "prompt-engineering"))
        for name in names
    ]


def test_two_prompts_are_two_records_and_each_is_found(tmp_path: Path) -> None:
    record(tmp_path, asked("full 1a", "a", "b", "c!"), files=["mine.yaml"])
    record(tmp_path, asked("brief@role 2b", "a"))
    [full] = scores_of(tmp_path, "full", "1a")
    [brief] = scores_of(tmp_path, "brief@role", "2b")
    assert (full.model, full.cases, full.files, brief.cases) == ("openai:m", 3, ("mine.yaml",), 1)
    first = full.rates[0]
    assert (first.name, first.passed, first.of) == ("cases passed", 2, 3)
    assert [round(x, 2) for x in first.interval] == [0.21, 0.94]
    assert scores_of(tmp_path, "full", "2b") == []
    with pytest.raises(FrozenInstanceError):
        full.cases = 4  # type: ignore[misc]


def test_a_newer_run_takes_the_place_of_its_own_prompt_and_model_alone(tmp_path: Path) -> None:
    record(tmp_path, asked("full 1a", "a"))
    record(tmp_path, asked("full 1a", "a", model="local"))
    record(tmp_path, asked("full 2b", "a"))
    record(tmp_path, asked("full 1a", "a", "b"))
    assert [(one.version, one.model, one.cases) for one in read_scores(tmp_path)] == [
        ("1a", "local", 1),
        ("1a", "openai:m", 2),
        ("2b", "openai:m", 1),
    ]


def test_an_answer_that_fell_back_on_quotes_counts_for_the_prompt_that_failed(tmp_path: Path) -> None:
    fell_back = asked("quoting 9", "b", model="quoting", model_prompt="full 1a", model_asked="openai:m")
    kept = asked("full 1a", "a", model_prompt="full 1a", model_asked="openai:m")
    [one] = record(tmp_path, [*kept, *fell_back, result("c", error="no answer")])
    assert (one.prompt, one.cases) == ("full", 2)
    assert next((r.passed, r.of) for r in one.rates if r.name == "model's text kept") == (1, 2)


def test_the_digest_tells_other_cases_apart_and_no_other_order() -> None:
    one, other = result("a").case, result("b").case
    assert suite_digest([one, other]) == suite_digest([other, one])
    assert suite_digest([one]) != suite_digest([result("a", expect={"asks": True}).case])


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"schema": 99, "scores": []}', '{"schema": 1, "scores": [{}]}', '{"schema": 1}', "\xff"],
)
def test_scores_that_cannot_be_read_are_said_and_kept(tmp_path: Path, text: str) -> None:
    (tmp_path / recorded.FILE).write_text(text, encoding="latin-1")
    with pytest.raises(BadScores, match=r"prompt-scores\.json holds no scores .*Move it away, then run: ") as caught:
        record(tmp_path, asked("full 1a", "a"))
    assert "\n" not in str(caught.value)
    assert (tmp_path / recorded.FILE).read_text(encoding="latin-1") == text
