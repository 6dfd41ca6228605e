"""Cases → results: each case is asked on its own; one that fails is an error row, never the end of the run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.consultant import Consultant
from bot.errors import ConsultantError
from bot.evaluation.cases import Case
from bot.evaluation.scores import Score, score
from bot.types import Answer
from knowledge.errors import KnowledgeError


@dataclass(frozen=True)
class Result:
    """What came of one case: the answer with its scores, or the error that took its place."""

    case: Case
    answer: Answer | None
    scores: tuple[Score, ...]
    seconds: float
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return not self.error and all(s.passed for s in self.scores)


def run(cases: Iterable[Case], consultant: Consultant) -> Iterator[Result]:
    """Ask the cases one after another."""
    for case in cases:
        started = time.perf_counter()
        try:
            answer = consultant.ask(case.ask, case.history)
        except (ConsultantError, KnowledgeError) as error:
            yield Result(case, None, (), time.perf_counter() - started, str(error))
            continue
        seconds = time.perf_counter() - started
        yield Result(case, answer, score(case.expect, answer, seconds), seconds)
