"""Intervals and paired tests, against values from the literature or computed by hand."""

from __future__ import annotations

import pytest

from bot.evaluation.statistics import Rate, mean, mean_change, passed_change


def test_the_interval_of_a_rate_is_wilson_s() -> None:
    # Newcombe, 1998, table I, method 3: 81 of 263, and 0 of 20.
    assert Rate("x", 81, 263).interval == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Rate("x", 0, 20).interval == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert Rate("x", 0, 0).interval == (0, 1)


def test_the_interval_of_a_mean_holds_it_and_repeats() -> None:
    values = [0.1, 0.4, 0.4, 0.9, 1.0, 0.3]
    found = mean("x", values)
    assert found.low < found.value < found.high
    assert mean("x", values) == found
    assert mean("x", values * 50).high - mean("x", values * 50).low < (found.high - found.low) / 3


@pytest.mark.parametrize(
    ("lost", "won", "p"),
    [(0, 0, 1.0), (1, 1, 1.0), (0, 5, 0.0625), (0, 6, 0.0312), (2, 10, 0.0386)],
)
def test_changed_cases_are_tested_exactly(lost: int, won: int, p: float) -> None:
    before = [True] * lost + [False] * won + [True] * 20
    after = [False] * lost + [True] * won + [True] * 20
    change = passed_change("x", before, after)
    # Twice the smaller tail of the binomial distribution with 1/2.
    assert change.p == pytest.approx(p, abs=1e-4)
    assert change.told == (p <= 0.05)


def test_what_cannot_be_told_says_how_many_cases_would_tell() -> None:
    change = passed_change("x", [True] * 2 + [False] * 5 + [True] * 93, [False] * 2 + [True] * 5 + [True] * 93)
    assert not change.told
    assert change.needed is not None
    assert 500 < change.needed < 700
    assert f"can't tell with 100 cases; {change.needed} like these would tell" in str(change)
    assert passed_change("x", [True], [True]).needed is None


def test_a_measure_is_compared_case_by_case() -> None:
    before = [0.1 * n for n in range(10)]
    better = mean_change("x", before, [v + 0.05 for v in before])
    assert (better.told, round(better.low, 3)) == (True, 0.05)
    assert not mean_change("x", before, before[::-1]).told
