"""What in a project speaks for or against each approach: `signals.yaml`, read and checked.

A signal is a fact that a project may state, with example phrasings to recognise it by, its effect on each approach,
and the reason with the section of the corpus that supports it. Slots group signals of which one holds at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from knowledge.errors import KnowledgeError

SIGNALS = Path(__file__).parent / "signals.yaml"
APPROACHES = ("prompt-engineering", "retrieval", "fine-tuning", "simpler-tool")


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
    """One fact that a project may state. Effects are in [-3, 3]; an approach that is not named gets 0."""

    id: str
    slot: str
    means: str
    examples: tuple[str, ...]
    effects: Mapping[str, float]
    reason: str
    section: str
    range: Range | None = None


@dataclass(frozen=True)
class Slot:
    """A kind of fact, the question that asks for it, and quick replies as (words, signal id)."""

    name: str
    means: str
    ask: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SignalBook:
    """All signals by id and all slots by name, in the file's order; `digest` is the file's SHA-256."""

    signals: Mapping[str, Signal]
    slots: Mapping[str, Slot]
    digest: str

    def of_unit(self, unit: str, amount: float) -> Signal | None:
        """The signal whose range holds the amount."""
        fitting = (s for s in self.signals.values() if s.range and s.range.unit == unit and s.range.holds(amount))
        return next(fitting, None)


class BadSignals(KnowledgeError):
    """Raised when signals.yaml cannot be used; the message names the entry and the key."""


def signals_digest(path: Path = SIGNALS) -> str:
    """SHA-256 of the file, without reading it as YAML."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_signals(path: Path = SIGNALS) -> SignalBook:
    """Read and check the file; raises BadSignals."""
    data = path.read_bytes()
    try:
        raw = yaml.load(data, Loader=_Loader)  # noqa: S506
        signals = {row["id"]: _signal(row) for row in raw["signals"]}
        slots = {name: _slot(name, row) for name, row in raw["slots"].items()}
        if len(signals) != len(raw["signals"]):
            raise BadSignals(f"{path.name} names a signal twice. Give each its own id.")
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise BadSignals(f"{path.name} cannot be read ({error!r}). Mend that entry.") from error
    for signal in signals.values():
        if signal.slot not in slots:
            raise BadSignals(
                f"{path.name}: signal {signal.id} has the unknown slot {signal.slot!r}. Add it to slots."
            )
    return SignalBook(signals, slots, hashlib.sha256(data).hexdigest())


def _signal(row: dict[str, Any]) -> Signal:
    unknown = set(row["effects"]) - set(APPROACHES)
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
    )


def _slot(name: str, row: dict[str, Any]) -> Slot:
    return Slot(name, row["means"], row["ask"], tuple((o["say"], o["signal"]) for o in row.get("options", ())))
