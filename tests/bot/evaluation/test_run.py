"""Runs: errors are rows, answers are kept by what made them, a repeated run gives the same scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bot.consultant import Consultant
from bot.evaluation.case_files import read_cases
from bot.evaluation.cases import Case
from bot.evaluation.judge import Judge
from bot.evaluation.run import Cache, made_by, run
from bot.evaluation.saved import as_json
from bot.models import chat_model, parse
from bot.types import Answer, Message, Statement
from tests.bot.evaluation.samples import reply, result
from tests.model_server import ModelServer

SUITES = Path(__file__).parent.parent.parent / "data" / "suites"


class Counting:
    """Stands in for a consultant where what is tested is who is asked how often."""

    def __init__(self, fails_at: int = -1) -> None:
        self.asked: list[str] = []
        self.fails_at = fails_at
        self.retriever = SimpleNamespace(embedder=SimpleNamespace(embed=self.embed))

    def embed(self, texts: Sequence[str]) -> Any:
        return np.ones((len(texts), 1))

    def ask(self, question: str, history: Sequence[Message] = ()) -> Answer:
        if len(self.asked) == self.fails_at:
            raise RuntimeError("the machine was switched off")
        self.asked.append(question)
        return Answer((Statement(f"About {question}", "plain"),), "refused")


CASES = [Case(f"c{n}", f"question {n}", {"refuses": True}) for n in range(6)]


def test_a_case_that_cannot_be_asked_is_an_error_row(consultant: Consultant) -> None:
    cases = [Case("empty", "\u200b", {}), Case("thanks", "thanks!", {"refuses": False})]
    bad, good = run(cases, consultant)
    assert "no words" in bad.error
    assert not bad.passed
    assert good.passed


def test_an_unexpected_error_is_a_row_too_and_the_run_goes_on() -> None:
    fake: Any = Counting(fails_at=2)
    results = []
    for result_ in run(CASES[:5], fake):
        results.append(result_)
        if result_.error:
            fake.fails_at = -1
    assert [bool(r.error) for r in results] == [False, False, True, False, False]
    assert results[2].error == "RuntimeError: the machine was switched off"


def test_what_is_known_is_not_asked_again(tmp_path: Path) -> None:
    fake: Any = Counting()
    cache = Cache(tmp_path / "cache", "made by this")
    first = list(run(CASES[:4], fake, cache=cache))
    # The run was interrupted after four of six; the one that resumes it asks two.
    second = list(run(CASES, fake, cache=cache))
    assert len(fake.asked) == 6
    assert [r.cached for r in second] == [True] * 4 + [False] * 2
    assert [r.scores for r in second[:4]] == [r.scores for r in first]
    list(run(CASES, fake, cache=Cache(tmp_path / "cache", "made otherwise")))
    assert len(fake.asked) == 12
    [damaged] = [p for p in (tmp_path / "cache").iterdir() if p.stem == cache.key(CASES[0], 0)]
    damaged.write_text("{")
    list(run(CASES, fake, cache=cache))
    assert len(fake.asked) == 13


def test_several_at_a_time_come_in_order_and_repetitions_are_cases_of_their_own(tmp_path: Path) -> None:
    fake: Any = Counting()
    results = list(run(CASES, fake, jobs=4, repeat=2, cache=Cache(tmp_path, "x")))
    assert [r.case.id for r in results][:4] == ["c0", "c0 (2)", "c1", "c1 (2)"]
    assert len(fake.asked) == 12


def test_a_threshold_weighs_the_checks() -> None:
    expect = {"approach": ["prompt-engineering"], "asks": True}
    made = reply()
    assert not result("a", made, expect=expect).passed
    assert result("a", made, expect=expect, threshold=0.5).passed
    assert not result("a", made, expect=expect, threshold=0.5, weights={"asks": 3}).passed


def test_a_run_repeats_exactly(consultant: Consultant) -> None:
    cases = read_cases([SUITES / "asking.yaml"])[:6]

    def scored() -> str:
        found = as_json(list(run(cases, consultant)))
        return json.dumps({k: v for k, v in found.items() if k != "timing"}, sort_keys=True)

    assert scored() == scored()


def test_what_made_an_answer_tells_runs_apart(consultant: Consultant) -> None:
    assert made_by(consultant, "quoting") == made_by(consultant, "quoting")
    assert made_by(consultant, "quoting") != made_by(consultant, "local")


@pytest.mark.parametrize(
    ("says", "judged", "agreement"),
    [("5", 1.0, 1.0), ("Mark: 3", None, None), ("2", 0.25, 1.0), ("I cannot say", None, None)],
)
def test_a_judge_gives_a_mark_or_none(says: str, judged: float | None, agreement: float | None) -> None:
    with ModelServer(says) as server:
        judge = Judge(chat_model(parse(f"{server.url}#m", Path())), timeout=5)
        found = judge(result("a", reply()))
        assert (found.measures.get("judge"), found.measures.get("judge agreement")) == (judged, agreement)
        assert len(server.requests) == 3
        sent = server.requests[0]["messages"][-1]["content"]
        assert "<answer>\nStart with prompt engineering." in sent
        assert judge(result("b", error="no")).measures == {}


def test_a_judge_that_contradicts_itself_is_seen() -> None:
    marks = iter("545")
    with ModelServer(lambda _: next(marks)) as server:
        found = Judge(chat_model(parse(f"{server.url}#m", Path())), timeout=5)(result("a", reply()))
    assert found.measures["judge"] == pytest.approx((14 / 3 - 1) / 4, abs=1e-4)
    assert found.measures["judge agreement"] == pytest.approx(2 / 3, abs=1e-4)
