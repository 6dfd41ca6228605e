"""A language model as a judge, by a rubric: asked several times, since it contradicts itself, and never a gate unless
that is asked for. Zheng et al., 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena" tells its biases."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.completion import Completion, ModelFault
from bot.evaluation.run import Result
from bot.prompts.loader import load

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

TIMES = 3
RUBRIC = "The answer is right, answers what was asked, and can be acted on."


@dataclass(frozen=True)
class Judge:
    """Judges with any LangChain chat model; `rubric` is for cases that bring none of their own."""

    model: BaseChatModel
    rubric: str = RUBRIC
    times: int = TIMES
    timeout: float = 60.0

    def __call__(self, result: Result) -> Result:
        """The result with the measures `judge` (the mean mark, from 0 to 1) and `judge agreement`, the share of the
        marks that were the commonest one; without them where the model gave no mark."""
        if result.reply is None:
            return result
        values = {
            "rubric": result.case.rubric or self.rubric,
            "message": result.case.ask,
            "answer": result.reply.text,
        }
        messages = load("judge").render(values)
        marks = [mark for _ in range(self.times) if (mark := self._mark(messages)) is not None]
        if not marks:
            return result
        commonest = Counter(marks).most_common(1)[0][1]
        judged = {
            "judge": round((sum(marks) / len(marks) - 1) / 4, 4),
            "judge agreement": round(commonest / len(marks), 4),
        }
        return replace(result, measures={**result.measures, **judged})

    def _mark(self, messages: list[tuple[str, str]]) -> int | None:
        try:
            said = "".join(Completion(self.model, messages, timeout=self.timeout))
        except ModelFault:
            return None
        match = re.fullmatch(r"\W*([1-5])\W*", said)
        return int(match[1]) if match else None
