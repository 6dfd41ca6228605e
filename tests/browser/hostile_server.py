"""`python -m tests.browser.hostile_server HOME [quick]`: the page over a writer that says what an attacker would.

`Say part N` has it say the Nth hundred of the strings of `tests/attacks.py`, as a model could; `Quote part N` has it
quote the Nth part of the documents, whatever these hold. With `quick` the index is one of `QuickEmbedder`.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from bot import assemble
from bot.settings import read_settings
from bot.types import Draft, Queries, Quote
from bot.writers.quoting import QuotingWriter
from knowledge.retriever import Retrieval
from knowledge.sentences import plain
from knowledge.types import Passage
from tests import attacks
from tests.quick_embedder import QuickEmbedder
from ui import server

SLOWLY = "slowly"
SIZE = 100
OURS = [*attacks.POLYGLOTS, *attacks.exfiltrations()]
STRINGS = [*OURS, *attacks.naughty()]


def parts(strings: Sequence[Any], size: int = SIZE) -> list[Sequence[Any]]:
    """So many at a time."""
    return [strings[at : at + size] for at in range(0, len(strings), size)]


class HostileWriter(QuotingWriter):
    """Says what it is told to, and leaves time to interrupt it when it is asked to."""

    def write(self, queries: Queries, retrieval: Retrieval, *_: Any) -> Iterator[Draft]:
        """Plain statements, which are shown as they are, or quotes with their citations."""
        asked = re.match(r"(Say|Quote) part (\d+)", queries.message)
        if asked and asked[1] == "Quote":
            yield from _quotes(retrieval, int(asked[2]))
            return
        slowly = SLOWLY in queries.message
        if not (asked or slowly):
            yield Draft("Heard.", "plain")
            return
        for text in parts(STRINGS)[int(asked[2]) if asked else 0]:
            time.sleep(0.5 if slowly else 0)
            yield Draft(text, "plain")


def _quotes(retrieval: Retrieval, part: int) -> Iterator[Draft]:
    """The first sentence of each chunk."""
    generation = retrieval.generation
    for chunk in parts(generation.chunks, 20)[part]:
        for sentence, _ in generation.store.sentences_of([chunk.id])[chunk.id][:1]:
            yield Draft(plain(sentence.text), "support", Quote(Passage(chunk, 1.0, 1.0, 1.0), sentence))


if __name__ == "__main__":
    assemble.QuotingWriter = HostileWriter  # type: ignore[misc]
    if sys.argv[2:] == ["quick"]:
        assemble.SentenceEmbedder = QuickEmbedder  # type: ignore[misc]
    server.run(read_settings(home=sys.argv[1], port=0), browser=False)
