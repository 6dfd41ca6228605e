"""Messages → ProjectBrief: what the person said of the project, each fact with the words it came from.

A clause is recognised by its likeness to the example phrasings in knowledge/signals.yaml, and where it holds an
amount, by the range the amount lies in.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.amounts import amounts
from bot.types import Clause, Fact, ProjectBrief
from knowledge.recogniser import Recogniser, Vector
from knowledge.signals import SignalBook

# How well (score of the recogniser) a clause must mean a signal.
RECOGNISED = 0.3
# A second signal of another slot counts when it is this near to the best one.
BESIDE = 0.08
# Slots of which several signals may hold at once: a project may have several tasks, and several things tried.
MANY = {"task": 3, "tried": 2, "feedback": 2, "parts": 1}


def read_brief(
    clauses: Sequence[Clause], vectors: Vector, book: SignalBook, recogniser: Recogniser, earlier: ProjectBrief
) -> ProjectBrief:
    """The brief after one more message: what it says replaces what was said of the same slot before.

    `vectors` has a row for each clause, `recogniser` knows the book's example phrasings.
    """
    said = [
        fact
        for clause, vector in zip(clauses, vectors, strict=True)
        for fact in _facts(clause, vector, book, recogniser)
    ]
    said.sort(key=lambda fact: -fact.likeness)
    kept: list[Fact] = []
    for fact in said:
        same = [k for k in kept if k.slot == fact.slot]
        if len(same) < MANY.get(fact.slot, 1) and all(k.signal != fact.signal for k in same):
            kept.append(fact)
    replaced = {fact.slot for fact in kept}
    facts = [fact for fact in earlier.facts if fact.slot not in replaced] + kept
    order = {name: i for i, name in enumerate(book.slots)}
    return ProjectBrief(tuple(sorted(facts, key=lambda fact: order[fact.slot])))


def _facts(clause: Clause, vector: Vector, book: SignalBook, recogniser: Recogniser) -> list[Fact]:
    measured = {}
    for amount in amounts(clause.text):
        signal = book.of_unit(amount.unit, amount.value)
        if signal:
            measured[signal.slot] = Fact(signal.slot, signal.id, signal.means, clause.text, "said", 1.0)
    if clause.text.endswith("?") and len(clause.text.split()) < 6:
        return list(measured.values())
    found = recogniser.scores(clause.text, vector)
    best = max(found.values())
    facts = dict(measured)
    for signal_id, near in sorted(found.items(), key=lambda pair: -pair[1]):
        slot = book.signals[signal_id].slot
        if near >= max(RECOGNISED, best - BESIDE) and slot not in facts:
            facts[slot] = Fact(slot, signal_id, book.signals[signal_id].means, clause.text, "said", near)
    return list(facts.values())
