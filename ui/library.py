"""The corpus as a small static site with search: a page for each document, an anchor for each section.

Sphinx renders it, with MyST for Markdown and the Furo theme; nothing in it is loaded from elsewhere.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from io import StringIO
from pathlib import Path

from knowledge.lint import Page
from knowledge.overview import Cited, DocumentRow, overview
from knowledge.sentences import MARKER, keys
from knowledge.types import Document
from ui.render import LIBRARY_DOCUMENTS, escape_markdown

# The site's folder in the data directory, and where the page serves it.
LIBRARY = "library"
# The folders in the order in which a newcomer would read them.
TOPICS = {
    "overview": "The article",
    "approaches": "Approaches",
    "decisions": "Decisions",
    "tasks": "Tasks",
    "practice": "Practice",
    "playbooks": "Playbooks",
    "evidence": "Evidence",
    "glossary": "Glossary",
}
_STAMP = ".made-of"
_SETTINGS = {
    "project": "Consultant's library",
    "html_title": "Consultant's library",
    "extensions": ["myst_parser"],
    "myst_heading_anchors": 2,
    # Words of a document are words, as everywhere.
    "myst_disable_syntax": ["html_block", "html_inline", "myst_role"],
    "myst_heading_slug_func": "knowledge.documents.slug",
    "html_theme": "furo",
    "html_copy_source": False,
    "html_show_copyright": False,
    "html_theme_options": {
        "light_css_variables": {"color-brand-primary": "#0f766e", "color-brand-content": "#0f766e"},
        "dark_css_variables": {"color-brand-primary": "#5eead4", "color-brand-content": "#5eead4"},
    },
}


def build(pages: Sequence[Page], site: Path, cited: Cited | None = None) -> bool:
    """Render the pages to `site`, whole or not at all; False when it was made of the same pages before."""
    cited = cited or Cited()
    stamp = _digest(pages, cited)
    if (site / _STAMP).is_file() and (site / _STAMP).read_text(encoding="utf-8") == stamp:
        return False
    # Of a fixed name, so that what a killed build leaves behind is cleared away by the next.
    work = site.with_name(f".{site.name}-work")
    shutil.rmtree(work, ignore_errors=True)
    source, made = work / "source", work / "site"
    source.mkdir(parents=True)
    try:
        _write_sources(pages, cited, source)
        _render(source, made, work / "cache")
        (made / _STAMP).write_text(stamp, encoding="utf-8")
        if site.exists():
            site.rename(work / "before")
        made.rename(site)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return True


def _digest(pages: Sequence[Page], cited: Cited) -> str:
    parts = [version("sphinx"), version("furo"), Path(__file__).read_text(encoding="utf-8"), repr(cited)]
    return hashlib.sha256("\n".join([*parts, *(page.document.text for page in pages)]).encode()).hexdigest()


def _render(source: Path, made: Path, cache: Path) -> None:
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    with docutils_namespace():
        # Without a conf.py, and silent: what is wrong with a document is said by the corpus check.
        app = Sphinx(
            source, None, made, cache, "html", confoverrides=_SETTINGS, status=None, warning=StringIO(), parallel=1
        )
        app.build()


def _write_sources(pages: Sequence[Page], cited: Cited, folder: Path) -> None:
    rows = overview(pages, cited)
    (folder / LIBRARY_DOCUMENTS).mkdir()
    for page, row in zip(pages, rows, strict=True):
        (folder / LIBRARY_DOCUMENTS / f"{page.document.id}.md").write_text(
            _page(page.document, row), encoding="utf-8"
        )
    (folder / "index.md").write_text(_index(rows, cited), encoding="utf-8")


def _page(document: Document, row: DocumentRow) -> str:
    """The document's body with its source markers as footnotes, and a line on where it comes from."""
    body = document.text[document.body_start :].strip()
    heading, _, rest = body.partition("\n")
    rest = MARKER.sub(lambda match: "".join(f" [^{key}]" for key in keys(match[0])), rest)
    notes = [
        f"[^{s.key}]: {escape_markdown(f'{s.authors}, {s.year}')}. [{escape_markdown(s.title)}](<{s.url}>)."
        for s in document.sources
    ]
    about = f"*{escape_markdown(document.summary)}*\n\nUpdated {document.updated}, {_count(row.sources, 'source')}."
    return "\n\n".join([heading, about, rest.strip(), *notes]) + "\n"


def _index(rows: Sequence[DocumentRow], cited: Cited) -> str:
    """The start page: the map of the library, and the table of all documents."""
    sections = sum(len(row.sections) for row in rows)
    said = [
        "# Consultant's library",
        f"{_count(len(rows), 'document')} with {_count(sections, 'section')} and "
        f"{sum(row.words for row in rows):,} words on prompt engineering, retrieval, fine-tuning and what lies "
        "between them. Every section answers the question that heads it, and every figure has its source. The "
        "consultant quotes these sentences, and each of its citations leads here.",
    ]
    for topic, name in TOPICS.items():
        of_topic = [row for row in rows if row.topic == topic]
        if of_topic:
            said.append(f"## {name}")
            said.append("\n".join(f"- {_link(r)}: {escape_markdown(r.summary)}" for r in of_topic))
            listed = "\n".join(f"{LIBRARY_DOCUMENTS}/{row.id}" for row in of_topic)
            said.append(f"```{{toctree}}\n:hidden:\n:caption: {name}\n\n{listed}\n```")
    said.append("## All documents")
    if cited.questions:
        said.append(f"Cited: how often a run of {cited.questions:,} questions on {cited.on} quoted the document.")
    table = [
        "| Document | Sections | Sources | Words | Reading ease | Updated | Cited |",
        "|---|--:|--:|--:|--:|---|--:|",
    ]
    for row in rows:
        cited_times = row.cited if cited.questions else ""
        cells = (
            _link(row),
            len(row.sections),
            row.sources,
            row.words,
            round(row.reading_ease),
            row.updated,
            cited_times,
        )
        table.append(f"| {' | '.join(map(str, cells))} |")
    said.append("\n".join(table))
    said.append("Reading ease is Flesch's: 60 to 70 is plain English, 30 to 50 reads hard.")
    return "\n\n".join(said) + "\n"


def _link(row: DocumentRow) -> str:
    return f"[{escape_markdown(row.title)}]({LIBRARY_DOCUMENTS}/{row.id}.md)"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
