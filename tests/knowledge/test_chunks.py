"""Chunks follow the headings, lose nothing, and say where they stand."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.chunks import CHUNK_CHARACTERS, WINDOW_CHARACTERS, chunk_sentences, chunks, sections, windows
from knowledge.documents import read_document
from knowledge.ingest import CORPUS
from knowledge.sentences import sentences, without_markers
from knowledge.types import Chunk, Document

thorough = settings(max_examples=80, deadline=None, derandomize=True)
every_corpus_document = pytest.mark.parametrize("path", sorted(CORPUS.rglob("*.md")), ids=lambda path: path.stem)

word = st.text("abcdefgéßж", min_size=2, max_size=9)
sentence = st.builds(
    lambda words, stop, marker: f"{' '.join(words).capitalize()}{stop}{marker}",
    st.lists(word, min_size=1, max_size=12),
    st.sampled_from(".?!"),
    st.sampled_from(["", " [@hu2021]", " [@liu-2022; @x]", " [@a] [@b]"]),
)
paragraph = st.builds(
    lambda said, gap: gap.join(said), st.lists(sentence, min_size=1, max_size=8), st.sampled_from(" \n")
)
items = st.builds(
    lambda said, bullet: "\n".join(f"{bullet} {s}" for s in said),
    st.lists(sentence, min_size=1, max_size=5),
    st.sampled_from(["-", "*", "1."]),
)
block = st.one_of(
    paragraph,
    items,
    st.builds(lambda s: f"> {s}", sentence),
    st.builds(lambda s: f"```\n{s}\n```", word),
    st.builds(lambda s: f"> # {s}", sentence),
    st.builds(lambda s: f"| {s} | five |\n| --- | --- |\n| {s} | six |", word),
)
title = st.lists(word, min_size=1, max_size=4).map(" ".join)
heading = st.builds(
    lambda words, form: form.format(words),
    title,
    st.sampled_from(["# {}", "## {}", "### {} ###", "{}\n=====", "{}\n---", "## *{}*", "## `{}` [x](y)"]),
)


def document(text: str, **more: object) -> Document:
    """A document of this text alone."""
    return Document("d", "The title", text, **more)  # type: ignore[arg-type]


markdown = st.lists(st.one_of(heading, block), max_size=10).map(lambda blocks: document("\n\n".join(blocks)))
plain_text = st.lists(st.one_of(title, paragraph, items), max_size=10).map(
    lambda blocks: document("\n\n".join(blocks), markdown=False)
)
any_document = st.one_of(markdown, plain_text)
small = st.integers(60, 300)


def words(text: str) -> Counter[str]:
    """The words without digits of a text and how often each occurs."""
    return Counter(re.findall(r"[^\W\d_]+", text))


# Places


@thorough
@given(any_document, small)
def test_a_chunk_and_its_sentences_are_the_slices_that_they_say(made: Document, size: int) -> None:
    for chunk in chunks(made, size=size):
        assert made.text[chunk.start : chunk.end] == chunk.text
        assert all(made.text[s.start : s.end] == s.text for s in chunk_sentences(chunk))


@thorough
@given(any_document, small)
def test_chunks_come_in_order_and_never_cross_a_heading(made: Document, size: int) -> None:
    found = chunks(made, size=size)
    assert all(a.end <= b.start for a, b in pairwise(found))
    for chunk in found:
        around = [s for s in sections(made) if s.start <= chunk.start and chunk.end <= s.end]
        assert [s.heading for s in around] == [chunk.heading]


@thorough
@given(any_document, small)
def test_no_word_is_lost_or_said_twice(made: Document, size: int) -> None:
    found = chunks(made, size=size)
    stretches = " ".join(made.text[s.start : s.end] for s in sections(made))
    assert words(" ".join(c.text for c in found)) == words(stretches)


@thorough
@given(plain_text)
def test_a_plain_text_is_all_in_its_headings_and_chunks(made: Document) -> None:
    said = " ".join([*(s.heading for s in sections(made)), *(c.text for c in chunks(made))])
    assert not words(made.text) - words(said)


@thorough
@given(any_document, small)
def test_every_word_of_a_chunk_is_in_a_window_and_in_a_sentence(made: Document, size: int) -> None:
    for chunk in chunks(made, size=size):
        said = words(without_markers(chunk.text)).keys()
        assert said <= words(" ".join(w.text for w in windows(chunk, made.title, size=250))).keys()
        assert said <= words(" ".join(s.text for s in chunk_sentences(chunk))).keys()


@thorough
@given(any_document, small)
def test_the_keys_of_markers_survive_chunking(made: Document, size: int) -> None:
    written = re.findall(r"@([\w-]+)", " ".join(made.text[s.start : s.end] for s in sections(made)))
    assert [k for c in chunks(made, size=size) for s in chunk_sentences(c) for k in s.keys] == written


# The real corpus


@every_corpus_document
def test_a_corpus_document_is_cut_into_slices_of_itself(path: Path) -> None:
    made = read_document(path)
    for chunk in chunks(made):
        assert made.text[chunk.start : chunk.end] == chunk.text
        assert len(chunk.text) <= CHUNK_CHARACTERS or len(chunk_sentences(chunk)) == 1
        assert all(made.text[s.start : s.end] == s.text for s in chunk_sentences(chunk))


@every_corpus_document
def test_a_corpus_document_loses_no_word_and_no_source(path: Path) -> None:
    made = read_document(path)
    body = re.sub(r"^#.*$", "", made.text[made.body_start :], flags=re.MULTILINE)
    said = [s for chunk in chunks(made) for s in chunk_sentences(chunk)]
    assert words(" ".join(s.text for s in said)) == words(without_markers(body))
    assert [key for s in said for key in s.keys] == re.findall(r"@([\w-]+)", body)
    assert {key for s in said for key in s.keys} <= {source.key for source in made.sources}


# Headings


def test_chunks_carry_the_words_of_their_heading() -> None:
    found = chunks(document("Intro.\n\n# How *much*? #\n\nTen.\n\nAnd `why`?\n---------\n\nBecause.\n"))
    assert [(c.heading, c.text) for c in found] == [
        ("The title", "Intro."),
        ("How much?", "Ten."),
        ("And why?", "Because."),
    ]


def test_what_looks_like_a_heading_inside_a_block_is_none() -> None:
    text = "# Set-up\n\n> # quoted\n\n- # item\n\n```\nmake\n# wait\n```\n\nDone.\n"
    assert {c.heading for c in chunks(document(text))} == {"Set-up"}


def test_the_front_matter_is_in_no_chunk() -> None:
    text = "---\ntitle: x\n---\nWords.\n"
    assert [c.text for c in chunks(document(text, body_start=text.index("Words")))] == ["Words."]


def test_a_line_that_stands_alone_heads_plain_text() -> None:
    text = "Shop returns\n\nThirty days.\n\nWho pays\n\nThe customer pays. Nobody else does.\n"
    found = chunks(document(text, markdown=False))
    assert [(c.heading, c.text) for c in found] == [
        ("Shop returns", "Thirty days."),
        ("Who pays", "The customer pays. Nobody else does."),
    ]


def test_a_document_without_text_has_no_chunk() -> None:
    assert chunks(document("")) == []
    assert chunks(document("# Only a heading\n")) == []


# Sizes


def test_a_long_section_is_cut_into_even_pieces_at_sentences() -> None:
    found = chunks(document("# Q\n\n" + "This sentence has some words. " * 40))
    assert len(found) == 2
    assert all(c.text.endswith("words.") and c.text.startswith("This") for c in found)
    assert abs(len(found[0].text) - len(found[1].text)) < 100


@pytest.mark.parametrize("text", ["ab " * 1000, "x" * 3000], ids=["words", "no space"])
def test_a_sentence_longer_than_a_chunk_is_cut_and_whole(text: str) -> None:
    found = chunks(document(text))
    assert all(len(c.text) <= CHUNK_CHARACTERS for c in found)
    assert "".join("".join(c.text for c in found).split()) == "".join(text.split())


def test_windows_overlap_and_cover_their_chunk() -> None:
    chunk = chunks(document("# Q\n\n" + " ".join(f"Sentence number {n} is here." for n in range(36))))[0]
    *runs, head = windows(chunk, "The title")
    assert (runs[0].start, runs[-1].end) == (chunk.start, chunk.end)
    assert all(a.start < b.start < a.end < b.end for a, b in pairwise(runs))
    assert all(w.end - w.start <= WINDOW_CHARACTERS for w in runs)
    assert head.text == "The title: Q"


def test_a_window_shows_the_heading_and_no_markers() -> None:
    chunk = Chunk("d#q", "d", "Q?", "It is so. [@hu2021]", 7, 26)
    assert [w.text for w in windows(chunk, "The title")] == ["Q?\nIt is so.", "The title: Q?"]
    assert [w.text for w in windows(chunk, "Q?")] == ["It is so."]


def test_each_other_question_is_a_window_of_its_own() -> None:
    chunk = Chunk("d#q", "d", "Q?", "It is so.", 7, 16)
    found = windows(chunk, "The title", ["how come", "and why"])
    assert [(w.id, w.text) for w in found[-2:]] == [("d#q@asked-1", "how come"), ("d#q@asked-2", "and why")]
    assert {(w.start, w.end) for w in found} == {(7, 16)}


# Ids


@thorough
@given(st.lists(st.sampled_from(["Step", "Step 2", "Step 3", "Notes", "Step-2", "?"]), max_size=7), small)
def test_ids_are_unique_whatever_the_headings(headings: list[str], size: int) -> None:
    made = document("\n\n".join(f"# {h}\n\nOne sentence here. Another sentence there." for h in headings))
    ids = [c.id for c in chunks(made, size=size)]
    assert len(set(ids)) == len(ids)
    of_windows = [w.id for c in chunks(made, size=size) for w in windows(c, made.title, size=20)]
    assert len(set(of_windows)) == len(of_windows)


SECTIONS = {"What?": "It is a thing. ", "Why?": "It was wanted. ", "How much?": "It costs five. "}


def ids_by_text(parts: dict[str, str]) -> dict[str, str]:
    """Chunk text → chunk id of a document with these sections."""
    made = document("\n\n".join(f"# {name}\n\n{text}" for name, text in parts.items()))
    return {c.text: c.id for c in chunks(made)}


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"What?": "Something else."}, id="other words"),
        pytest.param({"What?": "It grew. " * 300}, id="longer"),
        pytest.param({"What?": ""}, id="emptied"),
        pytest.param({"New?": "A new section."}, id="added"),
    ],
)
def test_ids_stay_when_another_section_is_edited(edit: dict[str, str]) -> None:
    before, after = ids_by_text(SECTIONS), ids_by_text(SECTIONS | edit)
    for text in ("It was wanted.", "It costs five."):
        assert after[text] == before[text]


def test_ids_name_the_document_and_the_heading() -> None:
    assert [c.id for c in chunks(document("# How much?\n\nFive.\n\n# Why?\n\nSo."))] == ["d#how-much", "d#why"]


def test_every_sentence_of_a_section_is_in_one_chunk() -> None:
    text = "# Q\n\n" + " ".join(f"This is sentence number {n} of many." for n in range(80))
    made = document(text)
    cut = [s.text for c in chunks(made) for s in chunk_sentences(c)]
    assert cut == [s.text for s in sentences(text)]


def test_ids_stay_when_a_section_of_the_same_name_grows() -> None:
    def ids(first: str) -> list[str]:
        text = f"# T\n\n## Cost?\n\n{first}\n\n## Cost?\n\nThe second says little.\n"
        return [c.id for c in chunks(Document("d", "T", text), size=60)]

    assert ids("The first is short.") == ["d#cost", "d#cost-2"]
    grown = ids("The first is not so short any more. It has a second sentence now. And it has a third.")
    assert grown[0] == "d#cost"
    assert grown[-1] == "d#cost-2"
    assert "d#cost.2" in grown


def test_markers_count_as_length_of_their_chunk() -> None:
    text = "## H?\n\n" + " ".join(f"This is sentence number {n}. [@source{n}; @other{n}]" for n in range(20))
    assert max(len(c.text) for c in chunks(Document("d", "T", text), size=200)) <= 200


@every_corpus_document
def test_cut_into_chunks_a_document_has_the_sentences_of_its_sections(path: Path) -> None:
    read = read_document(path)
    whole = [s for part in sections(read) for s in sentences(read.text[part.start : part.end], offset=part.start)]
    assert [s for chunk in chunks(read) for s in chunk_sentences(chunk)] == whole
    assert not [s.text for s in whole if re.match(r"\d+[.)] ", s.text)]
