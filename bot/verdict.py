"""Brief + signals → Verdict: added up, not guessed; the rules and weights stand in knowledge/signals.yaml."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from bot.types import Approach, Fact, ProjectBrief, Verdict, VerdictReason
from knowledge.signals import APPROACHES, SignalBook

# A second signal of one slot adds less: it mostly says the same again.
AGAIN = 0.6
# A fact that was hardly recognised counts little: from DOUBTFUL likeness up to CERTAIN its weight grows to 1.
DOUBTFUL, CERTAIN, LEAST = 0.15, 0.65, 0.2
# Below this the best approach is not far enough from nothing to be advised.
ENOUGH = 1.5
# A second approach makes a hybrid when it is this strong, and this near to the first.
SECOND, SECOND_SHARE = 2.0, 0.6
_TEMPERATURE = 1.5
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
    weights = _weights(brief)
    totals = dict.fromkeys(APPROACHES, 0.0)
    for fact in brief.facts:
        for approach, effect in book.signals[fact.signal].effects.items():
            totals[approach] += effect * weights[fact]
    approach, parts = _choose(totals)
    return Verdict(
        approach=approach,
        parts=parts,
        confidence=_confidence(totals, parts),
        scores=tuple((name, round(total, 3)) for name, total in totals.items()),
        reasons_for=_reasons(brief, book, weights, parts, sign=1),
        reasons_against=_reasons(brief, book, weights, parts, sign=-1),
    )


def _weights(brief: ProjectBrief) -> dict[Fact, float]:
    weights: dict[Fact, float] = {}
    seen: set[str] = set()
    for fact in sorted(brief.facts, key=lambda f: -f.likeness):
        sure = min(1.0, max(LEAST, (fact.likeness - DOUBTFUL) / (CERTAIN - DOUBTFUL)))
        weights[fact] = sure * (AGAIN if fact.slot in seen else 1.0)
        seen.add(fact.slot)
    return weights


def _choose(totals: Mapping[str, float]) -> tuple[Approach, tuple[str, ...]]:
    first, second = sorted(APPROACHES, key=lambda a: -totals[a])[:2]
    if totals[first] < ENOUGH:
        return "ask-first", ()
    both = {first, second}
    near = totals[second] >= max(SECOND, SECOND_SHARE * totals[first])
    if near and "fine-tuning" in both and "simpler-tool" not in both:
        return "hybrid", (first, second)
    return first, (first,)  # type: ignore[return-value]


def _confidence(totals: Mapping[str, float], parts: tuple[str, ...]) -> float:
    """The share of the chosen approaches after a softmax over the totals."""
    powers = {a: math.exp(t / _TEMPERATURE) for a, t in totals.items()}
    return round(sum(powers[p] for p in parts) / sum(powers.values()), 3) if parts else 0.0


def _reasons(
    brief: ProjectBrief, book: SignalBook, weights: Mapping[Fact, float], parts: tuple[str, ...], *, sign: int
) -> tuple[VerdictReason, ...]:
    found = []
    for fact in brief.facts:
        signal = book.signals[fact.signal]
        effect = sum(signal.effects.get(p, 0.0) for p in parts) * weights[fact]
        if effect * sign > 0:
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
            other = decide(with_fact(brief, signal, book), book)
            if other.approach not in (verdict.approach, "ask-first") and other.approach not in found:
                found[other.approach] = (
                    f"{slot.ask} If the answer were “{words}”, my advice would be {NAMES[other.approach]}."
                )
    return tuple(found.values())[:limit]
