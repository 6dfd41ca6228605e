"""The prompt lab: what is sent, what a model made of it, and what differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from bot import assemble
from bot.consultant import Consultant
from bot.errors import BadSetting, ConsultantError
from bot.settings import Settings, read_settings
from tests.bot.test_model_writer import first_sentences
from tests.model_server import ModelServer
from ui import lab
from ui.lab import SUITE, Lab, Setup, Variant, read_link

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results.json"
QUESTION = "What is LoRA? <b>Briefly</b>. {{ 7*7 }}"
PLAIN = Variant("full", ("delimiters",))
FULLER = Variant("full", ("role", "delimiters"))


def told(body: str) -> BeautifulSoup:
    return BeautifulSoup(body, "html.parser")


def test_what_is_sent_is_shown_to_the_last_character_and_stays_text(
    consultant: Consultant, settings: Settings
) -> None:
    desk = Lab(consultant, settings)
    bare, plain, fuller = (told(desk.sent(QUESTION, v)) for v in (Variant("full", ()), PLAIN, FULLER))
    assert "&lt;b&gt;Briefly&lt;/b&gt;" in plain.get_text()
    assert "{{ 7*7 }}" in plain.get_text()
    assert not plain.select("b")
    assert "<passage" in plain.get_text()
    assert "<passage" not in bare.get_text()
    assert len(fuller.get_text()) > len(plain.get_text())
    assert "role" in fuller.get_text()


def test_two_variants_are_run_and_what_only_one_says_is_marked(
    consultant: Consultant, corpus_home: Path, server: ModelServer
) -> None:
    server.text = first_sentences
    settings = read_settings(home=corpus_home, model=f"{server.url}#fine", prompt="brief")
    desk = Lab(Consultant(consultant.retriever, assemble.writer(settings), consultant.book), settings)
    *_, [one, other] = desk.run("What is LoRA?", [PLAIN, FULLER])
    assert len(server.requests) == 2
    assert told(one).select_one("code").get_text() == "answer@delimiters"  # type: ignore[union-attr]
    assert told(other).select_one("code").get_text() == "answer@role+delimiters"  # type: ignore[union-attr]
    assert "sentences hold" in told(one).get_text()
    assert not told(one).find_all("mark")


def test_without_a_model_it_says_how_to_get_one(consultant: Consultant, tmp_path: Path) -> None:
    with pytest.raises(ConsultantError, match="consultant model pull smollm2"):
        list(Lab(consultant, read_settings(home=tmp_path)).run("What is LoRA?", [PLAIN, FULLER]))


def test_a_question_that_no_source_answers_asks_no_model(
    consultant: Consultant, corpus_home: Path, server: ModelServer
) -> None:
    settings = read_settings(home=corpus_home, model=f"{server.url}#fine", prompt="brief")
    desk = Lab(Consultant(consultant.retriever, assemble.writer(settings), consultant.book), settings)
    *_, [one, _] = desk.run("Which horse will win the derby tomorrow?", [PLAIN, FULLER])
    assert "no model was asked" in told(one).get_text()
    assert server.requests == []


def test_the_measured_table_is_that_of_the_last_benchmark() -> None:
    found = lab.measured()
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["prompting"]["rows"]
    assert found["rows"] == rows, "run: python -m benchmarks prompting"
    table = told(lab.measured_html(found))
    assert next(th.get_text() for th in table.select("tbody th")) == "zero-shot"
    assert len(table.select("tbody tr")) == len(rows)
    assert "Not measured" in lab.measured_html({})


def test_two_variants_are_scored_on_the_suite_step_by_step(
    consultant: Consultant, corpus_home: Path, server: ModelServer
) -> None:
    server.text = first_sentences
    settings = read_settings(home=corpus_home, model=f"{server.url}#fine", prompt="brief")
    desk = Lab(Consultant(consultant.retriever, assemble.writer(settings), consultant.book), settings)
    *steps, scores = desk.score([PLAIN, FULLER])
    done = [int(told(step).meter["value"]) for step in steps]  # type: ignore[index,arg-type]
    assert done == list(range(2 * len(SUITE) + 1))
    assert [code.get_text() for code in told(scores).select("tbody code")] == [PLAIN.spec, FULLER.spec]
    assert f" of {len(SUITE)}, " in told(scores).get_text()


def test_a_link_holds_the_whole_set_up() -> None:
    setup = Setup('Is <b> & "RAG" = #1?', "full", ("role", "examples"), ())
    assert read_link(setup.link.partition("?")[2]) == setup
    link = told(lab.link_html(setup)).a
    assert link is not None
    assert link["href"] == setup.link


@pytest.mark.parametrize(
    "address",
    [
        "?lab=other",
        "?lab=brief&a=magic",
        "?lab=full&a=role%3Cscript%3E",
        f"?lab=full&question={'a' * 1001}",
        "&" * 99,
    ],
    ids=["family", "technique", "markup", "long", "many"],
)
def test_a_link_that_sets_up_nothing_is_told(address: str) -> None:
    with pytest.raises(BadSetting, match="by hand"):
        read_link(address)
