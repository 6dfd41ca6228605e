"""signals.yaml: whole, consistent, and recognisable."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from bot import assemble
from bot.settings import Settings
from knowledge.signals import APPROACHES, BadSignals, SignalBook, read_signals


@pytest.fixture(scope="module")
def book() -> SignalBook:
    return read_signals()


def test_there_are_enough_signals_with_enough_examples(book: SignalBook) -> None:
    assert len(book.signals) >= 60
    few = [s.id for s in book.signals.values() if not 6 <= len(s.examples) <= 24]
    assert few == []


def test_effects_are_between_minus_three_and_three(book: SignalBook) -> None:
    effects = [(s.id, a, e) for s in book.signals.values() for a, e in s.effects.items()]
    assert [e for e in effects if e[1] not in APPROACHES or not -3 <= e[2] <= 3] == []


def test_every_section_is_in_the_corpus(book: SignalBook, settings: Settings) -> None:
    places = assemble.retriever(settings).generation().place
    assert [(s.id, s.section) for s in book.signals.values() if s.section not in places] == []


def test_reasons_read_on_after_because_you_said(book: SignalBook) -> None:
    """No capital unless a name begins, no full stop: they stand in the middle of a sentence."""
    assert [s.id for s in book.signals.values() if s.reason.endswith(".") or not s.reason.strip()] == []


def test_options_name_signals_of_their_slot(book: SignalBook) -> None:
    wrong = [
        (slot.name, signal)
        for slot in book.slots.values()
        for _, signal in slot.options
        if book.signals[signal].slot != slot.name
    ]
    assert wrong == []


def test_ranges_of_a_unit_touch_and_never_overlap(book: SignalBook) -> None:
    by_unit: dict[str, list[tuple[float, float | None]]] = {}
    for signal in book.signals.values():
        if signal.range:
            by_unit.setdefault(signal.range.unit, []).append((signal.range.low, signal.range.high))
    for ranges in by_unit.values():
        ordered = sorted(ranges)
        assert ordered[0][0] == 0
        assert ordered[-1][1] is None
        assert all(before[1] == after[0] for before, after in pairwise(ordered))


def test_no_example_stands_in_two_signals(book: SignalBook) -> None:
    owners: dict[str, set[str]] = {}
    for signal in book.signals.values():
        for example in signal.examples:
            owners.setdefault(example.casefold(), set()).add(signal.id)
    assert {e: o for e, o in owners.items() if len(o) > 1} == {}


BROKEN = {
    "not yaml": "signals: [",
    "unknown slot": "slots: {}\n"
    "signals: [{id: a, slot: x, means: m, examples: [e], effects: {}, reason: r, section: s}]",
    "unknown approach": "slots: {x: {means: m, ask: a}}\n"
    "signals: [{id: a, slot: x, means: m, examples: [e], effects: {magic: 1}, reason: r, section: s}]",
    "missing key": "slots: {}\nsignals: [{id: a}]",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused_in_a_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "signals.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadSignals, match=r"\."):
        read_signals(path)
