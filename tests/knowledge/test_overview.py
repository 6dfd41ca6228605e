"""What the knowledge base holds, and how often it was cited."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from knowledge.lint import Page
from knowledge.overview import Cited, overview, read_cited, write_cited
from knowledge.types import Document, Source

TEA = Document(
    "tea",
    "Tea",
    "# Tea\n\n## What is tea?\nTea is a drink.\n\n## Is tea dear?\nTea is cheap.\n",
    topic="drinks",
    updated="2026-11-20",
    sources=(Source("lu780", "The Classic of Tea", "Lu Yu", 780, "https://example.org"),),
)


def test_a_row_holds_sections_sources_age_and_citations() -> None:
    cited = Cited(9, "2026-11-26", {"tea#what-is-tea": 2, "tea#what-is-tea.2": 1, "coffee#what-is-tea": 5})
    (row,) = overview([Page(TEA)], cited, today=date(2026, 11, 26))
    assert (row.id, row.topic, row.sources, row.words, row.age, row.cited) == ("tea", "drinks", 1, 7, 6, 3)
    assert [(s.heading, s.id, s.cited) for s in row.sections] == [
        ("What is tea?", "tea#what-is-tea", 3),
        ("Is tea dear?", "tea#is-tea-dear", 0),
    ]


def test_a_document_without_a_date_has_no_age() -> None:
    assert overview([Page(Document("d", "T", "# T\n\nWords.\n"))])[0].age is None


def test_counts_are_kept_and_replaced(tmp_path: Path) -> None:
    write_cited(tmp_path / "home", ["tea#a", "tea#a", "tea#b"], questions=2)
    assert read_cited(tmp_path / "home") == Cited(2, date.today().isoformat(), {"tea#a": 2, "tea#b": 1})
    write_cited(tmp_path / "home", ["tea#b"], questions=1)
    assert read_cited(tmp_path / "home").sections == {"tea#b": 1}


@pytest.mark.parametrize("text", [None, "no json", "[]", '{"questions": "many"}'])
def test_counts_that_cannot_be_read_are_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "cited.json").write_text(text)
    assert read_cited(tmp_path) == Cited()
