"""BM25 finds the exact words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knowledge.lexical import LexicalIndex

TEXTS = [
    "Refunds take thirty days after the parcel has arrived.",
    "Error ERR-4711 means that the card was refused.",
    "Shipping to France takes five days.",
    "Die Rückgabe ist in dreißig Tagen möglich.",
]


@pytest.fixture(scope="module")
def lexical() -> LexicalIndex:
    return LexicalIndex.build(TEXTS)


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("What does ERR-4711 mean?", 1),
        ("refund", 0),
        ("REFUNDED", 0),
        ("shipped to france", 2),
        ("Rückgabe", 3),
    ],
    ids=["code", "stem", "capitals", "two words", "umlaut"],
)
def test_the_text_with_the_words_scores_best(lexical: LexicalIndex, query: str, best: int) -> None:
    scores = lexical.scores(query)
    assert scores.argmax() == best
    assert scores[best] > 0


@pytest.mark.parametrize(
    "query", ["", "the and of", "zebra", "???", "\n"], ids=["empty", "stop", "new", "signs", "blank"]
)
def test_a_query_without_a_known_word_scores_nothing(lexical: LexicalIndex, query: str) -> None:
    assert lexical.scores(query).tolist() == [0, 0, 0, 0]


def test_unknown_words_do_not_disturb_known_ones(lexical: LexicalIndex) -> None:
    assert lexical.scores("zebra refund xylophone").tolist() == lexical.scores("refund").tolist()


def test_a_rare_word_counts_more_than_a_common_one(lexical: LexicalIndex) -> None:
    assert lexical.scores("France")[2] > lexical.scores("days")[2] > 0


def test_a_saved_index_scores_the_same(lexical: LexicalIndex, tmp_path: Path) -> None:
    lexical.save(tmp_path / "bm25")
    loaded = LexicalIndex.load(tmp_path / "bm25")
    assert np.array_equal(loaded.scores("refund days"), lexical.scores("refund days"))
    assert loaded.size == 4


def test_the_size_of_a_loaded_index_is_its_own(lexical: LexicalIndex, tmp_path: Path) -> None:
    """The check of a generation compares it with the number of chunks; told by the caller, it proves nothing."""
    LexicalIndex.build(TEXTS[:2]).save(tmp_path / "bm25")
    assert LexicalIndex.load(tmp_path / "bm25").size == 2


@pytest.mark.parametrize(
    "texts", [[], ["To be or not to be."], ["", ""], ["a b c"]], ids=["no text", "stop words", "empty", "letters"]
)
def test_texts_without_a_word_to_find_can_be_indexed(texts: list[str], tmp_path: Path) -> None:
    LexicalIndex.build(texts).save(tmp_path / "bm25")
    loaded = LexicalIndex.load(tmp_path / "bm25")
    assert loaded.scores("refund be").tolist() == [0] * len(texts)
