"""The corpus as a site: a page a document, an anchor a section, sources as notes, search, nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from bot.consultant import Consultant
from knowledge.ingest import CORPUS
from knowledge.lint import Page, read_pages
from knowledge.overview import Cited
from knowledge.types import Document, Source
from ui import library, render

HOSTILE = Document(
    "tea",
    "Tea",
    "# Tea\n\n## What is tea?\nTea is a drink. [@lu780]\n<script>alert(1)</script>\n",
    summary="On *tea* <b>leaves</b>.",
    topic="tasks",
    updated="2026-11-20",
    sources=(Source("lu780", "The <i>Classic</i> of [Tea](javascript:x)", "Lu Yu", 780, "https://example.org/a"),),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the real corpus."""
    made = tmp_path_factory.mktemp("site") / library.LIBRARY
    assert library.build(read_pages(CORPUS)[0], made)
    return made


def page(path: Path) -> BeautifulSoup:
    """A page of the site, parsed."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_every_document_and_section_has_its_place(site: Path) -> None:
    for document in read_pages(CORPUS)[0]:
        found = page(site / "documents" / f"{document.document.id}.html")
        names = {tag["id"] for tag in found.find_all(id=True)}
        wanted = [render.section_address(document.document.id, s.heading).split("#")[1] for s, _ in document.sections]
        assert [name for name in wanted if name not in names] == []


def test_every_topic_of_the_corpus_is_on_the_map(site: Path) -> None:
    assert {p.document.topic for p in read_pages(CORPUS)[0]} <= set(library.TOPICS)
    linked = {a["href"].split("#")[0] for a in page(site / "index.html").find_all("a", href=True)}
    assert {f"documents/{p.document.id}.html" for p in read_pages(CORPUS)[0]} <= linked


def test_source_markers_are_notes_that_link_the_study(site: Path) -> None:
    lora = page(site / "documents" / "lora.html")
    assert "[@" not in lora.get_text()
    assert lora.select_one('aside.footnote a[href="https://arxiv.org/abs/2106.09685"]')


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for file in [*site.rglob("*.html"), *site.rglob("*.css")]:
        text = file.read_text(encoding="utf-8")
        assert re.findall(r"""(?:<(?:script|img)[^>]*src=|<link[^>]*href=|url\()["']?https?:""", text) == [], (
            file.name
        )


def test_words_of_a_document_stay_words(tmp_path: Path) -> None:
    library.build([Page(HOSTILE)], tmp_path / "site")
    made = page(tmp_path / "site" / "documents" / "tea.html")
    assert made.find("b", string="leaves") is None
    assert [script for script in made.find_all("script") if "alert" in script.get_text()] == []
    assert "The <i>Classic</i> of [Tea](javascript:x)" in made.get_text()
    assert [a["href"] for a in made.find_all("a", href=True) if a["href"].startswith("javascript")] == []


def test_it_is_rendered_anew_only_when_something_changed(tmp_path: Path) -> None:
    made = tmp_path / "site"
    assert library.build([Page(HOSTILE)], made)
    assert not library.build([Page(HOSTILE)], made)
    assert library.build([Page(HOSTILE)], made, Cited(3, "2026-11-26", {"tea#what-is-tea": 4}))
    assert "a run of 3 questions on 2026-11-26" in page(made / "index.html").get_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["site"]


def test_what_a_killed_build_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".site-work" / "source").mkdir(parents=True)
    (tmp_path / ".site-work" / "source" / "old.md").write_text("# Old")
    assert library.build([Page(HOSTILE)], tmp_path / "site")
    assert not (tmp_path / "site" / "old.html").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["site"]


def test_citations_lead_to_the_site(consultant: Consultant, site: Path) -> None:
    answer = consultant.ask("What is LoRA?")
    linked = BeautifulSoup(render.sources_html(answer, site), "html.parser").select(".name a")
    assert linked[0]["href"] == "library/documents/lora.html#what-are-lora-and-qlora"
    assert render.sources_html(answer).count("library/") == 0
    assert render.sources_html(answer, site / "elsewhere").count("library/") == 0
