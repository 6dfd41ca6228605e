"""What in a project speaks for or against each approach: `signals.yaml`, read and checked.

A signal is a fact that a project may state, with example phrasings to recognise it by, its effect on each approach,
and the reason with the section of the corpus that supports it. Slots group signals of which one holds at a time.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from knowledge.errors import KnowledgeError
from knowledge.labelled import MESSAGES, LabelledMessage, read_labelled

SIGNALS = Path(__file__).parent / "signals.yaml"
FITTED = Path(__file__).parent / "fitted.json"
Row = NDArray[np.float64]
# What can be advised alone, and as a part of a hybrid.
APPROACHES = ("prompt-engineering", "retrieval", "fine-tuning", "simpler-tool")
# All that can come out.
OUTCOMES = (*APPROACHES, "hybrid", "ask-first")


# The safe loader in C, ten times as fast, where PyYAML was built with it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Range:
    """The amounts a signal stands for: `low` up to but not including `high`; None is without end."""

    unit: str
    low: float
    high: float | None

    def holds(self, amount: float) -> bool:
        """Whether the amount lies in the range."""
        return self.low <= amount and (self.high is None or amount < self.high)


@dataclass(frozen=True)
class Signal:
    """One fact that a project may state.

    Effects are in [-3, 3], on each approach and on a hybrid as such; what is not named gets 0. `contradicts` names
    signals of the same slot that cannot hold beside it.
    """

    id: str
    slot: str
    means: str
    examples: tuple[str, ...]
    effects: Mapping[str, float]
    reason: str
    section: str
    range: Range | None = None
    contradicts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slot:
    """A kind of fact, the question that asks for it, and quick replies as (words, signal id)."""

    name: str
    means: str
    ask: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Balance:
    """How effects become log odds: their sum, plus what an outcome gets before anything is said (`constants`).

    A hybrid gets `both` times the sum of its two best parts as well. `effects` are those of signals.yaml, moved by
    what the labelled messages teach. All is written to fitted.json by `python -m benchmarks.fitting`.
    """

    both: float = 0.7
    constants: Mapping[str, float] = field(default_factory=dict)
    effects: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def odds(self, total: Row) -> Row:
        """The log odds of OUTCOMES from the sum of the effects on them."""
        best = float(np.sort(total[: len(APPROACHES)])[-2:].sum())
        odds: Row = total + self._constants + self.both * best * _HYBRID
        return odds

    @cached_property
    def _constants(self) -> Row:
        return _row(self.constants)


@dataclass(frozen=True)
class SignalBook:
    """All signals by id and all slots by name, in the file's order, and the labelled messages to learn them from.

    `digest` is that of `signals_digest`.
    """

    signals: Mapping[str, Signal]
    slots: Mapping[str, Slot]
    digest: str
    balance: Balance = Balance()
    messages: tuple[LabelledMessage, ...] = ()

    def row(self, signal: str) -> Row:
        """The effects of a signal on OUTCOMES: the fitted ones, or where there are none, the written ones."""
        return self._rows[signal]

    @cached_property
    def told_with(self) -> Mapping[str, Mapping[str, float]]:
        """Task signal → slot → the share of the labelled messages about that task that say something of the slot."""
        count: Counter[str] = Counter()
        with_slot: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for message in self.messages:
            told = {signal for *_, signal in message.facts}
            slots = {self.signals[signal].slot for signal in told}
            for task in (signal for signal in told if self.signals[signal].slot == "task"):
                count[task] += 1
                with_slot[task].update(slots)
        return {task: {slot: n / count[task] for slot, n in slots.items()} for task, slots in with_slot.items()}

    @cached_property
    def _rows(self) -> Mapping[str, Row]:
        return {name: _row(self.balance.effects.get(name) or s.effects) for name, s in self.signals.items()}


def _row(effects: Mapping[str, float]) -> Row:
    return np.array([effects.get(outcome, 0.0) for outcome in OUTCOMES])


_HYBRID = _row({"hybrid": 1.0})


class BadSignals(KnowledgeError):
    """Raised when signals.yaml cannot be used; the message names the entry and the key."""


def signals_digest(path: Path = SIGNALS, messages: Path = MESSAGES) -> str:
    """SHA-256 of what a recogniser is trained on and of the programs that train it, without understanding them.

    An index whose recogniser was trained otherwise is brought up to date before it is used.
    """
    programs = (Path(__file__).with_name(f"{name}.py") for name in ("clauses", "amounts", "labelled", "recogniser"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in (path, messages, *programs))).hexdigest()


def read_signals(path: Path = SIGNALS, messages: Path = MESSAGES, fitted: Path = FITTED) -> SignalBook:
    """Read and check the files; raises BadSignals."""
    data = path.read_bytes()
    try:
        raw = yaml.load(data, Loader=_Loader)  # noqa: S506
        signals = {row["id"]: _signal(row) for row in raw["signals"]}
        slots = {name: _slot(name, row) for name, row in raw["slots"].items()}
        if len(signals) != len(raw["signals"]):
            raise BadSignals(f"{path.name} names a signal twice. Give each its own id.")
        balance = Balance(**json.loads(fitted.read_text(encoding="utf-8"))) if fitted.exists() else Balance()
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadSignals(f"{path.name} cannot be read ({error!r}). Mend that entry.") from error
    for signal in signals.values():
        if signal.slot not in slots:
            raise BadSignals(
                f"{path.name}: signal {signal.id} has the unknown slot {signal.slot!r}. Add it to slots."
            )
        for other in signal.contradicts:
            if other not in signals or signals[other].slot != signal.slot:
                raise BadSignals(
                    f"{path.name}: signal {signal.id} contradicts {other!r}, which its slot does not hold."
                )
    return SignalBook(signals, slots, signals_digest(path, messages), balance, _labelled(messages, signals))


def _labelled(path: Path, signals: Mapping[str, Signal]) -> tuple[LabelledMessage, ...]:
    try:
        messages = read_labelled(path)
    except (ValueError, KeyError, TypeError) as error:
        raise BadSignals(f"{path.name} cannot be read ({error}). Mend that line.") from error
    unknown = {signal for message in messages for *_, signal in message.facts} - set(signals)
    if unknown:
        raise BadSignals(f"{path.name} names the unknown signal {sorted(unknown)[0]!r}. Add it to {SIGNALS.name}.")
    return messages


def _signal(row: dict[str, Any]) -> Signal:
    unknown = set(row["effects"]) - {*APPROACHES, "hybrid"}
    if unknown:
        raise BadSignals(f"signal {row['id']} has an effect on the unknown approach {sorted(unknown)[0]!r}.")
    within = row.get("range")
    return Signal(
        id=row["id"],
        slot=row["slot"],
        means=row["means"],
        examples=tuple(str(e) for e in row["examples"]),
        effects={a: float(e) for a, e in row["effects"].items()},
        reason=row["reason"],
        section=row["section"],
        range=Range(within["unit"], float(within["from"]), within["to"]) if within else None,
        contradicts=tuple(row.get("contradicts", ())),
    )


def _slot(name: str, row: dict[str, Any]) -> Slot:
    return Slot(name, row["means"], row["ask"], tuple((o["say"], o["signal"]) for o in row.get("options", ())))
