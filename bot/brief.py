"""Messages → ProjectBrief: what the person said of the project, each fact with the words it came from.

A clause is recognised by its likeness to the example phrasings in knowledge/signals.yaml, and where it holds an
amount, by the range the amount lies in.
"""

from __future__ import annotations

from bot.amounts import amounts
from bot.queries import is_question
from bot.types import Fact, ProjectBrief, Queries
from knowledge.clauses import Clause
from knowledge.recogniser import Recogniser, Vector
from knowledge.signals import SignalBook, Slot

# How well (score of the recogniser) a clause must mean a signal.
RECOGNISED = 0.3
# A second signal of another slot counts when it is this near to the best one.
BESIDE = 0.08
# Slots of which several signals may hold at once: a project may have several tasks, and several things tried.
MANY = {"task": 3, "tried": 2, "feedback": 2, "parts": 1}


def read_brief(
    queries: Queries,
    vectors: Vector,
    book: SignalBook,
    recogniser: Recogniser,
    earlier: ProjectBrief,
    asked: Slot | None = None,
) -> ProjectBrief:
    """The brief after one more message: what it says replaces what was said of the same slot before.

    `asked` is the slot that the turn before asked for, `vectors` has a row for each clause, `recogniser` knows the
    book's example phrasings.
    """
    said = quick_reply(queries.message, asked, book) or [
        fact
        for clause, vector in zip(queries.clauses, vectors, strict=True)
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


def _facts(clause: Clause, vector: Vector, book: SignalBook, recogniser: Recogniser) -> list[Fact]:
    measured = {}
    for amount in amounts(clause.text):
        signal = book.of_unit(amount.unit, amount.value)
        if signal:
            measured[signal.slot] = Fact(signal.slot, signal.id, signal.means, clause.text, "said", 1.0)
    if is_question(clause.text) and len(clause.text.split()) < 6:
        return list(measured.values())
    found = recogniser.scores(clause.text, vector)
    best = max(found.values())
    facts = dict(measured)
    for signal_id, near in sorted(found.items(), key=lambda pair: -pair[1]):
        slot = book.signals[signal_id].slot
        if near >= max(RECOGNISED, best - BESIDE) and slot not in facts:
            facts[slot] = Fact(slot, signal_id, book.signals[signal_id].means, clause.text, "said", near)
    return list(facts.values())
