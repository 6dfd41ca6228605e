"""The Knowledge tab: what the library holds, by topic and by search. It reads; nothing is changed from here."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from bot.consultant import Consultant
from bot.errors import ConsultantError
from bot.queries import read_queries
from knowledge.errors import KnowledgeError
from knowledge.index import Generation
from knowledge.lint import Page
from knowledge.overview import Cited, DocumentRow, SectionRow, overview, read_cited
from knowledge.retriever import Retriever
from knowledge.sentences import without_markers
from knowledge.types import Passage, Source
from ui.library import TOPICS
from ui.parts import PRIVATE, QUIETLY, markup
from ui.render import library_address, markdown_html, one_line, source_address, source_words
from ui.templating import template
from ui.words import say

# Documents that were added beside the corpus belong to no folder of it.
OWN = "own"
SHELVES = {**TOPICS, OWN: "Your own documents"}
ALL = "all"
FIRST = "approaches"
_PARAGRAPH = '<p role="status">{}</p>'


@dataclass(frozen=True)
class Linked:
    """A section with its place in the library; empty where it has none."""

    row: SectionRow
    address: str


@dataclass(frozen=True)
class Reference:
    """A source in words, with its web address; empty where it has none that may be followed."""

    words: str
    address: str


@dataclass(frozen=True)
class Entry:
    """A document as it is listed."""

    row: DocumentRow
    address: str
    sections: tuple[Linked, ...]
    sources: tuple[Reference, ...]

    @property
    def figures(self) -> dict[str, str]:
        """What stands in the columns beside it."""
        row = self.row
        return {
            "Sections": str(len(row.sections)),
            "Words": f"{row.words:,}",
            "Sources": str(row.sources),
            "Updated": row.updated or "–",
            "Cited": str(row.cited),
        }


@dataclass(frozen=True)
class Shelf:
    """The documents of a topic, and the columns that tell of them."""

    name: str
    columns: tuple[str, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Found:
    """A passage that was found: where it stands, and its text as HTML."""

    title: str
    heading: str
    address: str
    body: Markup


class Catalogue:
    """The documents of the index that is served, read once for each index; `library` is the folder of its site."""

    def __init__(self, retriever: Retriever, library: Path | None) -> None:
        self.retriever = retriever
        self.library = library
        self._lock = threading.Lock()
        self._pages: tuple[str, list[Page]] = ("", [])

    def listing(self, topic: str) -> str:
        """The documents of a topic, or of all, as HTML; raises KnowledgeError."""
        cited = read_cited(self.retriever.home.path)
        by_shelf: dict[str, list[Page]] = {name: [] for name in SHELVES}
        for page in self._read():
            by_shelf[shelf_of(page.document.topic)].append(page)
        shelves = [
            self._shelf(name, pages, cited) for name, pages in by_shelf.items() if topic in (ALL, name) and pages
        ]
        if not shelves:
            return _PARAGRAPH.format("No document of this topic is in the index.")
        return one_line(_macros().documents(shelves, cited))

    def search(self, question: str) -> str:
        """The passages that are found for some words, as HTML; raises BadQuestion or KnowledgeError."""
        if not re.search(r"\w", question):
            return _PARAGRAPH.format("Write what you are looking for, in your own words.")
        words = read_queries(question).message
        retrieval = self.retriever.retrieve([words])
        titles = retrieval.generation.store.titles()
        found = [self._found(passage, titles[passage.chunk.doc]) for passage in retrieval.passages]
        return one_line(_macros().passages(found, words))

    def _read(self) -> list[Page]:
        """All documents in the order of their titles; read anew when another index is served."""
        generation = self.retriever.generation()
        with self._lock:
            if self._pages[0] != generation.folder.name:
                self._pages = (generation.folder.name, _pages_of(generation))
            return self._pages[1]

    def _shelf(self, topic: str, pages: Sequence[Page], cited: Cited) -> Shelf:
        columns = ("Sections", "Words", "Sources", "Updated") + (("Cited",) if cited.questions else ())
        entries = (self._entry(page, row) for page, row in zip(pages, overview(pages, cited), strict=True))
        return Shelf(SHELVES[topic], columns, tuple(entries))

    def _entry(self, page: Page, row: DocumentRow) -> Entry:
        sections = tuple(Linked(s, library_address(self.library, row.id, s.heading)) for s in row.sections)
        return Entry(
            row, library_address(self.library, row.id), sections, tuple(map(_reference, page.document.sources))
        )

    def _found(self, passage: Passage, title: str) -> Found:
        chunk = passage.chunk
        body = Markup(markdown_html(without_markers(chunk.text)))  # noqa: S704
        return Found(title, chunk.heading, library_address(self.library, chunk.doc, chunk.heading), body)


def shelf_of(topic: str) -> str:
    """The shelf that documents of a topic stand on.

    >>> shelf_of("practice"), shelf_of("")
    ('practice', 'own')
    """
    return topic if topic in TOPICS else OWN


def _pages_of(generation: Generation) -> list[Page]:
    documents = map(generation.store.document, generation.store.titles())
    return sorted((Page(d) for d in documents if d is not None), key=lambda page: page.document.title.casefold())


def _reference(source: Source) -> Reference:
    return Reference(source_words(source), source_address(source))


def _macros() -> Any:
    """The macros of browse.html.j2; they escape what they are given."""
    return template("browse").module


def build_tab(consultant: Consultant, library: Path | None, tab: gr.Tab) -> Callable[[Any], Any]:
    """The contents of the tab, in the block that is open; the page loads ui/static/tabs.css.

    The documents are listed when the `tab` that holds it is opened, so that the page does not wait for them. Returns
    what shows one's own documents once an event is over.
    """
    catalogue = Catalogue(consultant.retriever, library)
    gr.Markdown(say("knowledge_about"), elem_classes="tab-intro")
    box = gr.Textbox(
        label=say("search_label"),
        placeholder=say("search_hint"),
        max_lines=1,
        max_length=400,
        submit_btn=say("search"),
        elem_id="library-search",
    )
    found = markup(elem_classes="tab-html", elem_id="library-found")
    topics = [*((name, topic) for topic, name in SHELVES.items()), ("All documents", ALL)]
    topic = gr.Dropdown(topics, value=FIRST, label=say("topic"), filterable=False, elem_id="library-topic")
    listed = markup(elem_classes="tab-html", elem_id="library-list")
    box.submit(lambda words: _told(catalogue.search, words), box, found, **PRIVATE)
    listing = {"fn": lambda chosen: _told(catalogue.listing, chosen), "inputs": topic, "outputs": listed, **PRIVATE}
    topic.change(**listing)
    tab.select(**listing)
    own = {"fn": lambda: (OWN, _told(catalogue.listing, OWN)), "inputs": None, "outputs": [topic, listed], **QUIETLY}
    return lambda event: event.then(**own)


def _told(show: Any, what: str) -> str:
    """What is shown, or the sentence that says why it cannot be."""
    try:
        return str(show(what or ""))
    except (ConsultantError, KnowledgeError) as error:
        return _PARAGRAPH.format(html.escape(str(error)))
