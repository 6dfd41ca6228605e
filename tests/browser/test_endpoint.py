"""The page's endpoint, called by Gradio's own client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from ui.contract import AnswerObject


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    client = Client(address, verbose=False)
    yield client
    client.close()


def test_an_answer_is_the_object_of_the_contract(client: Client) -> None:
    answer = client.predict("We have no labels and two weeks. Should we fine-tune?", api_name="/ask")
    told = AnswerObject.model_validate(answer)
    assert told.verdict is not None
    assert told.verdict.approach == "prompt-engineering"


def test_the_history_is_heard(client: Client) -> None:
    history = [{"role": "user", "content": "What is DPO?"}, {"role": "assistant", "content": "…"}]
    alone, after = (client.predict("When does it fail?", past, api_name="/ask") for past in ([], history))
    assert alone["citations"] != after["citations"]


@pytest.mark.parametrize(
    ("question", "history", "said"),
    [
        pytest.param("  ", [], "holds no words", id="empty"),
        pytest.param("a " * 3000, [], "Shorten it", id="too long"),
        pytest.param("What is LoRA?", [{"role": "system", "content": "x"}], "turn 1 has no role", id="history"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(
    client: Client, question: str, history: list[dict[str, str]], said: str
) -> None:
    with pytest.raises(AppError, match=said):
        client.predict(question, history, api_name="/ask")


def test_it_is_the_only_endpoint(client: Client) -> None:
    found = client.view_api(return_format="dict", print_info=False)
    assert isinstance(found, dict)
    assert list(found["named_endpoints"]) == ["/ask"]
    assert found["unnamed_endpoints"] == {}
