"""Reports: figures computed by hand, the same results in every form, and a baseline to compare with."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bot.evaluation import figures, report
from bot.evaluation import saved as saved_results
from bot.evaluation.figures import Saved
from bot.evaluation.run import Result
from bot.evaluation.saved import BadResults
from bot.types import Message
from tests.bot.evaluation.samples import REFUSED, reply, result

RIGHT = reply()
OTHER = reply(approach="retrieval", parts=("retrieval",), confidence=0.6)
EVIL = '<script>alert("1")</script> | **x** =cmd()'
RESULTS = [
    result("good", RIGHT, tags=("shop",)),
    result("wrong", OTHER, tags=("shop", "budget")),
    result("refused", REFUSED, expect={"refuses": True}),
    result("evil", reply(text=EVIL), expect={"contains": [EVIL[:8]], "asks": True}),
    result("broken", error="no answer"),
]


def found(results: list[Result]) -> dict[str, tuple[int, int]]:
    return {rate.name: (rate.passed, rate.of) for rate in figures.rates(results)}


def test_pairs_are_counted_as_pairs() -> None:
    wants = {name: {"approach": [name]} for name in ("prompt-engineering", "retrieval", "fine-tuning")}
    results = [
        result("f1a", RIGHT, pair="f1", tags=("flip",), expect=wants["prompt-engineering"]),
        result("f1b", OTHER, pair="f1", tags=("flip",), expect=wants["retrieval"]),
        result("f2a", RIGHT, pair="f2", tags=("flip",), expect=wants["prompt-engineering"]),
        result("f2b", RIGHT, pair="f2", tags=("flip",), expect=wants["retrieval"]),
        result("s1a", OTHER, pair="s1", tags=("stability",), expect=wants["fine-tuning"]),
        result("s1b", OTHER, pair="s1", tags=("stability",), expect=wants["fine-tuning"]),
    ]
    assert found(results)["flip pairs"] == (1, 2)
    assert found(results)["stability pairs"] == (1, 1)
    assert found(results)["approach"] == (3, 6)


def test_reliability_sets_confidence_beside_what_was_right() -> None:
    results = [result("a", RIGHT), result("b", RIGHT, expect={"approach": ["retrieval"]})]
    assert figures.reliability(results) == [("0.85 to 1.00", 2, 0.9, 0.5)]


def test_refusals_and_questions_back_have_precision_and_recall() -> None:
    asking = reply(question="When?")
    refusals = [
        result("a", REFUSED, expect={"refuses": True}),
        result("b", RIGHT, expect={"refuses": True}),
        result("c", REFUSED, expect={"refuses": False}),
        result("d", REFUSED, expect={"not_refuses": False}),
        result("e", RIGHT, expect={"refuses": False}),
        result("f", REFUSED, expect={"approach": ["none"]}),
        result("g", error="no answer", expect={"refuses": True}),
    ]
    questions = [
        result("q", asking, expect={"asks": True}),
        result("r", RIGHT, expect={"asks": True}),
        result("s", RIGHT, expect={"asks": True}),
        result("t", asking, expect={"asks": False}),
    ]
    told = found([*refusals, *questions])
    assert (told["refusal precision"], told["refusal recall"]) == ((2, 3), (2, 3))
    assert (told["asking precision"], told["asking recall"]) == ((1, 2), (1, 3))
    assert not {"refusal recall", "asking recall"} & set(found([refusals[4], questions[3]]))
    assert figures.figures([*refusals, *questions])["refusal recall"] == pytest.approx(2 / 3)


def test_every_report_shows_precision_and_recall_with_their_intervals() -> None:
    told = [result("a", REFUSED, expect={"refuses": True}), result("b", RIGHT, expect={"refuses": True})]
    assert "refusal recall            1 of 2     50.0%  (9% to 91%)" in report.as_text(told)
    row = next(r for r in saved_results.as_json(told)["rates"] if r["name"] == "refusal recall")
    assert (row["value"], [round(x, 2) for x in row["interval"]]) == (0.5, [0.09, 0.91])
    assert "<td>refusal recall</td>" in report.as_html(told)
    assert "| refusal recall | 1 of 2 | 9% to 91% |" in report.as_markdown(told)


def test_how_much_of_a_models_text_was_kept_is_told() -> None:
    kept = reply(prompt="brief 1", model_prompt="brief 1")
    fell_back = reply(prompt="quoting 1", model_prompt="brief 1")
    assert found([result("a", kept), result("b", fell_back), result("c", RIGHT)])["model's text kept"] == (1, 2)
    assert "model's text kept" not in found(RESULTS)


def test_repetitions_that_differ_are_seen() -> None:
    results = [
        result("a", RIGHT),
        result("a (2)", OTHER, again="a"),
        result("b", RIGHT),
        result("b (2)", RIGHT, again="b"),
    ]
    assert found(results)["repetitions agree"] == (1, 2)


def test_the_table_says_what_failed_and_how_sure_each_rate_is() -> None:
    text = report.as_text(RESULTS)
    assert "wrong: approach should be prompt-engineering, was retrieval" in text
    assert "broken: error: no answer" in text
    assert "cases passed              2 of 5     40.0%  (12% to 77%)" in text
    assert text.endswith("2 of 5 cases passed.")


def test_checks_of_another_tool_are_said_to_be_skipped() -> None:
    assert "nothing here can check them: javascript." in report.as_text([result("a", RIGHT, skipped=("javascript",))])


def test_the_json_holds_all_that_is_needed_to_compare_and_to_score_again(tmp_path: Path) -> None:
    report.write(tmp_path, ["json"], RESULTS, {"model": "quoting"})
    made = json.loads((tmp_path / "results.json").read_text())
    assert (made["schema"], made["config"], made["passed"], made["of"]) == (1, {"model": "quoting"}, 2, 5)
    saved = saved_results.read_saved(tmp_path / "results.json")
    assert [(s.id, s.passed, s.reply) for s in saved] == [(r.case.id, r.passed, r.reply) for r in RESULTS]
    again = saved_results.read_replies(tmp_path / "results.json")
    assert [case.expect for case, _ in again] == [r.case.expect for r in RESULTS]


@pytest.mark.parametrize(
    "text", ["", "{}", '{"schema": 99}', '{"schema": 1, "cases": [{}], "timing": {"seconds": [1]}}']
)
def test_what_are_no_results_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(BadResults, match=r"old\.json (holds no results|has schema)"):
        saved_results.read_saved(tmp_path / "old.json")


def saved(results: list[Result]) -> list[Saved]:
    return [Saved(r.case.id, r.passed, r.error, r.measures, r.reply) for r in results]


def test_a_baseline_is_compared_case_by_case() -> None:
    before = saved([result("good", OTHER), result("wrong", RIGHT), result("gone", RIGHT)])
    text = report.as_text(RESULTS, before)
    assert "good: passes now" in text
    assert "wrong: fails now" in text
    assert "can't tell with 2 cases" in text
    made = saved_results.as_json(RESULTS, {}, before)
    assert [(row["id"], row["passes"]) for row in made["flipped"]] == [("good", True), ("wrong", False)]
    assert made["changes"][0]["of"] == 2


def test_junit_is_read_by_a_parser_and_tells_failures_from_errors() -> None:
    suite = ElementTree.fromstring(report.as_junit([*RESULTS, result("control \x00\x1b", OTHER)]))
    assert {k: suite.get(k) for k in ("tests", "failures", "errors")} == {
        "tests": "6",
        "failures": "3",
        "errors": "1",
    }
    by_name = {case.get("name"): [child.tag for child in case] for case in suite}
    assert by_name["good"] == []
    assert (by_name["wrong"], by_name["broken"]) == (["failure"], ["error"])


def test_the_table_for_a_spreadsheet_holds_no_formulas() -> None:
    rows = list(csv.DictReader(io.StringIO(report.as_csv([*RESULTS, result("f", reply(text="=1+1"))]))))
    assert [row["id"] for row in rows] == ["good", "wrong", "refused", "evil", "broken", "f"]
    assert (rows[1]["failed checks"], rows[1]["approach"]) == ("approach", "retrieval")
    assert rows[-1]["answer"] == "'=1+1"


def test_a_comment_for_a_pull_request_shows_text_as_text() -> None:
    text = report.as_markdown([result("a|b <b>", OTHER)], saved([result("a|b <b>", RIGHT)]))
    assert text.startswith("**0 of 1 cases passed.**")
    assert "a\\|b &lt;b>: fails now" in text
    assert "<b>" not in text.replace("&lt;b>", "")


def test_the_page_stands_alone_and_shows_text_as_text() -> None:
    page = report.as_html(RESULTS, {"model": "quoting"}, saved([result("good", OTHER)]))
    assert "2 of 5 cases passed" in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "passes now" in page


def test_who_did_not_run_it_reads_what_was_said_and_what_is_wrong() -> None:
    turns = (Message("user", "We have 20,000 mails."), Message("assistant", "Fine-tune <b>now</b>."))
    failed = [
        result("a", REFUSED, expect={"refuses": False, "approach": ["retrieval", "hybrid"]}, history=turns),
        result("b", RIGHT, expect={"asks": True, "not_contains": "cheap"}),
    ]
    page = report.as_html(failed, {}, saved([result("gone", RIGHT)]))
    for words in (
        "We have 20,000 mails.",
        "Fine-tune &lt;b&gt;now&lt;/b&gt;.",
        "should answer, and said that the sources do not",
        "approach should be retrieval, hybrid, was none",
        "should ask back, and did not",
        "“contains: cheap” should not hold, and does (all)",
        "No case is in both runs.",
    ):
        assert words in page


def test_one_slow_answer_leaves_the_others_apart() -> None:
    bars = report._histogram([0.1 * n for n in range(1, 40)] + [60.0])
    assert [count for _, count, _ in bars[:-1]].count(0) == 0
    assert (bars[-1][0], bars[0][0]) == ("more than 3.80 s", "up to 0.35 s")
    assert sum(count for _, count, _ in bars) == 40


@pytest.mark.parametrize("results", [[], RESULTS[-1:]], ids=["none", "an error alone"])
def test_every_form_of_an_empty_run_is_made(tmp_path: Path, results: list[Result]) -> None:
    made = report.write(tmp_path, report.FORMATS, results, {})
    assert [path.name for path in made] == list(report.FILES.values())
    assert all(path.read_text() for path in made)
