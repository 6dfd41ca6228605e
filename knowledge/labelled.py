"""Messages about invented projects, written for training: what an expert would advise, and which words state what.

`messages.jsonl` holds one a line, as {"text", "approach", "parts", "asks", "facts": [[words, signal id]]}. They
come from several writers, so that no one's habits are learnt for the way people write. Some are a "question" on the
subject that tells of no project, others "off-topic": of neither any signal may be learnt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge.clauses import Clause, clauses

MESSAGES = Path(__file__).parent / "messages.jsonl"
# A fact belongs to a clause that holds half of its words, or is nearly covered by them.
_OF_FACT, _OF_CLAUSE = 0.5, 0.8


@dataclass(frozen=True)
class LabelledMessage:
    """A message, the approach that fits it, and its facts as (start, end, signal id)."""

    text: str
    approach: str
    parts: tuple[str, ...]
    facts: tuple[tuple[int, int, str], ...]

    def clauses(self) -> list[Clause]:
        """What is recognised one by one."""
        return clauses(self.text)

    def labels(self, signals: Sequence[str]) -> NDArray[np.bool_]:
        """Which clause states which signal, shape (clauses, signals)."""
        place = {signal: i for i, signal in enumerate(signals)}
        said = self.clauses()
        found = np.zeros((len(said), len(signals)), dtype=bool)
        for start, end, signal in self.facts:
            for row, clause in zip(found, said, strict=True):
                shared = min(clause.end, end) - max(clause.start, start)
                if shared > 0 and shared >= min(_OF_FACT * (end - start), _OF_CLAUSE * (clause.end - clause.start)):
                    row[place[signal]] = True
        return found


def read_labelled(path: Path = MESSAGES) -> tuple[LabelledMessage, ...]:
    """All messages; raises ValueError or KeyError naming what is wrong with a line."""
    return tuple(_message(line, n) for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1))


def _message(line: str, number: int) -> LabelledMessage:
    row = json.loads(line)
    facts = []
    for words, signal in row["facts"]:
        start = row["text"].find(words)
        if start < 0:
            raise ValueError(f"line {number} does not hold the words {words!r}")
        facts.append((start, start + len(words), signal))
    return LabelledMessage(row["text"], row["approach"], tuple(row["parts"]), tuple(facts))
