"""Whatever the words, the markup is ours: tags, links and marks are those that render.py means."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.types import Answer, Block, Citation, Grounding, Statement
from knowledge.types import Chunk, Passage, Source
from ui import contract, render

# As permissive as a renderer gets: raw HTML, tables and strikethrough are on, so only escaping keeps them out.
RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
STARTS = [
    "1. ",
    "1) ",
    "12. ",
    "# ",
    "## ",
    "> ",
    "- ",
    "-",
    "+ ",
    "* ",
    "=",
    "---",
    "```",
    "~~~",
    "    ",
    "\t",
    "| a |\n|---|",
]
PARTS = ["*", "_", "`", "[a](b)", "![a](b)", "<b>", "</p>", "<!--", "&lt;", "&#60;", "\\", "\\\\*", "$x$", "{x}"]
PARTS += [
    "http://a.b",
    "https://a.b",
    "www.a.b",
    "ftp://a.b",
    "mailto:a@b.c",
    "a@b.c",
    "[^1]",
    "[x]: http://a.b",
    "~~x~~",
]
HOSTILE = st.tuples(
    st.sampled_from(["", *STARTS]), st.lists(st.sampled_from(PARTS) | st.text(max_size=5), max_size=6).map("".join)
).map("".join)
examine = settings(derandomize=True, deadline=None, max_examples=300)

TEXT = "LoRA is cheap. [@hu2021] It trains <b>two</b> small\nmatrices. [@hu2021; @x1] Use & enjoy."
QUOTE = "It trains <b>two</b> small\nmatrices."
HU = Source("hu2021", "LoRA", "Hu et al.", 2021, "https://arxiv.org/abs/2106.09685")


def passage(text: str = TEXT, *, heading: str = "What is LoRA?") -> Passage:
    return Passage(Chunk("lora#what", "lora", heading, text, 100, 100 + len(text)), 0.9, 0.8, 2.0)


def citation(
    quote: str = QUOTE, *, text: str = TEXT, title: str = "LoRA", heading: str = "H", url: str = ""
) -> Citation:
    start = 100 + text.index(quote)
    sources = (replace(HU, url=url),) if url else (HU,)
    where = passage(text, heading=heading)
    return Citation(1, "lora", title, heading, quote, start, start + len(quote), 0.9, sources, where)


def answer(*citations: Citation, text: str = "It trains two.") -> Answer:
    statement = Statement(text, "lead", citations[0].n if citations else None)
    return Answer((statement,), "grounded" if citations else "refused", citations, Grounding(1, 1))


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def squeezed(text: str) -> str:
    return " ".join(text.split())


@given(HOSTILE | st.text())
@examine
def test_unescaping_gives_back_the_words(text: str) -> None:
    assert render.unescape_markdown(render.escape_markdown(text)) == squeezed(text)


@given(HOSTILE)
@examine
def test_escaped_text_shows_exactly_its_words(text: str) -> None:
    html = soup(RENDERER.render(render.escape_markdown(text)))
    assert {tag.name for tag in html.find_all()} <= {"p"}
    assert squeezed(html.get_text()) == squeezed(text.replace("\x00", "\ufffd"))


BLOCKS: list[Block] = ["lead", "support", "reason", "change", "step", "plain"]


@pytest.mark.parametrize("block", BLOCKS)
@given(text=HOSTILE, said=HOSTILE)
@settings(derandomize=True, deadline=None, max_examples=100)
def test_a_hostile_statement_gives_no_tags_but_ours(block: Block, text: str, said: str) -> None:
    markdown = render.markdown([Statement(text, block, 1, said if block == "reason" else "")])
    tags = {tag.name for tag in soup(RENDERER.render(markdown)).find_all()}
    assert tags <= {"p", "strong", "ul", "ol", "li"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=text)
        for text in (
            "http://evil.example/x",
            "HTTPS://evil.example",
            "see www.evil.example",
            "_http://evil.example_",
            "xhttp://evil.example",
            "1https://evil.example",
            "ftp://evil.example",
            "me@evil.example",
            "mailto:me@evil.example",
        )
    ],
)
def test_no_address_is_left_for_a_renderer_to_link(text: str) -> None:
    """What GFM turns into a link by itself: a scheme with two slashes, www with a dot, an e-mail address."""
    escaped = render.escape_markdown(text)
    assert not re.search(r"(https?|ftp)://|www\.|[\w.+-]@\w", escaped, re.I)
    assert soup(RENDERER.render(escaped)).get_text().strip() == text


def test_an_answer_reads_in_its_blocks_with_its_numbers() -> None:
    said = [
        Statement("Prompt first.", "lead", 1),
        Statement("Labels are few.", "reason", 2, said="no labels"),
        Statement("Test.", "step", 3),
        Statement("Ship.", "step", 1),
    ]
    html = soup(RENDERER.render(render.markdown(said)))
    assert [li.get_text() for li in html.select("ul > li")] == ["You said “no labels”. Labels are few. [2]"]
    assert [li.get_text() for li in html.select("ol > li")] == ["Test. [3]", "Ship. [1]"]
    assert html.strong is not None
    assert html.strong.get_text() == "Prompt first."


def test_a_part_of_an_answer_is_how_the_whole_begins() -> None:
    said = [Statement(f"Sentence {i}.", BLOCKS[i // 2], i + 1) for i in range(2 * len(BLOCKS) - 2)]
    whole = render.markdown(said)
    assert all(whole.startswith(render.markdown(said[:n])) for n in range(len(said)))


def test_plain_text_has_no_escapes() -> None:
    text = "Use *two* [small] models & 1_000 examples (https://a.b)."
    assert render.plain_text(answer(citation(), text=text)) == f"{text} [1]"


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("<script>alert(1)</script>", id="script"),
        pytest.param("<img src=x onerror=alert(1)>", id="handler"),
        pytest.param('"><a href="javascript:alert(1)">x</a>', id="broken out of an attribute"),
        pytest.param("</li></ol></details><b>x", id="closed tags"),
        pytest.param("<!-- ", id="comment"),
        pytest.param("&lt;b&gt; &amp;", id="entities"),
        pytest.param("<mark>x</mark>", id="a mark of its own"),
    ],
)
@pytest.mark.parametrize("field", ["title", "heading", "passage", "source"])
def test_hostile_words_in_sources_stay_words(field: str, words: str) -> None:
    text = f"{words} {TEXT}" if field == "passage" else TEXT
    made = citation(text=text, **({field: words} if field in ("title", "heading") else {}))
    made = replace(made, sources=(replace(HU, title=words, authors=words),)) if field == "source" else made
    html = soup(render.sources_html(answer(made)))
    assert words in html.get_text()
    assert not html.find_all(["script", "img", "b"])
    assert [mark.get_text() for mark in html.find_all("mark")] == [squeezed(QUOTE)]


HOSTILE_URLS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//evil.example",
    "relative/path",
    "\tjavascript:alert(1)",
    "java\nscript:alert(1)",
    'https://a.b/"onclick="alert(1)',
    "https://a.b/<script>",
    "https://[broken",
    "https://a b/ c",
    "http://a.b:port/",
    "",
]


@pytest.mark.parametrize("url", HOSTILE_URLS, ids=repr)
def test_only_web_addresses_become_links(url: str) -> None:
    made = replace(citation(), sources=(replace(HU, url=url),))
    html = soup(render.sources_html(answer(made)))
    assert all(re.match(r"https?://[^\s\"<>]+$", a["href"]) for a in html.select("a[href]"))
    assert not any(name.startswith("on") for tag in html.find_all() for name in tag.attrs)
    assert "Hu et al., 2021: LoRA" in html.get_text()


def test_a_study_is_linked_without_telling_it_where_one_came_from() -> None:
    [link] = soup(render.sources_html(answer(citation()))).find_all("a")
    assert link["href"] == HU.url
    assert set(link["rel"]) == {"noopener", "noreferrer"}


def test_exactly_the_quoted_span_is_marked() -> None:
    html = soup(render.sources_html(answer(citation())))
    text = html.select_one("p.text")
    assert text is not None
    assert [mark.get_text() for mark in text.find_all("mark")] == ["It trains <b>two</b> small matrices."]
    assert text.get_text() == "LoRA is cheap. It trains <b>two</b> small matrices.[1] Use & enjoy."


def test_quotes_of_one_passage_are_marked_in_it_in_the_order_of_the_text() -> None:
    later, first = citation(), replace(citation("LoRA is cheap."), n=2)
    html = soup(render.sources_html(answer(later, first)))
    assert len(html.select("li.passage")) == 1
    assert [mark.get_text() for mark in html.find_all("mark")] == ["LoRA is cheap.", squeezed(QUOTE)]
    assert [sup.get_text() for sup in html.find_all("sup")] == ["[2]", "[1]"]


@given(HOSTILE, HOSTILE, HOSTILE, st.text() | st.sampled_from(HOSTILE_URLS))
@examine
def test_sources_of_any_words_are_safe(text: str, title: str, heading: str, url: str) -> None:
    made = citation(text=f"{text} {TEXT}", title=title, heading=heading)
    html = soup(render.sources_html(answer(replace(made, sources=(replace(HU, url=url),)))))
    tags = {"details", "summary", "ol", "li", "span", "p", "mark", "sup", "a"}
    assert {tag.name for tag in html.find_all()} <= tags
    assert [squeezed(mark.get_text()) for mark in html.find_all("mark")] == [squeezed(QUOTE)]


def test_without_citations_there_are_no_sources() -> None:
    assert render.sources_html(answer()) == ""
    assert render.sources_text(answer()) == ""


@pytest.mark.parametrize("status", list(render.STATUS_WORDS))
def test_the_status_line_says_how_much_is_supported(status: str) -> None:
    line = soup(render.status_html(replace(answer(), status=status, grounding=Grounding(6, 5))))
    assert line.get_text().startswith(f"5/6 {render.STATUS_WORDS[status]}")  # type: ignore[index]


def test_a_question_back_is_no_refusal() -> None:
    asking = replace(answer(), statements=(Statement("What is it for?", "question"),), status="grounded")
    line = soup(render.status_html(replace(asking, grounding=Grounding(0, 0))))
    assert line.get_text().startswith(render.ASKS_BACK)


def test_small_talk_has_no_status_line() -> None:
    assert render.status_html(replace(answer(), kind="small-talk")) == ""


def test_json_has_the_keys_of_the_contract() -> None:
    made = contract.to_json(replace(answer(citation()), timings_ms={"retrieve": 1, "first_text": 2, "total": 3}))
    assert list(made) == [
        *(
            "answer",
            "status",
            "citations",
            "grounding",
            "verdict",
            "question",
            "brief",
            "model",
            "prompt",
            "timings_ms",
            "searched",
            "writing",
        )
    ]
    assert list(made["citations"][0]) == [
        *("n", "doc", "title", "heading", "quote", "start", "end", "score", "sources")
    ]
    assert list(made["citations"][0]["sources"][0]) == ["title", "authors", "year", "url"]
    assert [list(made[key]) for key in ("grounding", "prompt")] == [["sentences", "supported"], ["id", "version"]]


def test_json_can_be_written_and_holds_the_quote_as_it_stands() -> None:
    made = json.loads(json.dumps(contract.to_json(answer(citation())), allow_nan=False))
    quoted = made["citations"][0]
    assert quoted["quote"] == QUOTE == TEXT[quoted["start"] - 100 : quoted["end"] - 100]
    assert made["citations"][0]["sources"][0]["year"] == 2021


def test_found_passages_have_the_keys_of_the_contract_and_no_markers() -> None:
    [found] = contract.search_json([passage()])
    assert list(found) == ["doc", "heading", "text", "score"]
    assert "[@" not in found["text"]
