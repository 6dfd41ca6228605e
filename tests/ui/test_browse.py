"""What the Knowledge tab lists and finds, over the real corpus and over documents that mean harm."""

from __future__ import annotations

import asyncio
from pathlib import Path

import gradio as gr
import pytest
from bs4 import BeautifulSoup, Tag

from bot import assemble
from bot.consultant import Consultant
from bot.settings import read_settings
from knowledge.embeddings import SentenceEmbedder
from knowledge.index import Home
from knowledge.ingest import CORPUS, ingest
from knowledge.overview import write_cited
from knowledge.retriever import Retriever
from ui import browse, render
from ui.browse import Catalogue

HOSTILE = """---
id: hostile
title: "<img src=x onerror=alert(1)> & Co"
summary: "</td><script>alert(2)</script>"
topic: elsewhere
updated: 2026-11-01
sources:
  - {key: bad, title: "<b>Bad</b>", authors: Mallory, year: 2026, url: "javascript:alert(3)"}
---
# Hostile
## What does <script>alert(4)</script> do to zebras?
Zebras are [striped](javascript:alert(5)) and ![seen](https://evil.example/x.png). [@bad]
<b onclick="alert(6)">Bold</b>

```
first line

second line
```
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that has a page for each document of the corpus."""
    site = tmp_path_factory.mktemp("site") / "library"
    (site / "documents").mkdir(parents=True)
    for path in CORPUS.rglob("*.md"):
        (site / "documents" / f"{path.stem}.html").touch()
    return site


@pytest.fixture
def catalogue(consultant: Consultant, library: Path) -> Catalogue:
    return Catalogue(consultant.retriever, library)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, embedder: SentenceEmbedder) -> Catalogue:
    """Over an index that holds one document, which means harm."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "hostile.md").write_text(HOSTILE, encoding="utf-8")
    home = Home(tmp_path_factory.mktemp("hostile-home"))
    assert not ingest([folder / "hostile.md"], home, embedder, corpus=None, signals=None).failed
    return Catalogue(Retriever(home, embedder), None)


def read(body: str) -> BeautifulSoup:
    assert "\n" not in body, "an empty line would end the HTML in a Markdown component"
    return BeautifulSoup(body, "html.parser")


def test_a_topic_lists_its_documents_with_their_figures(catalogue: Catalogue) -> None:
    page = read(catalogue.listing("approaches"))
    rows = page.select("tbody tr")
    assert len(rows) == len(list((CORPUS / "approaches").glob("*.md")))
    [lora] = [row for row in rows if "LoRA and QLoRA" in row.get_text()]
    figures = {str(cell["data-label"]): cell.get_text() for cell in lora.select("td[data-label]")}
    assert figures["Sections"] == str(len(lora.select("details ul")[0].select("li")))
    assert figures["Sources"] == str(len(lora.select("details ul")[1].select("li")))
    assert figures["Updated"].startswith("2026-")


def test_all_topics_list_every_document(catalogue: Catalogue) -> None:
    page = read(catalogue.listing(browse.ALL))
    assert len(page.select("tbody tr")) == len(list(CORPUS.rglob("*.md")))
    assert [h.get_text() for h in page.select("h2")][:3] == ["The article", "Approaches", "Decisions"]


def test_a_topic_without_documents_says_so(catalogue: Catalogue) -> None:
    assert "No document" in catalogue.listing(browse.OWN)


def test_documents_and_sections_lead_to_the_library_and_sources_to_the_web(catalogue: Catalogue) -> None:
    page = read(catalogue.listing("approaches"))
    addresses = [str(a["href"]) for a in page.select("a")]
    assert "library/documents/lora.html" in addresses
    assert any(address.startswith("library/documents/lora.html#") for address in addresses)
    assert any(address.startswith("https://arxiv.org/") for address in addresses)
    assert all(address.startswith(("library/", "https://", "http://")) for address in addresses)


def test_without_a_library_nothing_leads_there(consultant: Consultant) -> None:
    page = read(Catalogue(consultant.retriever, None).listing("glossary"))
    assert not [a for a in page.select("a") if not str(a["href"]).startswith("http")]


def test_what_an_evaluation_cited_is_counted(tmp_path: Path, embedder: SentenceEmbedder, hostile: Catalogue) -> None:
    home = hostile.retriever.home.path
    assert "Cited" not in hostile.listing(browse.OWN)
    [chunk, *_] = hostile.retriever.generation().chunks
    write_cited(home, [chunk.id, chunk.id], questions=1_200)
    try:
        page = read(hostile.listing(browse.OWN))
    finally:
        (home / "cited.json").unlink()
    assert [c.get_text() for c in page.select('td[data-label="Cited"]')] == ["2"]
    assert "1,200 questions" in page.get_text()


def test_a_search_shows_passages_with_their_sections(catalogue: Catalogue) -> None:
    page = read(catalogue.search("How many examples do I need to fine-tune?"))
    found = page.select(".found > ol > li")
    assert 1 <= len(found) <= 6
    [first] = found[0].select("h2 a")
    assert "›" in first.get_text()
    assert "library/documents/" in str(first["href"])
    assert "[@" not in page.get_text()


def test_lists_and_tables_of_a_passage_are_shown_as_such() -> None:
    body = render.markdown_html("1. one\n2. two\n\n| a | b |\n|---|---|\n| c | d |")
    assert body.count("<li>") == 2
    assert "<td>c</td>" in body


@pytest.mark.parametrize("words", ["", "  ", "?!"], ids=["nothing", "spaces", "no words"])
def test_a_search_for_nothing_asks_for_words(catalogue: Catalogue, words: str) -> None:
    assert "Write what you are looking for" in catalogue.search(words)


@pytest.mark.parametrize("shown", ["listing", "search"])
def test_nothing_that_a_document_or_a_person_writes_becomes_markup(hostile: Catalogue, shown: str) -> None:
    body = (
        hostile.listing(browse.OWN) if shown == "listing" else hostile.search('zebras <img src=x onerror="alert(7)">')
    )
    page = read(body)
    assert not page.select("script, img, b, [onerror], [onclick]")
    assert all(isinstance(a, Tag) and str(a["href"]).startswith(("http", "library/")) for a in page.select("a"))
    assert "alert(" in page.get_text()


def test_a_program_in_a_passage_keeps_its_lines(hostile: Catalogue) -> None:
    [program] = read(hostile.search("zebras")).select("pre")
    assert len(program.select("br")) >= 2


def test_another_index_is_read_anew(tmp_path: Path, embedder: SentenceEmbedder) -> None:
    file, home = tmp_path / "a.md", Home(tmp_path / "home")
    file.write_text("# First\n\nZebras are striped.\n", encoding="utf-8")
    ingest([file], home, embedder, corpus=None, signals=None)
    catalogue = Catalogue(Retriever(home, embedder), None)
    assert "First" in catalogue.listing(browse.OWN)
    file.write_text("# Second\n\nZebras are black and white.\n", encoding="utf-8")
    ingest([file], home, embedder, corpus=None, signals=None)
    assert "Second" in catalogue.listing(browse.OWN)
    assert "First" not in catalogue.listing(browse.OWN)


def test_without_an_index_the_tab_says_what_to_do(tmp_path: Path) -> None:
    catalogue = Catalogue(assemble.consultant(read_settings(home=tmp_path)).retriever, None)
    for show in (catalogue.listing, catalogue.search):
        assert "consultant ingest" in browse._told(show, "approaches")


def test_the_tab_has_no_endpoint_and_reads_nothing_before_it_is_opened(tmp_path: Path) -> None:
    async def built() -> gr.Blocks:
        with gr.Blocks() as page, gr.Tab("Knowledge") as tab:
            browse.build_tab(assemble.consultant(read_settings(home=tmp_path)), None, tab)
        return page

    page = asyncio.run(built())
    assert page.get_api_info() == {"named_endpoints": {}, "unnamed_endpoints": {}}
    assert len(page.fns) == 3
