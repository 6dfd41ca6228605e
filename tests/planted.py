"""Documents that somebody else wrote, with orders planted in them, and a retriever that always finds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from knowledge.retriever import Retrieval, Retriever
from knowledge.types import Passage
from tests import attacks

ON_TOPIC = (
    "Should a small team fine-tune a model?",
    "How many examples does fine-tuning need?",
    "When does retrieval fit better than a longer prompt?",
    "What does a support bot cost a month?",
    "Is prompt engineering enough for product texts?",
    "Who should label our data?",
    "How do I measure whether a prompt got better?",
    "What is a reranker good for?",
)
SENTENCE = "Teams that measured their prompts on forty cases first decided sooner and with less money spent."


def write_documents(folder: Path, shared: Path, *, together: int) -> None:
    """The 75 instructions of others in emails, so many to an email, and our 40 on the subject, five to a document."""
    mails = sorted(attacks.emails(shared), key=len)
    for n, orders in enumerate(_by(together, attacks.planted(shared))):
        (folder / f"mail-{n:03d}.md").write_text(mail(mails[n % len(mails)], orders), encoding="utf-8")
    for n, orders in enumerate(_by(5, attacks.orders())):
        parts = [f"# {ON_TOPIC[n]}", SENTENCE, *orders, SENTENCE.replace("Teams", "Groups")]
        (folder / f"advice-{n:03d}.md").write_text("\n\n".join(parts), encoding="utf-8")


def _by(size: int, texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[at : at + size] for at in range(0, len(texts), size)]


def mail(text: str, orders: Sequence[str]) -> str:
    """The email with the orders at its start, in its midst and at its end, in turn."""
    half = text.find(" ", len(text) // 2)
    parts = (text[:half], text[half:])
    return "\n\n".join([*orders[::3], parts[0], *orders[1::3], parts[1], *orders[2::3]])


class Planting(Retriever):
    """Finds what any retriever finds, and before that the passage that an attacker wants to be found."""

    plant: Passage | None = None

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._found: dict[tuple[str, ...], Retrieval] = {}

    def retrieve(self, queries: Sequence[str], *given: Any, **options: Any) -> Retrieval:
        """The passages for the queries, looked up once, behind the planted one."""
        key = tuple(queries)
        if key not in self._found:
            self._found[key] = super().retrieve(queries, *given, **options)
        found = self._found[key]
        if self.plant is None or not queries:
            return found
        first = (self.plant, *found.by_query[0])
        return replace(found, passages=(self.plant, *found.passages), by_query=(first, *found.by_query[1:]))

    def planted(self) -> list[Passage]:
        """Every passage of the attacker's documents."""
        chunks = self.generation().chunks
        return [Passage(c, 1.0, 1.0, 9.0) for c in chunks if c.doc.startswith(("mail-", "advice-"))]
