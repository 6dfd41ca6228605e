"""Document → chunks along its headings → windows that the embedding model reads whole.

Sizes were chosen by `benchmarks/chunking.py`, which prints what other sizes give.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, pairwise

from langchain_text_splitters import RecursiveCharacterTextSplitter
from markdown_it import MarkdownIt

from knowledge.documents import slug
from knowledge.sentences import after_markers, list_items, sentences, without_markers
from knowledge.types import Chunk, Document, Sentence, Window

CHUNK_CHARACTERS = 1100
WINDOW_CHARACTERS = 400
# Stamped on every index: raise it when chunks or windows of the same document would come out otherwise.
CHUNKER = f"headings-{CHUNK_CHARACTERS}/windows-{WINDOW_CHARACTERS}/5"
HEADING_WINDOW = "@heading"
ASKED_WINDOW = "@asked-"


@dataclass(frozen=True)
class Section:
    """The text under one heading, the heading itself left out."""

    heading: str
    start: int
    end: int


def chunks(document: Document, *, size: int = CHUNK_CHARACTERS) -> list[Chunk]:
    """Cut a document into chunks of at most `size` characters, never across a heading.

    Ids are `document#heading`, with `-2` for the second section of that name and `.2` for the second piece of a
    long one: they stay the same when another section is edited.
    """
    found: list[Chunk] = []
    taken: set[str] = set()
    for section in sections(document):
        name = _free(f"{document.id}#{slug(section.heading)}", taken)
        taken.add(name)
        for n, (start, end) in enumerate(_pieces(document.text, section.start, section.end, size), 1):
            chunk_id = f"{name}.{n}" if n > 1 else name
            found.append(Chunk(chunk_id, document.id, section.heading, document.text[start:end], start, end))
    return found


def _free(name: str, taken: set[str]) -> str:
    return next(name for name in chain([name], (f"{name}-{n}" for n in count(2))) if name not in taken)


def windows(chunk: Chunk, title: str, asked: Sequence[str] = (), *, size: int = WINDOW_CHARACTERS) -> list[Window]:
    """What the embedding model reads of a chunk: its heading, other questions it answers, runs of whole sentences.

    The runs have at most `size` characters, each half over the next: all-MiniLM-L6-v2 reads 256 tokens and
    blurs what is long, so a chunk is found by its best window. The heading is a window of its own, `ID@heading`,
    because a question is most like the heading that asks it; so is each of the other questions, `ID@asked-N`
    (document expansion: Nogueira et al., 2019, "Document Expansion by Query Prediction", but written by people).
    """
    spans = [(s.start, s.end) for s in sentences(chunk.text)] or [(0, len(chunk.text))]
    spans = [piece for a, b in spans for piece in _fixed(a, b, size)]
    covers: list[tuple[int, int]] = []
    first = 0
    while first < len(spans):
        last = first
        while last + 1 < len(spans) and spans[last + 1][1] - spans[first][0] <= size:
            last += 1
        covers.append((spans[first][0], spans[last][1]))
        if last == len(spans) - 1:
            break
        following = first + 1
        while following <= last and spans[following][0] - spans[first][0] < size // 2:
            following += 1
        first = following
    named = chunk.heading != title
    lead = f"{chunk.heading}\n" if named else ""
    found = [
        Window(
            f"{chunk.id}@{n}",
            chunk.id,
            lead + without_markers(chunk.text[a:b]),
            chunk.start + a,
            chunk.start + b,
        )
        for n, (a, b) in enumerate(covers)
    ]
    if named:
        heading = f"{title}: {chunk.heading}"
        found.append(Window(f"{chunk.id}{HEADING_WINDOW}", chunk.id, heading, chunk.start, chunk.end))
    return found + [
        Window(f"{chunk.id}{ASKED_WINDOW}{n}", chunk.id, question, chunk.start, chunk.end)
        for n, question in enumerate(asked, 1)
    ]


def chunk_sentences(chunk: Chunk) -> list[Sentence]:
    """The sentences of a chunk with the document's offsets."""
    return sentences(chunk.text, offset=chunk.start)


def sections(document: Document) -> list[Section]:
    """The stretches between headings; text before the first one goes under the document's title."""
    text, begin = document.text, document.body_start
    heads = list(_markdown_headings(text, begin) if document.markdown else _plain_headings(text))
    edges = [(begin, begin, document.title), *heads, (len(text), len(text), "")]
    return [
        Section(heading, start, following)
        for (_, start, heading), (following, _, _) in pairwise(edges)
        if re.search(r"\w", text[start:following])
    ]


def _markdown_headings(text: str, begin: int) -> Iterator[tuple[int, int, str]]:
    """(start of the heading's line, end of its lines, its words) for each heading at the top level."""
    body = text[begin:]
    starts = [begin]
    for line in body.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    tokens = MarkdownIt("commonmark").parse(body)
    for token, inline in pairwise(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            words = "".join(t.content for t in inline.children or [] if t.type in ("text", "code_inline"))
            yield starts[token.map[0]], min(starts[token.map[1]], len(text)), words.strip()


def _plain_headings(text: str) -> Iterator[tuple[int, int, str]]:
    """In text without markup: a short line that stands alone, ends in no stop and is followed by prose."""
    for match in re.finditer(r"(?:\A|\n[ \t]*\n)([^\n]{3,80})\n[ \t]*\n(?=([^\n]+))", text):
        line, following = match[1].strip(), match[2].strip()
        if line[:1].isupper() and line[-1] not in ".,;:!•" and re.search(r"[.:!?]$", following):
            yield match.start(1), match.end(1), line


def _pieces(text: str, start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """Pack whole sentences into pieces of at most `size` characters, as even as they come.

    A quote must never be half a sentence, so pieces end where sentences end; only a sentence longer than a
    piece is cut, where langchain's splitter finds the best place. A piece that opens with an item of a list keeps its
    number: without a "1." before it, a "2." would count as a word.
    """
    section = text[start:end]
    numbered = {start + words: start + line for line, words in list_items(section)}
    said = [(numbered.get(s.start, s.start), s.end) for s in sentences(section, offset=start)]
    spans = [piece for a, b in said for piece in _within(text, a, b, size)]
    if not spans:
        return
    total = spans[-1][1] - spans[0][0]
    # Even pieces: a section of 1.1 sizes becomes two halves, not a whole one and a crumb.
    target = total / math.ceil(total / size)
    first = 0
    for n, (_, stop) in enumerate(spans):
        last = n + 1 == len(spans)
        if last or spans[n + 1][1] - spans[first][0] > size or stop - spans[first][0] >= target:
            yield spans[first][0], stop
            first = n + 1


def _within(text: str, start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """A sentence with the markers behind it; one that is too long is cut, and its last part keeps the markers."""
    marked = after_markers(text, end)
    if marked - start <= size:
        yield start, marked
        return
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=max(size // 2, size - (marked - end)), chunk_overlap=0, keep_separator="end", add_start_index=True
    )
    parts = splitter.create_documents([text[start:end]])
    for n, part in enumerate(parts, 1):
        a = start + part.metadata["start_index"]
        yield a, marked if n == len(parts) else a + len(part.page_content)


def _fixed(start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    while end - start > size:
        yield start, start + size
        start += size
    yield start, end
