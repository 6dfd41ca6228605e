"""A follow-up as a question that stands alone, written by a language model; what fails is left as it was.

Rewriting from the conversation is worth some points of recall in published multi-turn sets, and costs a call; without
it a follow-up is looked up together with the message before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.completion import Circuit, Completion, ModelFault
from bot.prompts.loader import load, unescape
from bot.types import Queries

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

# A search waits for it, so it may not take long, in seconds.
TIMEOUT = 6.0
LONGEST = 300


@dataclass
class Rewriter:
    """Rewrites a follow-up with any LangChain chat model."""

    model: BaseChatModel
    timeout: float = TIMEOUT
    circuit: Circuit = field(default_factory=Circuit)

    def __call__(self, queries: Queries) -> str:
        """The question to look up, or nothing when the message stands alone or the model failed."""
        if not queries.context:
            return ""
        messages = load("rewrite").render({"history": queries.context, "message": queries.message})
        try:
            said = "".join(Completion(self.model, messages, timeout=self.timeout, circuit=self.circuit))
        except ModelFault:
            return ""
        lines = unescape(said).strip().splitlines()
        # More than one line is no question but an answer.
        return lines[0].strip() if len(lines) == 1 and len(lines[0]) <= LONGEST else ""
