"""What a person takes away of a consultation."""

from __future__ import annotations

import base64
import json
from datetime import date

import pytest
from bs4 import BeautifulSoup

from bot.consultant import Consultant
from ui import chat, export, turns
from ui.api import read_history
from ui.consultation import Consultation
from ui.turns import Turn

PROJECT = next(iter(chat.STARTERS.values()))
HOSTILE = "<script>alert(1)</script> {{ 7*7 }} [a](javascript:b)"
TODAY = date(2026, 11, 27)


@pytest.fixture(scope="module")
def given(consultant: Consultant) -> list[Turn]:
    """A conversation of two questions, after something that no source answers."""
    desk = Consultation(consultant)
    said: list[Turn] = []
    for question in (HOSTILE, "What is LoRA?", PROJECT):
        *_, last = desk.answered([*said, turns.asks(question)])
        said = list(last["chatbot"])
    return said


def test_markdown_holds_the_words_and_the_sources(given: list[Turn]) -> None:
    text = export.as_markdown(given)
    assert text.count("**You**") == text.count("**Consultant**") == 3
    assert text.count("Sources\n") >= 2
    assert "#cite-" not in text
    assert "<script>" not in text
    assert "https" in text


def test_json_is_what_the_command_reads_as_history(given: list[Turn]) -> None:
    history = read_history(json.loads(export.as_json(turns.messages(given))))
    assert [message.role for message in history] == ["user", "assistant"] * 3
    assert history[0].content == HOSTILE


def test_the_page_holds_verdict_project_and_conversation_and_runs_nothing(
    consultant: Consultant, given: list[Turn]
) -> None:
    page = export.as_page(given, consultant.consider(PROJECT), TODAY)
    html = BeautifulSoup(page, "html.parser")
    assert [h.get_text() for h in html.find_all("h2")] == ["Verdict", "Your project", "Conversation"]
    assert not html.find_all("script")
    assert not html.select("a[href^='javascript']")
    assert "{{ 7*7 }}" in html.get_text()
    assert len(html.find_all("mark")) >= 4


def test_each_link_holds_its_file(consultant: Consultant, given: list[Turn]) -> None:
    links = BeautifulSoup(Consultation(consultant).exported(given, "[]"), "html.parser").find_all("a")
    assert [a["download"] for a in links] == ["consultation.html", "consultation.md", "consultation.json"]
    files = [base64.b64decode(str(a["href"]).split(",", 1)[1]).decode() for a in links]
    assert files[0].startswith("<!doctype html>")
    assert "Start with prompt engineering" in files[1]


def test_of_nothing_nothing_is_exported(consultant: Consultant) -> None:
    assert "nothing to export" in Consultation(consultant).exported([], "[]")
