"""The one question worth asking: among unknown slots, the one whose answers would most change the verdict."""

from __future__ import annotations

from bot.types import ProjectBrief, Question, Verdict
from bot.verdict import RELEVANT, Sums, relevance
from knowledge.signals import SignalBook, Slot

# Ask when at least this share of a slot's answers would change the verdict.
WORTH_ASKING = 0.4
# A verdict that is this probable stands without a question.
SURE = 0.8
# Who has told this many facts is advised; what is still open is said as what would change the advice.
ENOUGH = 8
# What a person cannot be asked to begin with, or what decides nothing.
NEVER = frozenset({"wish", "context", "parts", "goal", "tried"})


def ask(brief: ProjectBrief, verdict: Verdict, book: SignalBook) -> Question | None:
    """The best question, or None when no answer would change enough."""
    if verdict.contradiction:
        one, other = verdict.contradiction
        slot = book.slots[one.slot]
        asked = f"You wrote “{one.quote}” and “{other.quote}”, and both cannot hold. {slot.ask}"
        return Question(slot.name, asked, tuple(words for words, _ in slot.options))
    known = {fact.slot for fact in brief.told}
    undecided = verdict.approach == "ask-first"
    if not undecided and (verdict.confidence >= SURE or len(brief.told) >= ENOUGH):
        return None
    matters = relevance(brief, book)
    open_slots = [
        slot
        for slot in book.slots.values()
        if slot.name not in known | NEVER and slot.options and matters[slot.name] >= RELEVANT
    ]
    sums = Sums(brief, book)
    shares = {slot.name: share_changed(slot, verdict, sums) for slot in open_slots}
    worth = [slot for slot in open_slots if shares[slot.name] >= WORTH_ASKING or undecided]
    if not worth:
        return None
    # What else matters depends on the task.
    best = max(worth, key=lambda slot: (slot.name == "task", shares[slot.name]))
    return Question(best.name, best.ask, tuple(words for words, _ in best.options))


def share_changed(slot: Slot, verdict: Verdict, sums: Sums) -> float:
    """The share of the slot's answers under which the verdict would be another."""
    return sum(sums.outcome_if(signal) != verdict.approach for _, signal in slot.options) / len(slot.options)
