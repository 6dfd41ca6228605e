"""Plain questions find the sections that answer them."""

from __future__ import annotations

import yaml

from benchmarks.finding import QUESTIONS, measure
from bot import assemble
from bot.settings import Settings


def test_the_questions_name_sections_that_are_there(settings: Settings) -> None:
    rows = yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))
    places = assemble.retriever(settings).generation().place
    assert len(rows) >= 150
    assert len({row["ask"] for row in rows}) == len(rows)
    assert [section for row in rows for section in row["sections"] if section not in places] == []


def test_plain_questions_find_their_section(settings: Settings) -> None:
    figures = measure(assemble.retriever(settings))
    assert [bar for bar, met in figures["bars"].items() if not met] == [], figures["methods"]
