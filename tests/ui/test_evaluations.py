"""The Evaluation tab: a suite is run with a bar, its report read and compared with the last; and who may run one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup
from pydantic import SecretStr

from bot.consultant import Consultant
from bot.settings import Settings
from ui import evaluating, evaluations
from ui.evaluations import Evaluations
from ui.operators import Operators
from ui.sites import Access

SUITE = """
- id: lora
  ask: What is LoRA?
  expect: {cites: [lora]}
- id: weather
  ask: Will it rain in Paris tomorrow?
  expect: {refuses: true}
"""
TOKEN = "a-token-of-the-operator"


@pytest.fixture
def tab(consultant: Consultant, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evaluations:
    (tmp_path / "small.yaml").write_text(SUITE, encoding="utf-8")
    monkeypatch.setattr(evaluating, "SUITES", tmp_path)
    monkeypatch.setattr(evaluations, "STEP", -1.0)
    return Evaluations(consultant, settings.model_copy(update={"home": tmp_path / "home"}))


def report(shown: str) -> str:
    """What stands in the frame."""
    frame = BeautifulSoup(shown, "html.parser").iframe
    assert frame is not None
    assert frame.has_attr("sandbox")
    return BeautifulSoup(str(frame["srcdoc"]), "html.parser").get_text()


def test_a_run_is_watched_to_its_report_and_compared_with_the_last(tab: Evaluations) -> None:
    assert "was not run here yet" in tab.last("small")
    *steps, shown = tab.run("small")
    bars = [BeautifulSoup(step, "html.parser").progress for step in steps]
    assert [bar and bar["value"] for bar in bars] == ["0", "1", "2"]
    assert "2 of 2 cases passed" in report(shown)
    assert "Since the baseline" not in report(shown)
    *_, again = tab.run("small")
    assert "2 cases are in both runs; 0 of them came out otherwise" in report(again)
    assert tab.last("small") == again


def test_what_stands_in_a_report_is_no_markup_of_the_page(tab: Evaluations) -> None:
    folder = tab.settings.home / evaluations.FOLDER / "small"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text('a "quoted"\n\n</iframe><script>alert(1)</script>', encoding="utf-8")
    shown = tab.last("small")
    assert "\n" not in shown
    assert BeautifulSoup(shown, "html.parser").script is None


def request(host: str) -> Any:
    return SimpleNamespace(headers={"host": host})


@pytest.mark.parametrize(
    ("alone", "token", "host", "may"),
    [
        (True, "", "127.0.0.1:7860", True),
        (True, "", "localhost", True),
        (True, "", "evil.example", False),
        (False, "", "127.0.0.1:7860", False),
        (False, TOKEN, "ask.example", True),
        (False, "another-token-than-it", "ask.example", False),
        (False, "é", "ask.example", False),
    ],
    ids=["own machine", "by its name", "rebound name", "in public", "token", "wrong token", "no ascii"],
)
def test_who_may_run_one(alone: bool, token: str, host: str, may: bool) -> None:
    operators = Operators(Access(alone=alone, operator_tokens=(SecretStr(TOKEN),)))
    assert operators.let(token, {"host": host}) is may


def test_without_a_token_in_the_file_no_token_is_the_operator_s() -> None:
    assert not Operators(Access()).let("", {"host": "ask.example"})
