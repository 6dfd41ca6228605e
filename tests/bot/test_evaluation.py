"""Scripted evaluation: cases are read strictly, each scorer fails when it should, rates say how sure they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.consultant import Consultant
from bot.evaluation import report
from bot.evaluation.cases import BadCases, Case, read_cases
from bot.evaluation.run import Result, run
from bot.evaluation.scores import score
from bot.types import Answer, Grounding, Question, Statement, Verdict

SUITES = sorted((Path(__file__).parent.parent / "data" / "suites").glob("*.yaml"))
ADVICE = Answer(
    statements=(Statement("Start with prompt engineering.", "lead"),),
    status="grounded",
    grounding=Grounding(4, 3),
    kind="project",
    verdict=Verdict("prompt-engineering", ("prompt-engineering",), 0.9, (), (), ()),
)
ASKING = replace(ADVICE, question=Question("time", "When?", ()))
REFUSED = Answer(statements=(Statement("My sources don't say.", "plain"),), status="refused")


@pytest.mark.parametrize(
    ("expect", "right", "wrong"),
    [
        ({"approach": ["prompt-engineering"]}, ADVICE, REFUSED),
        ({"not_approach": "fine-tuning"}, ADVICE, replace(ADVICE, verdict=Verdict("fine-tuning", (), 1, (), (), ()))),
        ({"parts": ["prompt-engineering"]}, ADVICE, REFUSED),
        ({"asks": True}, ASKING, ADVICE),
        ({"asks": False}, ADVICE, ASKING),
        ({"refuses": True}, REFUSED, ADVICE),
        ({"contains": ["PROMPT  engineering"]}, ADVICE, REFUSED),
        ({"contains_any": ["retrieval", "prompt"]}, ADVICE, REFUSED),
        ({"not_contains": "sources"}, ADVICE, REFUSED),
        ({"regex": r"^Start"}, ADVICE, REFUSED),
        ({"min_support": 0.75}, ADVICE, replace(ADVICE, grounding=Grounding(4, 2))),
    ],
)
def test_each_check_passes_and_fails(expect: dict[str, Any], right: Answer, wrong: Answer) -> None:
    assert [s.passed for s in score(expect, right, 0.1)] == [True]
    assert [s.passed for s in score(expect, wrong, 0.1)] == [False]


def test_a_slow_answer_fails_its_limit() -> None:
    assert [s.passed for s in score({"max_seconds": 1}, ADVICE, 2.0)] == [False]


def test_every_suite_in_the_repository_is_read() -> None:
    assert len(read_cases(SUITES)) > 300


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "holds no list"),
        ("[1]", "no mapping"),
        ("- {id: a}", "ask must be"),
        ("- {id: a, ask: ' '}", "ask must be"),
        ("- {id: a, ask: b, expct: {}}", "'expct'"),
        ("- {id: a, ask: b, expect: {approch: x}}", "'approch'"),
        ("- {id: a, ask: b, expect: {asks: maybe}}", "asks must be bool"),
        ("- {id: a, ask: b, expect: {max_seconds: true}}", "max_seconds must be"),
        ("- {id: a, ask: b, history: [{role: boss, content: c}]}", "each turn"),
        ("- {id: a, ask: b}\n- {id: a, ask: c}", "own id"),
        ("- {id: a", "cannot be read"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadCases, match=named) as caught:
        read_cases([file])
    assert str(file) in str(caught.value)


def test_json_lines_are_read_too(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(
        '{"id": "a", "ask": "b", "expect": {"asks": true}}\n\n{"id": "c", "ask": "d"}\n', encoding="utf-8"
    )
    assert [case.id for case in read_cases([file])] == ["a", "c"]


def test_a_case_that_cannot_be_asked_is_an_error_row(consultant: Consultant) -> None:
    bad, good = run([Case("empty", "\u200b", {}), Case("thanks", "thanks!", {"refuses": False})], consultant)
    assert "no words" in bad.error
    assert not bad.passed
    assert good.passed


def test_a_run_repeats_exactly(consultant: Consultant) -> None:
    cases = read_cases(SUITES[:1])[:4]
    first, second = ([r.scores for r in run(cases, consultant)] for _ in range(2))
    assert first == second


def result(answer: Answer, *, pair: str, tag: str, approach: str) -> Result:
    case = Case(f"{pair}-{id(answer)}", "…", {"approach": [approach]}, tags=(tag,), pair=pair)
    return Result(case, answer, score(case.expect, answer, 0.1), 0.1)


def test_pairs_are_counted_as_pairs() -> None:
    other = replace(ADVICE, verdict=Verdict("retrieval", ("retrieval",), 0.6, (), (), ()))
    results = [
        result(ADVICE, pair="f1", tag="flip", approach="prompt-engineering"),
        result(other, pair="f1", tag="flip", approach="retrieval"),
        result(ADVICE, pair="f2", tag="flip", approach="prompt-engineering"),
        result(ADVICE, pair="f2", tag="flip", approach="retrieval"),
        result(other, pair="s1", tag="stability", approach="fine-tuning"),
        result(other, pair="s1", tag="stability", approach="fine-tuning"),
    ]
    found = {rate.name: (rate.passed, rate.of) for rate in report.rates(results)}
    assert found["flip pairs"] == (1, 2)
    assert found["stability pairs"] == (1, 1)
    assert found["approach"] == (3, 6)


def test_reliability_sets_confidence_beside_what_was_right() -> None:
    results = [
        result(ADVICE, pair="", tag="x", approach="prompt-engineering"),
        result(ADVICE, pair="", tag="x", approach="retrieval"),
    ]
    assert report.reliability(results) == [("0.85 to 1.00", 2, 0.9, 0.5)]


def test_quotes_of_real_answers_stand_in_their_passages(consultant: Consultant) -> None:
    answer = consultant.ask("We have 40,000 labelled photos and need an answer in 50 ms offline. What fits?")
    assert answer.citations
    assert all(report.stands(c) for c in answer.citations)
    assert not report.stands(replace(answer.citations[0], quote="Something else."))
