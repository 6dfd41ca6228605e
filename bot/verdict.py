"""Brief + signals → Verdict: added up, not guessed; the rules and weights stand in knowledge/signals.yaml."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bot.types import RECOGNISED, Alternative, Approach, Change, Fact, ProjectBrief, Verdict, VerdictReason
from knowledge.signals import APPROACHES, OUTCOMES, SignalBook

# A fact with less effect is no reason worth telling.
TELLING = 0.25
# Another task is another project, and a wish or a trade changes nothing.
_NOT_FLIPPED = frozenset({"task", "goal", "parts", "tried", "wish", "context"})
NAMES = {
    "prompt-engineering": "prompt engineering",
    "retrieval": "retrieval",
    "fine-tuning": "fine-tuning",
    "hybrid": "a hybrid",
    "simpler-tool": "a simpler tool",
}
# People who have such a task say something of the slot at least this often; what is rarer is beside the point.
RELEVANT = 0.05
Odds = NDArray[np.float64]


def conclude(brief: ProjectBrief, book: SignalBook) -> Verdict:
    """The verdict, with what would change it, found by flipping one fact at a time."""
    verdict = decide(brief, book)
    return replace(verdict, would_change=_would_change(brief, verdict, book))


def decide(brief: ProjectBrief, book: SignalBook) -> Verdict:
    """The approach that the facts speak for, with the reasons for and against it, strongest first.

    What no fact can be told in favour of, is not advised: the sums may come to it by what is barely probable.
    """
    sums = Sums(brief, book)
    odds = sums.odds()
    contradiction = _contradiction(brief, sums)
    approach: Approach = "ask-first" if contradiction else _outcome(odds)
    ranked = sorted(APPROACHES, key=lambda name: -odds[OUTCOMES.index(name)])
    several: dict[str, tuple[str, ...]] = {"ask-first": (), "hybrid": tuple(ranked[:2])}
    parts = several.get(approach, (approach,))
    if not _reasons(brief, book, parts, sign=1):
        approach, parts = "ask-first", ()
    return Verdict(
        approach=approach,
        parts=parts,
        confidence=_confidence(odds, approach, contradiction),
        scores=tuple((name, round(float(value), 3)) for name, value in zip(OUTCOMES, odds, strict=True)),
        reasons_for=_reasons(brief, book, parts, sign=1),
        reasons_against=_reasons(brief, book, parts, sign=-1),
        alternatives=tuple(
            Alternative(name, _reasons(brief, book, (name,), sign=-1))  # type: ignore[arg-type]
            for name in ranked
            if name not in parts and approach != "ask-first"
        ),
        contradiction=contradiction,
    )


class Sums:
    """What speaks for each outcome, added up slot by slot, so that one slot can be thought otherwise.

    Log odds of OUTCOMES, shape (outcomes,); the balance is fitted so that their softmax is calibrated.
    """

    def __init__(self, brief: ProjectBrief, book: SignalBook) -> None:
        self.book = book
        self._of_slot: dict[str, Odds] = {}
        for fact in brief.facts:
            self._of_slot[fact.slot] = self._of_slot.get(fact.slot, 0) + _weight(fact) * book.row(fact.signal)
        self._all: Odds = sum(self._of_slot.values(), np.zeros(len(OUTCOMES)))

    def odds(self) -> Odds:
        """By what is known."""
        return self.book.balance.odds(self._all)

    def outcome_if(self, signal: str) -> Approach:
        """What would be advised if this signal held, in place of what is known of its slot."""
        known = self._of_slot.get(self.book.signals[signal].slot, 0)
        return _outcome(self.book.balance.odds(self._all - known + self.book.row(signal)))


def relevance(brief: ProjectBrief, book: SignalBook) -> dict[str, float]:
    """How often people with the brief's tasks say something of each slot, in [0, 1]; 1 for all without a task."""
    tasks = [book.told_with[f.signal] for f in brief.told if f.slot == "task" and f.signal in book.told_with]
    return {slot: max((told.get(slot, 0.0) for told in tasks), default=1.0) for slot in book.slots}


def contributions(brief: ProjectBrief, book: SignalBook) -> tuple[tuple[Fact, dict[str, float]], ...]:
    """What each fact adds to the log odds of each outcome, in the brief's order; what adds nothing is left out."""
    rows = [(fact, _weight(fact) * book.row(fact.signal)) for fact in brief.facts]
    return tuple((fact, dict(zip(OUTCOMES, map(float, row), strict=True))) for fact, row in rows if row.any())


def _contradiction(brief: ProjectBrief, sums: Sums) -> tuple[Fact, Fact] | None:
    """Two facts of a slot, both more probable than not, that exclude each other, unless both lead to one advice."""
    probable = {fact.signal: fact for fact in brief.facts if fact.probability >= 0.5}
    for fact in probable.values():
        for other in sums.book.signals[fact.signal].contradicts:
            if other in probable:
                advice = {sums.outcome_if(fact.signal), sums.outcome_if(other)}
                return None if len(advice) == 1 and "ask-first" not in advice else (fact, probable[other])
    return None


def _confidence(odds: Odds, approach: Approach, contradiction: tuple[Fact, Fact] | None) -> float:
    """The softmax of the outcome; of a contradiction, how sure it is that both sides were said."""
    if contradiction:
        return round(min(fact.probability for fact in contradiction), 3)
    return round(float(np.exp(odds[OUTCOMES.index(approach)] - odds.max()) / np.exp(odds - odds.max()).sum()), 3)


def _outcome(odds: Odds) -> Approach:
    return OUTCOMES[int(odds.argmax())]  # type: ignore[return-value]


def _weight(fact: Fact) -> float:
    """What is less probable counts less; the root was chosen by the fitting's cross-validation."""
    return math.sqrt(fact.probability)


def _reasons(
    brief: ProjectBrief, book: SignalBook, parts: tuple[str, ...], *, sign: int
) -> tuple[VerdictReason, ...]:
    """The facts that an expert wrote an effect of that sign for, and that count so here."""
    columns = [OUTCOMES.index(part) for part in parts]
    found = []
    for fact in brief.facts:
        signal = book.signals[fact.signal]
        written = sum(signal.effects.get(part, 0.0) for part in parts)
        effect = float(book.row(signal.id)[columns].sum())
        if min(written * sign, effect * sign) >= TELLING and fact.probability >= RECOGNISED:
            effect *= _weight(fact)
            found.append(VerdictReason(fact.quote, signal.reason, signal.id, signal.section, effect))
    return tuple(sorted(found, key=lambda reason: -abs(reason.effect)))


def _would_change(brief: ProjectBrief, verdict: Verdict, book: SignalBook, *, limit: int = 3) -> tuple[Change, ...]:
    """What would change the verdict, found by flipping one fact at a time, what matters most for the task first."""
    found: dict[str, Change] = {}
    sums = Sums(brief, book)
    matters = relevance(brief, book)
    for slot in sorted(book.slots.values(), key=lambda slot: -matters[slot.name]):
        if slot.name in _NOT_FLIPPED or matters[slot.name] < RELEVANT:
            continue
        for words, signal in slot.options:
            other = sums.outcome_if(signal)
            if other not in (verdict.approach, "ask-first") and other not in found:
                text = f"{slot.ask} If the answer were “{words}”, my advice would be {NAMES[other]}."
                found[other] = Change(slot.name, slot.ask, words, other, text)
    return tuple(found.values())[:limit]
