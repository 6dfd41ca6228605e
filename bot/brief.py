"""Messages → ProjectBrief: what the person said of the project, each fact with the words it came from.

The recogniser scores every clause for every signal of knowledge/signals.yaml; of each slot the best one is kept.
"""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np

from bot.types import Fact, Origin, ProjectBrief, Queries
from knowledge.recogniser import Recogniser, Vector
from knowledge.signals import SignalBook, Slot

# What is less probable counts for nothing; what is less probable than SAID is inferred.
LEAST, SAID = 0.05, 0.3
# Slots of which several signals may hold at once: a project may have several tasks, and several things tried.
MANY = {"task": 3, "tried": 2, "feedback": 2}
_HYPOTHESIS = re.compile(
    r"(?:(?:and|but|so)\s+)?(?:what if|suppose|imagine|assuming|if (?:we|i|they) (?:had|could|would|got))\b", re.I
)


def read_brief(
    queries: Queries,
    vectors: Vector,
    book: SignalBook,
    recogniser: Recogniser,
    earlier: ProjectBrief,
    asked: Slot | None = None,
    *,
    latest: bool = True,
) -> ProjectBrief:
    """The brief after one more message: what it says replaces what was said of the same slot before.

    `asked` is the slot that the turn before asked for, `vectors` has a row for each clause, `recogniser` knows the
    book's signals. A hypothesis ("what if we had labels?") counts in the `latest` message and is then forgotten.
    """
    said = quick_reply(queries.message, asked, book) or _facts(queries, vectors, book, recogniser, latest=latest)
    before = {fact.slot: fact for fact in earlier.facts}
    # What is only inferred does not overrule what was said.
    kept = [f for f in said if f.origin == "said" or before.get(f.slot, f).origin != "said"]
    replaced = {fact.slot for fact in kept}
    facts = [fact for fact in earlier.facts if fact.slot not in replaced] + kept
    order = {name: i for i, name in enumerate(book.slots)}
    return ProjectBrief(tuple(sorted(facts, key=lambda fact: order[fact.slot])))


def asked_slot(said: str, book: SignalBook) -> Slot | None:
    """The slot that the consultant's last turn asked for; the turn ends in the question, word for word."""
    return next((slot for slot in book.slots.values() if said.rstrip().endswith(slot.ask)), None)


def quick_reply(message: str, asked: Slot | None, book: SignalBook) -> list[Fact]:
    """The fact that a quick reply states, when the message is one."""
    for words, signal_id in asked.options if asked else ():
        if message.casefold().strip(" .!") == words.casefold():
            signal = book.signals[signal_id]
            return [Fact(signal.slot, signal.id, signal.means, message, "said")]
    return []


def _facts(
    queries: Queries, vectors: Vector, book: SignalBook, recogniser: Recogniser, *, latest: bool
) -> list[Fact]:
    """The most probable signals of each slot, each with the clause that means it most."""
    clauses = [
        (clause, vector)
        for clause, vector in zip(queries.clauses, vectors, strict=True)
        if latest or not _HYPOTHESIS.match(clause.text)
    ]
    if not clauses:
        return []
    scores = recogniser.scores([clause.text for clause, _ in clauses], np.stack([vector for _, vector in clauses]))
    by_slot: defaultdict[str, list[Fact]] = defaultdict(list)
    best = scores.argmax(axis=0)
    for column in np.argsort(-scores.max(axis=0), kind="stable"):
        likeness = float(scores[best[column], column])
        if likeness < LEAST:
            break
        signal = book.signals[recogniser.signals[column]]
        if len(by_slot[signal.slot]) < MANY.get(signal.slot, 1):
            clause = clauses[best[column]][0]
            origin: Origin = "said" if likeness >= SAID else "inferred"
            by_slot[signal.slot].append(
                Fact(signal.slot, signal.id, signal.means, clause.text, origin, round(likeness, 4))
            )
    return [fact for facts in by_slot.values() for fact in facts]
