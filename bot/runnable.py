"""The consultant for LangChain users: a Runnable that answers, and a retriever over the same index.

Their callbacks and tags work as anywhere in LangChain, so a tracer sees the answer and the model's call inside it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor

from bot.consultant import Consultant
from bot.errors import BadQuestion
from bot.types import Answer, Message, Role, Statement
from knowledge.retriever import LIMIT, Retriever
from knowledge.sentences import without_markers

Asked = str | Mapping[str, Any]
_ROLES: dict[str, Role] = {"user": "user", "human": "user", "assistant": "assistant", "ai": "assistant"}


class ConsultantRunnable(Runnable[Asked, Any]):
    """Answers a question, or `{"question": …, "history": [{"role", "content"}, …]}`, whose turns may be messages of
    LangChain too.

    `invoke` gives the Answer. `stream` gives its statements as they come and at last the Answer, so that what stands
    behind it in a chain is given the Answer.
    """

    def __init__(self, consultant: Consultant) -> None:
        self.consultant = consultant

    def invoke(self, input: Asked, config: RunnableConfig | None = None, **_: Any) -> Answer:
        """The whole answer; raises what Consultant.ask raises."""
        answer: Answer = self._call_with_config(lambda asked: self.consultant.ask(*_read(asked)), input, config)
        return answer

    def stream(self, input: Asked, config: RunnableConfig | None = None, **_: Any) -> Iterator[Statement | Answer]:
        """The statements as they come, then the answer. A restart takes back all before it."""
        yield from self._transform_stream_with_config(iter([input]), self._pieces, config)

    async def astream(
        self, input: Asked, config: RunnableConfig | None = None, **_: Any
    ) -> AsyncIterator[Statement | Answer]:
        """As `stream`, without blocking the event loop."""
        pieces, end = self.stream(input, config), object()
        while (piece := await run_in_executor(config, next, pieces, end)) is not end:
            yield piece  # type: ignore[misc]

    def _pieces(self, asked: Iterator[Asked]) -> Iterator[Statement | Answer]:
        stream = self.consultant.stream(*_read(next(asked)))
        for statement, _ in stream:
            yield statement
        yield stream.answer


class ConsultantRetriever(BaseRetriever):
    """The passages that answer a query, at most `k`, best first, as LangChain's documents."""

    retriever: Any
    k: int = LIMIT

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        found: Retriever = self.retriever
        return [
            Document(
                without_markers(passage.chunk.text),
                id=passage.chunk.id,
                metadata={
                    "doc": passage.chunk.doc,
                    "heading": passage.chunk.heading,
                    "score": round(passage.score, 4),
                    "start": passage.chunk.start,
                    "end": passage.chunk.end,
                },
            )
            for passage in found.retrieve([query], limit=k or self.k).passages
        ]


def _read(asked: Asked) -> tuple[str, list[Message]]:
    if isinstance(asked, str):
        return asked, []
    question, history = asked.get("question"), asked.get("history", [])
    if not isinstance(question, str):
        raise BadQuestion('There is no question. Send a text, or {"question": "…", "history": […]}.')
    return question, [_turn(turn) for turn in history]


def _turn(turn: Any) -> Message:
    """A turn as {"role", "content"}, or as a message of LangChain."""
    if isinstance(turn, Mapping):
        role, content = turn.get("role"), turn.get("content")
    else:
        role, content = getattr(turn, "type", None), getattr(turn, "content", None)
    known = _ROLES.get(str(role))
    if known is None or not isinstance(content, str):
        raise BadQuestion("Each turn of the history has a role, user or assistant, and a text as content.")
    return Message(known, content)
