"""What the page does with a conversation; the page itself is driven in tests/browser."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from bot import assemble
from bot.consultant import Consultant
from bot.evaluation.recorded import scores_of
from bot.settings import read_settings
from bot.types import Answer, Considered, Edit, Message
from ui import chat, panels, render, turns
from ui.consultation import Consultation, read_corrections, record
from ui.turns import Turn

PROJECT = next(iter(chat.STARTERS.values()))
HOSTILE = '<div class="panel"><script>alert(1)</script></div> [a](javascript:b) *R&D*'


def asks(text: str) -> Turn:
    """The person's turn as the page sends it."""
    return {"role": "user", "content": [{"type": "text", "text": turns.asks(text)["content"]}]}


def told(turn: Turn) -> str:
    return render.unescape_markdown(render.without_links(str(turn["content"])))


class Listener:
    """Passes questions on to the consultant and remembers them."""

    def __init__(self, consultant: Consultant) -> None:
        self.consultant = consultant
        self.book = consultant.book
        self.retriever = consultant.retriever
        self.heard: list[tuple[str, list[Message]]] = []

    def consider(self, question: str, history: list[Message], edits: Sequence[Edit]) -> Considered:
        return self.consultant.consider(question, history, edits)

    def stream(self, question: str, history: list[Message], edits: Sequence[Edit]) -> object:
        self.heard.append((question, history))
        return self.consultant.stream(question, history, edits)


def respond(consultant: Any, *given: Turn) -> list[list[Turn]]:
    """The conversation as it grows, once more than was given is shown."""
    shown = Consultation(consultant).answered(list(given))
    return [part["chatbot"] for part in shown if len(part["chatbot"]) > len(given)]


def panel(body: str) -> BeautifulSoup:
    return BeautifulSoup(body, "html.parser")


def test_the_answer_grows_statement_by_statement(consultant: Consultant) -> None:
    shown = [grown[1]["content"] for grown in respond(consultant, asks(PROJECT))]
    assert len(shown) >= 4
    assert all(later.startswith(earlier) for earlier, later in pairwise(shown))


def test_steps_are_named_the_same_while_they_come_and_in_the_end(consultant: Consultant) -> None:
    shown = [grown[1]["content"] for grown in respond(consultant, asks("How do I reduce latency?"))]
    assert "1. " in shown[-1]
    assert all(shown[-1].startswith(text) for text in shown)


def test_the_panel_stands_below_the_answer_and_marks_what_is_quoted(consultant: Consultant) -> None:
    *_, [_, said, panel] = respond(consultant, asks(PROJECT))
    html = BeautifulSoup(panel["content"], "html.parser")
    marks = [" ".join(mark.get_text().split()) for mark in html.find_all("mark")]
    assert len(marks) >= 2
    assert all(mark in told(said) for mark in marks)


def test_small_talk_has_no_panel(consultant: Consultant) -> None:
    *_, last = respond(consultant, asks("thanks"))
    assert len(last) == 2


@pytest.mark.parametrize(
    "text", [PROJECT, HOSTILE, "a\n\n  b\n1. c", "1. 2. 3."], ids=["plain", "html", "lines", "list"]
)
def test_the_consultant_hears_what_was_typed(consultant: Consultant, text: str) -> None:
    listener = Listener(consultant)
    respond(listener, asks(text))
    [(question, history)] = listener.heard
    assert question.split() == text.split()
    assert history == []


def test_panels_are_no_part_of_the_conversation(consultant: Consultant) -> None:
    listener = Listener(consultant)
    *_, first = respond(listener, asks("What is LoRA?"))
    respond(listener, *first, asks("What does it cost?"))
    question, history = listener.heard[-1]
    assert question == "What does it cost?"
    assert [message.role for message in history] == ["user", "assistant"]
    assert history[0].content == "What is LoRA?"


def test_what_the_person_writes_is_never_taken_for_a_panel(consultant: Consultant) -> None:
    listener = Listener(consultant)
    respond(listener, asks(HOSTILE), {"role": "assistant", "content": "Well."}, asks("And then?"))
    assert [message.content for message in listener.heard[0][1]] == [HOSTILE, "Well."]


def test_nobody_asked_nobody_answers(consultant: Consultant) -> None:
    well = {"role": "assistant", "content": "Well."}
    assert list(Consultation(consultant).answered([])) == [{"chatbot": []}]
    assert list(Consultation(consultant).answered([well])) == [{"chatbot": [well]}]


@pytest.mark.parametrize("text", ["?!", "a" * 16_001], ids=["no words", "too long"])
def test_a_bad_question_is_answered_with_what_to_change(consultant: Consultant, text: str) -> None:
    [[_, said]] = respond(consultant, asks(text))
    assert told(said).startswith("Your message")


def test_without_an_index_the_page_says_what_to_do(tmp_path: Any) -> None:
    [[_, said]] = respond(assemble.consultant(read_settings(home=tmp_path)), asks("What is LoRA?"))
    assert "consultant ingest" in told(said)


def test_a_fault_is_told_without_its_inner_parts() -> None:
    class Broken:
        book = None

        def consider(self, *_: object) -> Iterator[Answer]:
            raise RuntimeError("secret in /srv/data")

    *_, last = respond(Broken(), asks("What is LoRA?"))
    assert last[-1]["role"] == "assistant"
    assert "secret" not in told(last[-1])


def test_the_panels_are_there_before_the_first_word(consultant: Consultant) -> None:
    first = next(iter(Consultation(consultant).answered([asks(PROJECT)])))
    assert len(first["chatbot"]) == 1
    assert "no labelled data" in first["project"]
    assert "Prompt engineering" in first["verdict"]


def test_a_question_in_between_leaves_the_verdict_as_it_is(consultant: Consultant) -> None:
    given = [asks(PROJECT), turns.says("Start with prompt engineering."), asks("What is LoRA?")]
    shown = list(Consultation(consultant).answered(given))
    assert not [part for part in shown if "verdict" in part]
    assert "no labelled data" in shown[0]["project"]


def test_every_citation_leads_to_a_passage_below(consultant: Consultant) -> None:
    *_, [_, said, below] = respond(consultant, asks(PROJECT))
    numbers = panel(below["content"]).select(".numbers")
    shown = " ".join(n.get_text() for n in numbers)
    linked = [part.split(")")[0] for part in said["content"].split("#cite-")[1:]]
    assert len(linked) >= 4
    assert all(f"[{n}]" in shown for n in linked)


def test_a_corrected_fact_changes_the_verdict_at_once_and_says_that_the_answer_is_older(
    consultant: Consultant,
) -> None:
    desk = Consultation(consultant)
    shown = desk.corrected([asks("We sort support mails by topic, no labels. Two million a month.")], "[]",
                           "labelled_data", "Tens of thousands")  # fmt: skip
    assert json.loads(shown["corrections"]) == [{"slot": "labelled_data", "value": "Tens of thousands"}]
    assert panel(shown["verdict"]).select_one(".advice").get_text().startswith("Fine-tuning")  # type: ignore[union-attr]
    assert panel(shown["verdict"]).select('[data-do="again"]')
    assert panel(shown["project"]).select_one(".fact.edited").get_text().count("Tens of thousands")  # type: ignore[union-attr]


def test_a_correction_that_means_nothing_is_refused_and_nothing_is_lost(consultant: Consultant) -> None:
    shown = Consultation(consultant).corrected([asks(PROJECT)], "[]", "labelled_data", "purple")
    assert "corrections" not in shown
    assert "says nothing that I understand" in panel(shown["project"]).select_one(".note").get_text()  # type: ignore[union-attr]
    assert "no labelled data" in shown["project"]


def test_what_is_supposed_is_shown_and_not_kept(consultant: Consultant) -> None:
    desk = Consultation(consultant)
    given = [asks("We sort support mails by topic, no labels. Two million a month.")]
    shown = desk.supposed(given, "[]", "labelled_data", "Tens of thousands")
    assert set(shown) == {"supposed"}
    assert "Suppose the answer" in panel(shown["supposed"]).get_text()
    assert panel(shown["supposed"]).select_one(".advice").get_text().startswith("Fine-tuning")  # type: ignore[union-attr]
    assert desk.supposed(given, "[]", "", "") == {"supposed": ""}
    assert "There is no fact" in desk.supposed(given, "[]", "colour", "red")["supposed"]


def test_corrections_count_in_the_answer(consultant: Consultant) -> None:
    given = [asks("We sort support mails by topic, no labels. Two million a month.")]
    corrections = json.dumps([{"slot": "labelled_data", "value": "Tens of thousands"}])
    *_, last = Consultation(consultant).answered(given, corrections)
    assert told(last["chatbot"][1]).startswith("**Fine-tune")


@pytest.mark.parametrize("raw", ["", "{", "[1]", '[{"slot": 1}]', "null"])
def test_corrections_that_cannot_be_read_count_as_none(raw: str) -> None:
    assert read_corrections(raw) == []


def test_what_the_browser_keeps_opens_again_as_it_was(consultant: Consultant) -> None:
    desk = Consultation(consultant)
    *_, last = desk.answered([asks(HOSTILE), turns.says("Well."), asks(PROJECT)])
    corrections = '[{"slot": "documents", "value": "Thousands"}]'
    kept = panel(record(last["chatbot"], corrections)).select_one("[data-kept]")["data-kept"]  # type: ignore[index]
    assert json.loads(str(kept))["title"].startswith("<div class=")
    shown = desk.opened(str(kept))
    assert turns.messages(shown["chatbot"]) == turns.messages(last["chatbot"])
    assert shown["chatbot"][-1]["content"] == last["chatbot"][-1]["content"]
    assert json.loads(shown["corrections"]) == json.loads(corrections)
    assert "no labelled data" in shown["project"]


def test_a_conversation_of_two_hundred_questions_opens_again(consultant: Consultant) -> None:
    given = [
        turn
        for n in range(200)
        for turn in (asks("What is LoRA?"), turns.says(f"An adapter, {n}."), turns.panel("", None))
    ]
    kept = panel(record(given, "[]")).select_one("[data-kept]")["data-kept"]  # type: ignore[index]
    assert len(Consultation(consultant).opened(str(kept))["chatbot"]) == 600


def test_nothing_said_is_nothing_kept() -> None:
    assert record([], "[]") == ""


@pytest.mark.parametrize("raw", ["", "{", '{"turns": [{"role": "system", "content": "x"}]}'])
def test_a_kept_conversation_that_cannot_be_read_is_told(consultant: Consultant, raw: str) -> None:
    [said] = Consultation(consultant).opened(raw)["chatbot"]
    assert "cannot be read" in told(said)


def test_after_a_question_in_between_a_correction_still_moves_the_verdict(consultant: Consultant) -> None:
    desk = Consultation(consultant)
    given = [
        asks("We sort support mails by topic, no labels. Two million a month."),
        turns.says("Start with prompt engineering."),
        asks("What is LoRA?"),
        turns.says("An adapter."),
    ]
    shown = desk.corrected(given, "[]", "labelled_data", "Tens of thousands")
    assert panel(shown["verdict"]).select_one(".advice").get_text().startswith("Fine-tuning")  # type: ignore[union-attr]
    kept = json.dumps({"turns": [{"role": t["role"], "content": turns.text(t)} for t in given]})
    assert "Prompt engineering" in desk.opened(kept)["verdict"]
    assert desk.corrected([], "[]", "labelled_data", "Tens of thousands") == {}


def test_how_it_was_made_tells_how_the_prompt_scored(consultant: Consultant, tmp_path: Path) -> None:
    answer = consultant.ask(PROJECT)
    row = {"name": "approach", "passed": 9, "of": 10}
    scores = {"prompt": answer.prompt.id, "version": answer.prompt.version, "model": "quoting", "on": "2026-11-27",
              "suite": "s", "cases": 10, "files": [], "rates": [row]}  # fmt: skip
    (tmp_path / "prompt-scores.json").write_text(json.dumps({"schema": 1, "scores": [scores]}))
    found = scores_of(tmp_path, answer.prompt.id, answer.prompt.version)
    told = panels.measured(found)
    assert told == "On 10 cases, 2026-11-27: approach 90% (60% to 98%)."
    assert told in panel(panels.made(answer, consultant.book, told)).get_text()
    assert panels.measured([]) == ""
