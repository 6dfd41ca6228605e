"""The tool of the Model Context Protocol, called by the protocol's own client."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from mcp import Client

from bot.consultant import Consultant
from bot.errors import BadSetting
from bot.settings import Settings
from tests.ui.conftest import serving
from ui import mcp_tool, server
from ui.asking import Desk
from ui.contract import AnswerObject
from ui.sites import Access, Quotas

PROJECT = "We have no labelled data and two weeks. Should we fine-tune?"
PING = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
HEADERS = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def http(consultant: Consultant, settings: Settings) -> Iterator[httpx.Client]:
    with_tool = settings.model_copy(update={"mcp": True})
    access = Access(more_origins=("https://shop.example",))
    with serving(lambda: server.application(consultant, None, access, with_tool, page=False)) as client:
        yield client


def call(http: httpx.Client, *asked: dict[str, Any]) -> list[Any]:
    async def called() -> list[Any]:
        async with Client(f"{str(http.base_url).rstrip('/')}/mcp") as client:
            return [await client.call_tool("ask", arguments) for arguments in asked]

    return asyncio.run(called())


def test_the_tool_is_told_with_what_it_takes(http: httpx.Client) -> None:
    async def listed() -> Any:
        async with Client(f"{str(http.base_url).rstrip('/')}/mcp") as client:
            return (await client.list_tools()).tools

    [tool] = asyncio.run(listed())
    assert tool.name == "ask"
    assert set(tool.input_schema["properties"]) == {"question", "history"}
    assert tool.input_schema["required"] == ["question"]


def test_an_answer_comes_as_words_and_as_the_object_of_the_contract(http: httpx.Client) -> None:
    [answer] = call(http, {"question": PROJECT})
    assert not answer.is_error
    assert "Start with prompt engineering." in answer.content[0].text
    told = AnswerObject.model_validate(answer.structured_content)
    assert told.verdict is not None
    assert told.verdict.approach == "prompt-engineering"
    assert f"[{told.citations[0].n}]" in answer.content[0].text


def test_the_history_is_heard(http: httpx.Client) -> None:
    history = [{"role": "user", "content": "What is DPO?"}, {"role": "assistant", "content": "…"}]
    alone, after = call(
        http, {"question": "When does it fail?"}, {"question": "When does it fail?", "history": history}
    )
    assert alone.structured_content["citations"] != after.structured_content["citations"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param({"question": "  "}, "holds no words", id="empty"),
        pytest.param({"question": "a " * 3000}, "Shorten it", id="too long"),
    ],
)
def test_a_bad_question_is_an_error_with_one_sentence(
    http: httpx.Client, arguments: dict[str, Any], said: str
) -> None:
    [answer] = call(http, arguments)
    assert answer.is_error
    assert said in answer.content[0].text


def test_what_breaks_is_told_by_an_id_alone(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch, consultant: Consultant
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(consultant, "stream", broken)
    [answer] = call(http, {"question": PROJECT})
    assert answer.is_error
    assert "error id" in answer.content[0].text
    assert "secret" not in answer.content[0].text


@pytest.mark.parametrize(
    ("method", "origin", "status"),
    [
        ("POST", "", 200),
        ("POST", "https://shop.example", 200),
        ("POST", "https://evil.example", 403),
        ("GET", "", 405),
        ("DELETE", "", 405),
    ],
)
def test_who_may_call(http: httpx.Client, method: str, origin: str, status: int) -> None:
    headers = {**HEADERS, **({"Origin": origin} if origin else {})}
    answer = http.request(method, "/mcp", json=PING if method == "POST" else None, headers=headers)
    assert answer.status_code == status


def test_calls_count_as_questions(consultant: Consultant, settings: Settings) -> None:
    with_tool = settings.model_copy(update={"mcp": True})
    access = Access(quotas=Quotas(visitor_per_minute=2))
    with serving(lambda: server.application(consultant, None, access, with_tool, page=False)) as http:
        found = [http.post("/mcp", json=PING, headers=HEADERS).status_code for _ in range(3)]
    assert found == [200, 200, 429]


def test_without_the_switch_there_is_no_tool(consultant: Consultant, settings: Settings) -> None:
    with serving(lambda: server.application(consultant, settings=settings, page=False)) as http:
        assert http.post("/mcp", json=PING, headers=HEADERS).status_code == 404


def test_a_missing_package_is_said(consultant: Consultant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    with pytest.raises(BadSetting, match="pip install"):
        mcp_tool.server(Desk(consultant))
