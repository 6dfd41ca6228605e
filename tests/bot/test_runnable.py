"""The consultant as LangChain users meet it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_tests.integration_tests import EmbeddingsIntegrationTests, RetrieversIntegrationTests

from bot.consultant import Consultant
from bot.errors import BadQuestion
from bot.models import chat_model, parse
from bot.runnable import ConsultantRetriever, ConsultantRunnable
from bot.types import Answer
from bot.writers.model import ModelWriter
from knowledge.embeddings import SentenceEmbedder
from tests.model_server import ModelServer

QUESTION = "What is LoRA?"


@pytest.fixture
def runnable(consultant: Consultant) -> ConsultantRunnable:
    return ConsultantRunnable(consultant)


def said(answer: Answer) -> list[str]:
    return [statement.text for statement in answer.statements]


def test_invoke_batch_and_async_give_the_consultant_s_answer(
    runnable: ConsultantRunnable, consultant: Consultant
) -> None:
    expected = said(consultant.ask(QUESTION))
    assert said(runnable.invoke(QUESTION)) == expected
    assert [said(a) for a in runnable.batch([QUESTION, {"question": QUESTION}])] == [expected] * 2
    assert said(asyncio.run(runnable.ainvoke(QUESTION))) == expected


def test_a_stream_gives_the_statements_then_the_answer(runnable: ConsultantRunnable) -> None:
    *statements, answer = runnable.stream(QUESTION)
    assert isinstance(answer, Answer)
    assert tuple(statements) == answer.statements

    async def read() -> list[Any]:
        return [piece async for piece in runnable.astream(QUESTION)]

    *statements, answer = asyncio.run(read())
    assert tuple(statements) == answer.statements


def test_it_stands_in_a_chain(runnable: ConsultantRunnable) -> None:
    chain = runnable | RunnableLambda(lambda answer: answer.status)
    assert chain.invoke(QUESTION) == "grounded"
    assert list(chain.stream(QUESTION)) == ["grounded"]


def test_the_history_may_be_langchain_s_messages(runnable: ConsultantRunnable) -> None:
    history = [HumanMessage(QUESTION), AIMessage("It trains small matrices.")]
    turns = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "It trains small matrices."}]
    follow_up = "And what does it cost?"
    one, other = (runnable.invoke({"question": follow_up, "history": h}) for h in (history, turns))
    assert said(one) == said(other)


@pytest.mark.parametrize(
    "asked", [{}, {"question": 1}, {"question": "x", "history": [{"role": "judge", "content": ""}]}]
)
def test_what_is_no_question_is_said(runnable: ConsultantRunnable, asked: dict[str, Any]) -> None:
    with pytest.raises(BadQuestion, match=r"There is no question|Each turn of the history"):
        runnable.invoke(asked)


class Seen(BaseCallbackHandler):
    """What a tracer is told."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, object, object, list[str] | None]] = []

    def on_chain_start(
        self, serialized: Any, inputs: Any, *, run_id: Any, parent_run_id: Any = None, **more: Any
    ) -> None:
        self.runs.append(("chain", run_id, parent_run_id, more.get("tags")))

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: Any, parent_run_id: Any = None, **more: Any
    ) -> None:
        self.runs.append(("model", run_id, parent_run_id, more.get("tags")))


@pytest.mark.parametrize("how", ["invoke", "stream"])
def test_a_tracer_sees_the_answer_and_the_model_s_call_inside_it(
    consultant: Consultant, server: ModelServer, how: str
) -> None:
    setting = f"{server.url}#fine"
    writer = ModelWriter(chat_model(parse(setting, Path())), setting, "fine", timeout=5)
    runnable = ConsultantRunnable(Consultant(consultant.retriever, writer, consultant.book))
    seen = Seen()
    config: Any = {"callbacks": [seen], "tags": ["shop"]}
    runnable.invoke(QUESTION, config) if how == "invoke" else list(runnable.stream(QUESTION, config))
    (chain, chain_id, _, tags), (model, _, parent, _) = seen.runs
    assert (chain, model, parent) == ("chain", "model", chain_id)
    assert tags == ["shop"]


class TestRetriever(RetrieversIntegrationTests):
    """LangChain's own tests of a retriever."""

    @pytest.fixture(autouse=True)
    def _over_the_corpus(self, consultant: Consultant) -> None:
        type(self).found = consultant.retriever

    found: Any = None

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return ConsultantRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"retriever": self.found}

    @property
    def retriever_query_example(self) -> str:
        return QUESTION


class TestEmbeddings(EmbeddingsIntegrationTests):
    """LangChain's own tests of an embedding model."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return SentenceEmbedder
