"""Text to sentences with their places, source markers set apart.

A source marker (`[@hu2021]`, Pandoc's citation form) stands after the full stop of the sentence it supports,
so that the sentence reads clean when it is quoted and still knows its sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import sentencex
from markdown_it import MarkdownIt

from knowledge.types import Sentence

_ODD_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
MARKER = re.compile(r"(?<!\s)\s*\[@[\w-]+(?:;\s*@[\w-]+)*\]")
_KEY = re.compile(r"@([\w-]+)")
_LIST_ITEM = re.compile(r"^[ \t]*(?:[-*+•]|(?P<number>\d{1,3})[.)])[ \t]+", re.MULTILINE)
_INLINE = MarkdownIt("commonmark")
_HEADING = re.compile(r"^#{1,6}[ \t].*$", re.MULTILINE)


def sentences(text: str, *, offset: int = 0) -> list[Sentence]:
    """Split `text` into sentences; starts and ends are characters, counted from `offset`.

    Headings and list bullets are no part of a sentence; each list item and each paragraph ends one.

    >>> [(s.text, s.keys) for s in sentences("LoRA is cheap. [@hu2021] It needs\\nan adapter.")]
    [('LoRA is cheap.', ('hu2021',)), ('It needs\\nan adapter.', ())]
    """
    found: list[Sentence] = []
    for start, end in _blocks(text):
        block, origin = _clean(text[start:end])
        # The library panics on odd spaces before a stop; one for one, so that offsets stay true.
        for boundary in sentencex.get_sentence_boundaries("en", _ODD_SPACE.sub(" ", block)):
            a, b = boundary["start_index"], boundary["end_index"]
            kept = block[a:b].strip()
            if not kept:
                continue
            a += len(block[a:b]) - len(block[a:b].lstrip())
            first, last = start + origin[a], start + origin[a + len(kept) - 1] + 1
            named = keys(text[first : after_markers(text, last)])
            found.append(Sentence(text[first:last], offset + first, offset + last, named))
    return found


def _clean(text: str) -> tuple[str, list[int]]:
    """The text without its markers, and for each of its characters the place it had before."""
    kept: list[int] = []
    at = 0
    for marker in MARKER.finditer(text):
        kept += range(at, marker.start())
        at = marker.end()
    kept += range(at, len(text))
    return "".join(text[i] for i in kept), kept


def keys(text: str) -> tuple[str, ...]:
    """The source keys that the markers in a text name, in order.

    >>> keys("LoRA is cheap. [@hu2021; @x1] Yes.")
    ('hu2021', 'x1')
    """
    return tuple(_KEY.findall(" ".join(MARKER.findall(text))))


def without_markers(text: str) -> str:
    """The text as a reader should see it.

    >>> without_markers("LoRA is cheap. [@hu2021; @x1] Yes.")
    'LoRA is cheap. Yes.'
    """
    return MARKER.sub("", text)


def plain(text: str) -> str:
    """A sentence as it is read: inline markup, source markers and line breaks gone, no word changed.

    >>> plain("Use **LoRA** [@hu2021]\\nfirst.")
    'Use LoRA first.'
    """
    text = without_markers(text)
    if re.search(r"[*_`\[\]<&\\]", text):
        tokens = _INLINE.parseInline(text)[0].children or []
        text = "".join(" " if token.type in ("softbreak", "hardbreak") else token.content for token in tokens)
    return " ".join(text.split())


def after_markers(text: str, end: int) -> int:
    """Where the markers that follow the sentence ending at `end` end, or `end` when none do.

    >>> after_markers("LoRA is cheap. [@hu2021] Yes.", 14)
    24
    """
    match = re.compile(rf"(?:{MARKER.pattern})+").match(text, end)
    return match.end() if match else end


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs and list items, headings left out, as (start, end)."""
    heads = list(_headings(text))
    cuts = {0, len(text)}
    for blank in re.finditer(r"\n[ \t]*\n", text):
        cuts.add(blank.end())
    for start, end in heads:
        cuts.update((start, end))
    bullets = dict(list_items(text))
    cuts.update(bullets)
    for start, end in pairwise(sorted(cuts)):
        begin = bullets.get(start, start)
        if (start, end) not in heads and text[begin:end].strip():
            yield begin, end


def _headings(text: str) -> Iterator[tuple[int, int]]:
    """Lines that Markdown takes for a heading and that stand alone: what begins so inside a paragraph, a program or
    a plain text is a comment or a number sign."""
    for match in _HEADING.finditer(text):
        before, after = text[: match.start()].rstrip(" \t"), text[match.end() :].lstrip(" \t")
        if (not before or before.endswith("\n\n")) and (not after or after.startswith("\n\n")):
            yield match.span()


def list_items(text: str) -> Iterator[tuple[int, int]]:
    """(start of the line, start of its words) of each item of a list.

    As in CommonMark, only an item numbered 1 interrupts a paragraph: "40." at the start of a wrapped line is none.
    """
    latest = -1
    for match in _LIST_ITEM.finditer(text):
        number = int(match["number"]) if match["number"] else None
        opens = re.search(r"(?:\A|\n[ \t]*\n)\Z", text[: match.start()]) is not None
        if number is None or opens or number in (1, latest, latest + 1):
            yield match.span()
            latest = -1 if number is None else number
