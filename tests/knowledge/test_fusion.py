"""Fusion is pure arithmetic over scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.fusion import Scores, min_max, weighted

thorough = settings(max_examples=200, deadline=None, derandomize=True)
rows = st.integers(1, 8).flatmap(
    lambda n: st.tuples(*[st.lists(st.floats(-50, 50, width=32), min_size=n, max_size=n).map(array)] * 2)
)


def array(values: list[float]) -> Scores:
    return np.array(values, dtype=np.float32)


@thorough
@given(rows)
def test_scaled_scores_span_nought_to_one_and_keep_their_order(pair: tuple[Scores, Scores]) -> None:
    scores = pair[0]
    scaled = min_max(scores)
    assert ((scaled >= 0) & (scaled <= 1)).all()
    assert (np.diff(scaled[np.argsort(scores, kind="stable")]) >= 0).all()
    assert scaled.max() == (0 if scores.max() == scores.min() else 1)


@pytest.mark.parametrize("scores", [[0.0], [7.0], [3.0, 3.0, 3.0]], ids=["nought", "one", "equal"])
def test_equal_scores_say_nothing(scores: list[float]) -> None:
    assert min_max(array(scores)).tolist() == [0] * len(scores)


@thorough
@given(rows, st.floats(0, 1))
def test_a_fused_score_lies_between_its_parts(pair: tuple[Scores, Scores], weight: float) -> None:
    dense, lexical = min_max(pair[0]), min_max(pair[1])
    fused = weighted([(weight, pair[0]), (1 - weight, pair[1])])
    assert (fused >= np.minimum(dense, lexical) - 1e-6).all()
    assert (fused <= np.maximum(dense, lexical) + 1e-6).all()


@thorough
@given(rows)
def test_the_whole_weight_on_one_side_is_that_side(pair: tuple[Scores, Scores]) -> None:
    assert weighted([(1, pair[0]), (0, pair[1])]).tolist() == min_max(pair[0]).tolist()
    assert weighted([(0, pair[0]), (1, pair[1])]).tolist() == min_max(pair[1]).tolist()


def test_the_scale_of_the_scores_does_not_matter() -> None:
    dense, lexical = array([0.1, 0.5, 0.3]), array([12, 0, 3])
    scaled = weighted([(1, dense * 7 + 2), (1, lexical * 100)])
    assert scaled == pytest.approx(weighted([(1, dense), (1, lexical)]), abs=1e-6)


def test_what_is_best_on_both_sides_wins() -> None:
    fused = weighted([(1, array([0.2, 0.9, 0.4])), (1, array([0, 5, 1]))])
    assert fused.tolist() == pytest.approx([0, 1, 0.5 * 2 / 7 + 0.1])
