"""Answer → Markdown and HTML: the only place where text becomes markup.

Whatever comes from a person, a document or a model is escaped here; links are only those of an answer's own
sources, and only http(s).
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

import nh3
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt

from bot.types import Answer, Block, Citation, Statement
from knowledge.documents import slug
from knowledge.sentences import without_markers
from knowledge.types import Passage, Source

# Where the pages of the documents stand in the library; beside them the site has pages of its own.
LIBRARY_DOCUMENTS = "documents"
_LABELS: dict[Block, str] = {
    "reason": "Why, in your words:",
    "against": "What speaks against it:",
    "change": "What would change this:",
    "step": "What to do first:",
}
_LABELS_AFTER_QUESTION: dict[Block, str] = {"step": "Step by step:"}
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&!@])")
_TAGS = {"div", "details", "summary", "p", "span", "mark", "a", "ol", "li", "cite", "sup"}
_ATTRIBUTES = {
    "*": {"class"},
    "a": {"class", "href", "target"},
    "li": {"class", "id", "value"},
    "details": {"class", "open"},
}
_PANEL_TAGS = {"section", "h2", "ul", "dl", "dt", "dd", "q", "code", "pre", "strong", "label", "select", "option"}
_PANEL_TAGS |= {"table", "caption", "thead", "tbody", "tr", "th", "td", "meter", "button", "input"}
_PANEL_ATTRIBUTES = {
    "*": {"class", "role"},
    "th": {"scope"},
    "meter": {"min", "max", "value"},
    "button": {"type"},
    "input": {"type"},
    "div": {"class", "role", "tabindex"},
    "option": {"value", "selected"},
}
STATUS_WORDS = {
    "grounded": "every sentence is in my sources",
    "partly": "partly in my sources",
    "ungrounded": "not in my sources",
    "refused": "not answered from my sources",
}

ASKS_BACK = "a question before any advice"


def markdown(statements: Sequence[Statement], *, tables: bool = True, links: bool = False) -> str:
    """The answer as Markdown with `[n]` for citations; usable on a part of an answer while it streams.

    Without `tables` the cells of one are a list. With `links` each citation leads to its passage on the page.
    """
    # Advice opens with the verdict, which is our own and cites nothing.
    advised = bool(statements) and statements[0].block == "lead" and statements[0].citation is None
    labels = _LABELS if advised else _LABELS_AFTER_QUESTION
    parts: list[str] = []
    before: Block | None = None
    step = 0
    for statement in statements:
        block = statement.block
        if block == "cell" and tables:
            parts.append(_cell(statement, statements, first=before != "cell", links=links))
            before = block
            continue
        if block != before and block in labels:
            parts.append(f"\n\n**{labels[block]}**")
        step = step + 1 if block == "step" else 0
        parts.append(_joined(block, before, step) + _sentence(statement, tables=tables, links=links))
        before = block
    return "".join(parts).strip()


def _cell(statement: Statement, statements: Sequence[Statement], *, first: bool, links: bool) -> str:
    """A cell of a table, with the head of the table before the first and the name of the row before a row's first."""
    columns = list(dict.fromkeys(s.place[1] for s in statements if s.block == "cell"))
    row = escape_markdown(statement.place[0])
    head = f"\n\n| | {' | '.join(map(escape_markdown, columns))} |\n|---|{'---|' * len(columns)}" if first else ""
    start = f"\n| **{row}** |" if statement.place[1] == columns[0] else ""
    return f"{head}{start} {_sentence(statement, links=links)} |"


def _joined(block: Block, before: Block | None, step: int) -> str:
    """What stands between the statement before and this one."""
    if block == "step":
        return f"\n\n{step}. " if step == 1 else f"\n{step}. "
    if block in ("reason", "against", "cell"):
        return "\n\n- " if before != block else "\n- "
    if block == before:
        return " "
    return "\n\n"


def _sentence(statement: Statement, *, tables: bool = True, links: bool = False) -> str:
    said = f"You said “{escape_markdown(statement.said)}”. " if statement.said else ""
    text = escape_markdown(statement.text)
    if statement.block == "lead":
        text = f"**{text}**"
    if statement.block == "cell" and not tables:
        row, column = map(escape_markdown, statement.place)
        text = f"{column}, {row.lower()}: {text}"
    number = f"\\[{statement.citation}\\]"
    cited = f" {f'[{number}](#cite-{statement.citation})' if links else number}" if statement.citation else ""
    return f"{said}{text}{cited}"


def escape_markdown(text: str) -> str:
    """Text as Markdown that shows exactly these words.

    >>> escape_markdown("<b> and *stars*")
    '\\\\<b\\\\> and \\\\*stars\\\\*'
    """
    flat = " ".join(text.split())
    escaped = _MARKDOWN_SPECIAL.sub(r"\\\1", flat)
    # What would begin a list or a heading at the start of a line; a bare address would become a link.
    escaped = re.sub(r"^(\d+)([.)])", r"\1\\\2", escaped)
    escaped = re.sub(r"^([-+=])", r"\\\1", escaped)
    return re.sub(r"(?i)(https?|ftp|www|mailto)([:.])", r"\1\\\2", escaped)


def unescape_markdown(text: str) -> str:
    """The words that `escape_markdown` was given, spacing aside.

    >>> unescape_markdown(escape_markdown("1. see https://a.b *now*"))
    '1. see https://a.b *now*'
    """
    return re.sub(r"\\([\\`*_{}\[\]<>#|~$&!@.:)\-+=])", r"\1", text)


_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
# What text may look like: its words, lists and tables, but no links and no pictures.
_TEXT_TAGS = {"p", "strong", "em", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"}
_TEXT_TAGS |= {"br", "code", "pre", "blockquote"}


def markdown_html(text: str) -> str:
    """Markdown as HTML that is safe to insert; what looks like HTML in it stays text.

    >>> markdown_html("Use **LoRA** first. [a](https://b.c) <script>")
    '<p>Use <strong>LoRA</strong> first. a &lt;script&gt;</p>\\n'
    """
    return nh3.clean(_MARKDOWN.render(text), tags=_TEXT_TAGS, attributes={"ol": {"start"}})


_CITED = re.compile(r"\[(\d{1,3})\]")


def answer_html(statements: Sequence[Statement]) -> str:
    """The answer as HTML that is safe to insert, each `[n]` a button of the class `cite` whose value is n."""
    cited = {str(s.citation) for s in statements if s.citation}

    def button(match: re.Match[str]) -> str:
        n = match[1]
        return f'<button type="button" class="cite" value="{n}">[{n}]</button>' if n in cited else match[0]

    return _CITED.sub(button, markdown_html(markdown(statements)))


def sources_listed(body: str) -> list[str]:
    """A line for each source in the panel below an answer, its studies after it."""
    found = []
    for passage in BeautifulSoup(body, "html.parser").select(".passage"):
        heading = passage.select_one(".name")
        studies = [f"{a.get_text()} {a.get('href', '')}".strip() for a in passage.select(".studies li > a")]
        found.append("; ".join([heading.get_text() if heading else "", *studies]))
    return found


def without_links(text: str) -> str:
    """Markdown that was made with `links`, as it is without them.

    >>> without_links("It is so. [\\\\[1\\\\]](#cite-1)")
    'It is so. \\\\[1\\\\]'
    """
    return _CITE_LINK.sub(r"\1", text)


_CITE_LINK = re.compile(r"\[(\\\[\d+\\\])\]\(#cite-\d+\)")


def plain_text(answer: Answer) -> str:
    """The answer for a terminal: the Markdown without its escapes, and without tables, whose cells are too wide."""
    return unescape_markdown(markdown(answer.statements, tables=False).replace("**", ""))


def sources_text(answer: Answer) -> str:
    """The cited passages for a terminal, a line or two each."""
    lines = []
    for citation in answer.citations:
        lines.append(f"[{citation.n}] {citation.title} › {citation.heading}")
        lines += [f"    {source_words(source)} {source.url}".rstrip() for source in citation.sources]
    return "\n".join(lines)


def sources_html(answer: Answer, library: Path | None = None, *, opened: bool = False) -> str:
    """The cited passages as an HTML list, each quoted span marked, each study linked; safe to insert.

    A section whose document has a page in the folder `library` is linked there. Closed, the list is behind its
    count.
    """
    if not answer.citations:
        return ""
    by_passage: dict[str, list[Citation]] = {}
    for citation in answer.citations:
        by_passage.setdefault(citation.passage.chunk.id, []).append(citation)
    items = "".join(_passage_html(citations, library) for citations in by_passage.values())
    count = len(by_passage)
    if opened:
        return clean_html(f'<ol class="passages">{items}</ol>')
    words = f"{count} source{'s' if count > 1 else ''}"
    body = f'<details class="sources"><summary>{words}</summary><ol class="passages">{items}</ol></details>'
    return clean_html(body)


def status_html(answer: Answer) -> str:
    """One line below the answer: how much of it is supported, and how long it took."""
    if answer.kind == "small-talk":
        return ""
    grounding = answer.grounding
    counted = f"{grounding.supported}/{grounding.sentences} " if grounding.sentences else ""
    asks_back = not grounding.sentences and any(s.block == "question" for s in answer.statements)
    words = ASKS_BACK if asks_back else STATUS_WORDS[answer.status]
    seconds = answer.timings_ms.get("total", 0) / 1000
    return clean_html(
        f'<p class="status status-{answer.status}">{counted}{html.escape(words)} '
        f'<span class="made">· {html.escape(answer.model)} · {seconds:.2f} s</span></p>'
    )


def clean_html(body: str) -> str:
    """A second lock behind the escaping above: only the tags and attributes that this module writes."""
    return nh3.clean(
        body,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer",
    )


def clean_panel(body: str) -> str:
    """The same lock for the panels beside the conversation, which hold tables and things to press too."""
    cleaned = nh3.clean(
        body,
        tags=_TAGS | _PANEL_TAGS,
        attributes={**_ATTRIBUTES, **_PANEL_ATTRIBUTES},
        generic_attribute_prefixes={"data-", "aria-"},
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer",
    )
    return one_line(cleaned)


def folded(questions: int) -> str:
    """The button that shows what was said before the turns in sight; "" when nothing was."""
    if not questions:
        return ""
    words = f"Show the {questions} questions before these"
    return f'<p class="before"><button type="button" data-do="unfold" data-count="{questions}">{words}</button></p>'


def kept(text: str) -> str:
    """Text for the page's script to keep in the browser: it stands in an attribute and is shown nowhere."""
    return one_line(f'<p class="kept" data-kept="{html.escape(text)}"></p>')


def one_line(body: str) -> str:
    """HTML as a single line, which a Markdown component takes as it is: an empty line would end it there."""
    # A template's own kind of string would escape what is put into it.
    kept = re.sub(r"<pre>.*?</pre>", lambda program: program[0].replace("\n", "<br>"), str(body), flags=re.S)
    return kept.replace("\n", " ")


def _passage_html(citations: Sequence[Citation], library: Path | None) -> str:
    first = citations[0]
    name = f"{html.escape(first.title)} › {html.escape(first.heading)}"
    if place := library_address(library, first.doc, first.heading):
        name = f'<a href="{html.escape(place)}" target="_blank">{name}</a>'
    numbers = " ".join(f"[{c.n}]" for c in citations)
    studies = {source.key: source for c in citations for source in c.sources}
    listed = "".join(f"<li>{_source_html(source)}</li>" for source in studies.values())
    return (
        f'<li class="passage"><p class="name"><span class="numbers">{numbers}</span> {name}</p>'
        f'<p class="text">{_marked(first.passage, citations)}</p>'
        + (f'<ol class="studies">{listed}</ol>' if listed else "")
        + "</li>"
    )


def library_address(library: Path | None, doc: str, heading: str = "") -> str:
    """Where a document, or a section of it, stands in the site at the folder `library`; "" when it has no page."""
    if not library or not (library / LIBRARY_DOCUMENTS / f"{doc}.html").is_file():
        return ""
    return quote(f"{library.name}/{section_address(doc, heading)}", safe=_URL_SAFE)


def section_address(doc: str, heading: str = "") -> str:
    """Where a document or a section of it stands in the library, from its root.

    >>> section_address("lora", "When does LoRA fit?"), section_address("lora")
    ('documents/lora.html#when-does-lora-fit', 'documents/lora.html')
    """
    return f"{LIBRARY_DOCUMENTS}/{doc}.html" + (f"#{slug(heading)}" if heading else "")


def _marked(passage: Passage, citations: Sequence[Citation]) -> str:
    """The passage's text with each quoted span in <mark>, source markers left out."""
    chunk = passage.chunk
    parts: list[str] = []
    at = chunk.start
    for citation in sorted(citations, key=lambda c: c.start):
        parts.append(_shown(chunk.text[at - chunk.start : citation.start - chunk.start]))
        quoted = _shown(chunk.text[citation.start - chunk.start : citation.end - chunk.start])
        parts.append(f"<mark>{quoted}</mark><sup>[{citation.n}]</sup>")
        at = citation.end
    parts.append(_shown(chunk.text[at - chunk.start :]))
    return "".join(parts)


def _shown(text: str) -> str:
    return html.escape(without_markers(text)).replace("\n", " ")


def _source_html(source: Source) -> str:
    words, address = html.escape(source_words(source)), source_address(source)
    return f'<a href="{html.escape(address)}" target="_blank">{words}</a>' if address else words


def source_address(source: Source) -> str:
    """The web address of a study, when it is one that may be followed, else ""."""
    try:
        scheme = urlsplit(source.url).scheme
    except ValueError:
        return ""
    return quote(source.url, safe=_URL_SAFE) if scheme in ("http", "https") else ""


_URL_SAFE = ":/?#[]@!$&'()*+,;=%~-._"


def source_words(source: Source) -> str:
    """A study in words: who, when, what."""
    year = f", {source.year}" if source.year else ""
    return f"{source.authors}{year}: {source.title}" if source.authors else f"{source.title}{year}"
