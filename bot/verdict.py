"""Brief + signals → Verdict: added up, not guessed; the rules and weights stand in knowledge/signals.yaml."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from bot.types import Approach, Fact, ProjectBrief, Verdict, VerdictReason
from knowledge.signals import APPROACHES, SignalBook

# A fact with less effect is no reason worth telling, nor one that was hardly recognised.
TELLING, RECOGNISED = 0.25, 0.2
# Another task is another project, and a wish or a trade changes nothing.
_NOT_FLIPPED = frozenset({"task", "goal", "parts", "tried", "wish", "context"})
NAMES = {
    "prompt-engineering": "prompt engineering",
    "retrieval": "retrieval",
    "fine-tuning": "fine-tuning",
    "hybrid": "a hybrid",
    "simpler-tool": "a simpler tool",
}


def conclude(brief: ProjectBrief, book: SignalBook) -> Verdict:
    """The verdict, with what would change it, found by flipping one fact at a time."""
    verdict = decide(brief, book)
    return replace(verdict, would_change=_would_change(brief, verdict, book))


def decide(brief: ProjectBrief, book: SignalBook) -> Verdict:
    """The approach that the facts speak for, with the reasons for and against it, strongest first."""
    odds = log_odds(brief, book)
    approach = most_probable(odds)
    ranked = sorted((name for name in odds if name in APPROACHES), key=lambda name: -odds[name])
    several: dict[str, tuple[str, ...]] = {"ask-first": (), "hybrid": tuple(ranked[:2])}
    parts = several.get(approach, (approach,))
    return Verdict(
        approach=approach,
        parts=parts,
        confidence=_probability(odds, approach),
        scores=tuple((name, round(value, 3)) for name, value in odds.items()),
        reasons_for=_reasons(brief, book, parts, sign=1),
        reasons_against=_reasons(brief, book, parts, sign=-1),
    )


def outcome(brief: ProjectBrief, book: SignalBook) -> Approach:
    """The approach alone; what a flipped fact would lead to needs no reasons."""
    return most_probable(log_odds(brief, book))


def most_probable(odds: Mapping[Approach, float]) -> Approach:
    """The outcome with the highest log odds, the first of equals."""
    return max(odds, key=lambda name: odds[name])


def log_odds(brief: ProjectBrief, book: SignalBook) -> dict[Approach, float]:
    """What speaks for each outcome, added up: the more is known, the less speaks for asking first."""
    balance = book.balance
    totals: dict[str, float] = dict.fromkeys((*APPROACHES, "hybrid", "ask-first"), 0.0)
    for fact in brief.facts:
        for name, effect in book.effects(fact.signal).items():
            totals[name] += balance.scale * effect * _weight(fact)
    totals["hybrid"] += balance.both * sum(sorted(totals[name] for name in APPROACHES)[-2:])
    return {name: total + balance.constants.get(name, 0.0) for name, total in totals.items()}  # type: ignore[misc]


def _weight(fact: Fact) -> float:
    """A fact that is hardly recognised counts less."""
    return math.sqrt(fact.likeness)


def _probability(odds: Mapping[Approach, float], approach: Approach) -> float:
    """The softmax over all outcomes; the balance is fitted so that it is calibrated."""
    top = max(odds.values())
    powers = {name: math.exp(value - top) for name, value in odds.items()}
    return round(powers[approach] / sum(powers.values()), 3)


def _reasons(
    brief: ProjectBrief, book: SignalBook, parts: tuple[str, ...], *, sign: int
) -> tuple[VerdictReason, ...]:
    found = []
    for fact in brief.facts:
        signal = book.signals[fact.signal]
        effect = sum(book.effects(signal.id).get(p, 0.0) for p in parts)
        if effect * sign >= TELLING and fact.likeness >= RECOGNISED:
            effect *= _weight(fact)
            found.append((abs(effect), VerdictReason(fact.quote, signal.reason, signal.id, signal.section, effect)))
    return tuple(reason for _, reason in sorted(found, key=lambda pair: -pair[0]))


def with_fact(brief: ProjectBrief, signal_id: str, book: SignalBook) -> ProjectBrief:
    """The brief as it would be if this signal held, in place of what is known of its slot."""
    signal = book.signals[signal_id]
    others = tuple(fact for fact in brief.facts if fact.slot != signal.slot)
    return replace(brief, facts=(*others, Fact(signal.slot, signal.id, signal.means, "", "inferred")))


def _would_change(brief: ProjectBrief, verdict: Verdict, book: SignalBook, *, limit: int = 3) -> tuple[str, ...]:
    """What would change the verdict, found by flipping one fact at a time; sentences in our words."""
    found: dict[str, str] = {}
    for slot in book.slots.values():
        if slot.name in _NOT_FLIPPED:
            continue
        for words, signal in slot.options:
            other = outcome(with_fact(brief, signal, book), book)
            if other not in (verdict.approach, "ask-first") and other not in found:
                found[other] = f"{slot.ask} If the answer were “{words}”, my advice would be {NAMES[other]}."
    return tuple(found.values())[:limit]
