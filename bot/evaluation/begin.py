"""BEGIN: are responses that a passage bears out told from those it does not?

Dziri et al., 2022, "Evaluating Attribution in Dialogue Systems: The BEGIN Benchmark": tables (`*.tsv`) with a
`response`, the `knowledge` it was given, and a `begin_label`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.evaluation.data_files import BadData, table
from bot.evaluation.statistics import Mean, Rate, auroc
from bot.support import support

OURS, BASELINE = "support", "token share"
# The token share's cut that a balanced choice on the Wikipedia part gives; ours is bot.support.SUPPORTED.
TOKEN_CUT = 0.8


@dataclass(frozen=True)
class Labelled:
    """A response, its passage, and whether the passage bears all of it out."""

    said: str
    passage: str
    attributable: bool


def read(folder: Path) -> list[Labelled]:
    """The responses of all tables in a folder; raises BadData."""
    rows = [
        Labelled(row["response"], row["knowledge"], row["begin_label"].strip() == "Fully attributable")
        for path in sorted(folder.glob("*.tsv"))
        for row in table(path, "response", "knowledge", "begin_label", tabs=True, quotes=False)
    ]
    if len({row.attributable for row in rows}) < 2:
        raise BadData(f"{folder} holds no *.tsv with both kinds of labels. Give the folder of BEGIN's tables.")
    return rows


def evaluate(rows: Sequence[Labelled]) -> dict[str, list[Mean | Rate]]:
    """For the check that the product uses and for the share of tokens: how well it separates, how many of the
    attributable responses it lets through, and how many of the others it turns down."""
    ours = [support(row.said, row.passage) for row in rows]
    tokens = [token_share(row.said, row.passage) for row in rows]
    return {
        OURS: _figures(rows, [s.score for s in ours], [s.holds for s in ours]),
        BASELINE: _figures(rows, tokens, [share >= TOKEN_CUT for share in tokens]),
    }


def _figures(rows: Sequence[Labelled], scores: Sequence[float], held: Sequence[bool]) -> list[Mean | Rate]:
    right = [ok for row, ok in zip(rows, held, strict=True) if row.attributable]
    wrong = [not ok for row, ok in zip(rows, held, strict=True) if not row.attributable]
    return [
        auroc("AUROC", scores, [row.attributable for row in rows]),
        Rate("let through", sum(right), len(right)),
        Rate("turned down", sum(wrong), len(wrong)),
    ]


def token_share(said: str, passage: str) -> float:
    """The share of the words of a response that its passage holds.

    >>> token_share("the sky is red", "The sky is blue.")
    0.75
    """
    words, there = re.findall(r"\w+", said.lower()), set(re.findall(r"\w+", passage.lower()))
    return sum(word in there for word in words) / max(1, len(words))
