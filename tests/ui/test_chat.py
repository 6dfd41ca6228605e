"""What the page does with a conversation; the page itself is driven in tests/browser."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import gradio as gr
import pytest
from bs4 import BeautifulSoup

from bot import assemble
from bot.consultant import Consultant
from bot.settings import read_settings
from bot.types import Answer, Message
from ui import chat, render

PROJECT = next(iter(chat.STARTERS.values()))
HOSTILE = '<div class="panel"><script>alert(1)</script></div> [a](javascript:b) *R&D*'
Turn = dict[str, Any]


def asks(text: str) -> Turn:
    """The person's turn as the page sends it."""
    turn = chat._asks(text)
    return {"role": "user", "content": [{"type": "text", "text": turn["content"]}]}


def told(turn: Turn) -> str:
    return render.unescape_markdown(str(turn["content"]))


class Listener:
    """Passes questions on to the consultant and remembers them."""

    def __init__(self, consultant: Consultant) -> None:
        self.consultant = consultant
        self.heard: list[tuple[str, list[Message]]] = []

    def stream(self, question: str, history: list[Message]) -> object:
        self.heard.append((question, history))
        return self.consultant.stream(question, history)


def respond(consultant: Any, *turns: Turn) -> list[list[Turn]]:
    return list(chat._respond(consultant, list(turns)))


def test_the_answer_grows_statement_by_statement(consultant: Consultant) -> None:
    shown = [turns[1]["content"] for turns in respond(consultant, asks(PROJECT))]
    assert len(shown) >= 4
    assert all(later.startswith(earlier) for earlier, later in pairwise(shown))


def test_steps_are_named_the_same_while_they_come_and_in_the_end(consultant: Consultant) -> None:
    shown = [turns[1]["content"] for turns in respond(consultant, asks("How do I reduce latency?"))]
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


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b"], ids=["nothing", "spaces", "lines", "zero width"])
def test_an_empty_box_changes_nothing(consultant: Consultant, text: str) -> None:
    assert list(chat._asked(consultant, text, [asks("What is LoRA?")])) == []


def test_nobody_asked_nobody_answers(consultant: Consultant) -> None:
    assert respond(consultant) == [[]]
    assert respond(consultant, {"role": "assistant", "content": "Well."}) == [
        [{"role": "assistant", "content": "Well."}]
    ]


@pytest.mark.parametrize("text", ["?!", "a" * 8001], ids=["no words", "too long"])
def test_a_bad_question_is_answered_with_what_to_change(consultant: Consultant, text: str) -> None:
    [[_, said]] = respond(consultant, asks(text))
    assert told(said).startswith("Your message")


def test_without_an_index_the_page_says_what_to_do(tmp_path: Any) -> None:
    [[_, said]] = respond(assemble.consultant(read_settings(home=tmp_path)), asks("What is LoRA?"))
    assert "consultant ingest" in told(said)


def test_a_fault_is_told_without_its_inner_parts() -> None:
    class Broken:
        def stream(self, *_: object) -> Iterator[Answer]:
            raise RuntimeError("secret in /srv/data")

    *_, last = respond(Broken(), asks("What is LoRA?"))
    assert last[-1]["role"] == "assistant"
    assert "secret" not in told(last[-1])


@pytest.mark.parametrize("label", chat.STARTERS)
def test_each_starter_has_a_grounded_answer(consultant: Consultant, label: str) -> None:
    answer = consultant.ask(chat.STARTERS[label])
    assert answer.status == "grounded"
    assert answer.kind == ("question" if label == "How many examples?" else "project")


async def built(consultant: Consultant) -> gr.Blocks:
    """Outside a running event loop Gradio makes one for each of its locks and leaves it open."""
    return chat.build(consultant)


def test_the_page_keeps_nothing_of_a_visitor_on_the_server(consultant: Consultant) -> None:
    page = asyncio.run(built(consultant))
    assert not [block for block in page.blocks.values() if isinstance(block, gr.State)]


def test_no_event_of_the_page_is_an_endpoint(consultant: Consultant) -> None:
    page = asyncio.run(built(consultant))
    assert len(page.fns) >= 10
    assert page.get_api_info() == {"named_endpoints": {}, "unnamed_endpoints": {}}


def test_what_is_typed_while_the_answer_comes_is_left_alone(consultant: Consultant) -> None:
    shown = list(chat._asked(consultant, "What is LoRA?", []))
    assert shown[0][0]["value"] == ""
    assert len(shown) > 2
    assert all(box == gr.skip() for box, _ in shown[1:])
