"""A comparison of two approaches: a small table whose cells are sentences of their guides, each cited."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.types import Draft, Quote
from knowledge.retriever import Retrieval
from knowledge.sentences import plain
from knowledge.types import Passage

# What can be compared: the column's name, the words that mean it, the guide. The narrower name stands first, since
# "full fine-tuning" names fine-tuning too.
_COLUMNS = (
    ("Full fine-tuning", r"full fine-?\s?tun\w*", "full-fine-tuning"),
    ("Preference tuning", r"preference tuning|dpo|kto|rlhf", "preference-tuning"),
    ("LoRA", r"q?lora", "lora"),
    ("Long context", r"long[- ]context", "long-context"),
    ("Structured output", r"structured outputs?", "structured-output"),
    ("Chain-of-thought", r"chain[- ]of[- ]thought|cot", "chain-of-thought"),
    ("Retrieval (RAG)", r"rag|retrieval(?:[- ]augmented generation)?", "retrieval-augmented-generation"),
    ("Fine-tuning", r"fine-?\s?tun\w*|sft", "fine-tuning"),
    ("Prompt engineering", r"prompt(?:ing|s| engineering)?", "prompt-engineering"),
)
# The rows: their names, and the headings of the guides' sections that answer them.
_ROWS = (
    ("Fits when", r"^when does (?!.*\bnot\b).*\b(?:fit|help)\b"),
    ("Does not fit when", r"^when does .* not (?:fit|help)\b"),
    ("Costs", r"^what does .* cost\b"),
)
_COMPARES = re.compile(
    r"\bvs\b|\bversus\b|\bor\b|\bcompar\w*|\bdifferen\w*|\bbetter\b|\bcheaper\b|\binstead of\b", re.I
)


def compared(message: str) -> list[tuple[str, str]]:
    """The (name, guide) of the two approaches that a message compares, in its order; empty when it does not.

    >>> compared("RAG vs fine-tuning?")
    [('Retrieval (RAG)', 'retrieval-augmented-generation'), ('Fine-tuning', 'fine-tuning')]
    >>> compared("Is full fine-tuning better than LoRA?")
    [('Full fine-tuning', 'full-fine-tuning'), ('LoRA', 'lora')]
    >>> compared("What is RAG?")
    []
    """
    found = named(message) if _COMPARES.search(message) else []
    return found if len(found) == 2 else []


def named(message: str) -> list[tuple[str, str]]:
    """The (name, guide) of the approaches that a message names, in its order.

    >>> named("Should we fine-tune?")
    [('Fine-tuning', 'fine-tuning')]
    """
    found = []
    for name, words, guide in _COLUMNS:
        if match := re.search(rf"(?<![\w-])(?:{words})(?![\w-])", message, re.I):
            found.append((match.start(), name, guide))
            message = message[: match.start()] + " " * len(match[0]) + message[match.end() :]
    return [(name, guide) for _, name, guide in sorted(found)]


def both_sides(retrieval: Retrieval, guide: str) -> Iterator[Quote]:
    """When an approach fits and when it does not: the first sentences of these two sections of its guide."""
    for _, heading in _ROWS[:2]:
        if said := _answer(retrieval, guide, heading):
            yield said


def _answer(retrieval: Retrieval, guide: str, heading: str) -> Quote | None:
    """The first sentence of the guide's section with such a heading."""
    generation = retrieval.generation
    chunk = next((c for c in generation.chunks if c.doc == guide and re.match(heading, c.heading, re.I)), None)
    if chunk is None:
        return None
    return Quote(Passage(chunk, 1.0, 1.0, 0.0), generation.store.sentences_of([chunk.id])[chunk.id][0][0])


def table(retrieval: Retrieval, columns: list[tuple[str, str]]) -> Iterator[Draft]:
    """The cells, row by row: the first sentence of the section that answers; a row with a gap is left out."""
    for row, heading in _ROWS:
        cells = [(column, _answer(retrieval, guide, heading)) for column, guide in columns]
        if all(said for _, said in cells):
            yield from (
                Draft(plain(said.sentence.text), "cell", said, place=(row, column)) for column, said in cells if said
            )
