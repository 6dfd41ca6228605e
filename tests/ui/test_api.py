"""POST /api/ask and GET /healthz over a real socket."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from bot.consultant import Consultant
from bot.errors import BadQuestion
from knowledge.errors import KnowledgeError, NoIndex
from ui import server

PROJECT = "We have no labelled data and two weeks. Should we fine-tune?"
SECRET = "secret in /srv/data/store.sqlite"


async def built(consultant: Consultant) -> FastAPI:
    """Outside a running event loop Gradio makes one for each of its locks and leaves it open."""
    return server.application(consultant)


@pytest.fixture(scope="module")
def client(consultant: Consultant) -> Iterator[httpx.Client]:
    """A client of a real server; its socket listens first, so the first request waits until it is up."""
    listening = socket.create_server(("127.0.0.1", 0))
    serving = uvicorn.Server(uvicorn.Config(asyncio.run(built(consultant)), log_level="critical"))
    thread = threading.Thread(target=serving.run, kwargs={"sockets": [listening]})
    thread.start()
    # Uvicorn closes a connection after a fault without saying so: take a new one for each request.
    address, close = f"http://127.0.0.1:{listening.getsockname()[1]}", {"Connection": "close"}
    with httpx.Client(base_url=address, headers=close, timeout=60) as client:
        yield client
    serving.should_exit = True
    thread.join()


def ask(client: httpx.Client, question: str, **fields: Any) -> httpx.Response:
    return client.post("/api/ask", json={"question": question, **fields})


def test_health_is_told_without_asking_anything(client: httpx.Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_an_answer_is_what_the_consultant_says(client: httpx.Client, consultant: Consultant) -> None:
    response = ask(client, "What is LoRA?")
    assert response.status_code == 200
    assert response.json()["status"] == "grounded"
    assert [c["quote"] for c in response.json()["citations"]] == [
        c.quote for c in consultant.ask("What is LoRA?").citations
    ]


def test_history_gives_a_follow_up_its_meaning(client: httpx.Client) -> None:
    history = [{"role": "user", "content": "Should I use structured output for invoices?"}]
    assert ask(client, "And with handwriting?").json()["status"] == "refused"
    assert ask(client, "And with handwriting?", history=history).json()["status"] == "grounded"


def test_facts_set_by_hand_win(client: httpx.Client) -> None:
    question = "We want to route mails to eight teams and have 40,000 labelled mails."
    edits = [{"slot": "labelled_data", "value": "None yet"}]
    (fact,) = [f for f in ask(client, question, edits=edits).json()["brief"] if f["slot"] == "labelled_data"]
    assert (fact["origin"], fact["quote"]) == ("edited", "None yet")
    brief = ask(client, question).json()["brief"]
    assert ask(client, question, edits=brief).status_code == 200


@pytest.mark.parametrize("edit", [{"slot": "colour", "value": "blue"}, {"slot": "budget", "value": "purple"}])
def test_a_fact_that_means_nothing_is_told_with_what_would(client: httpx.Client, edit: dict[str, str]) -> None:
    response = ask(client, PROJECT, edits=[edit])
    assert response.status_code == 422
    assert edit[{"colour": "slot"}.get(edit["slot"], "value")] in response.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing"),
        pytest.param("{", id="not JSON"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param("null", id="null"),
        pytest.param("[]", id="a list"),
        pytest.param("{}", id="no question"),
        pytest.param('{"question": null}', id="question null"),
        pytest.param('{"question": 3}', id="question a number"),
        pytest.param('{"question": NaN}', id="question not a number"),
        pytest.param('{"question": ""}', id="question empty"),
        pytest.param('{"question": "\\u200b"}', id="question invisible"),
        pytest.param(json.dumps({"question": "a" * 100_000}), id="question too long"),
        pytest.param('{"question": "x", "model": "gpt"}', id="unknown field"),
        pytest.param('{"question": "x", "stream": "perhaps"}', id="stream a word"),
        pytest.param('{"question": "x", "edits": {}}', id="edits no list"),
        pytest.param('{"question": "x", "edits": [{"slot": "budget"}]}', id="edit without value"),
        pytest.param('{"question": "x", "history": {}}', id="history no list"),
        pytest.param('{"question": "x", "history": ["hi"]}', id="turn no object"),
        pytest.param('{"question": "x", "history": [{"role": "system", "content": "x"}]}', id="unknown role"),
        pytest.param('{"question": "x", "history": [{"role": "user", "content": null}]}', id="turn without text"),
        pytest.param('{"question": "x", "history": [{"role": "user"}]}', id="turn without content"),
        pytest.param(
            json.dumps({"question": "x", "history": [{"role": "user", "content": "x"}] * 201}), id="201 turns"
        ),
    ],
)
def test_a_bad_body_is_turned_down_in_one_line(client: httpx.Client, body: str | bytes) -> None:
    response = client.post("/api/ask", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert list(response.json()) == ["error"]
    assert "\n" not in response.json()["error"]
    assert response.json()["error"].endswith((".", "JSON."))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_what_a_foreign_page_may_send_unasked_is_not_read(client: httpx.Client, kind: str) -> None:
    """A browser sends these kinds across origins without a preflight."""
    response = client.post("/api/ask", content='{"question": "thanks"}', headers={"Content-Type": kind})
    assert response.status_code == 422


def test_half_a_surrogate_pair_does_no_harm(client: httpx.Client) -> None:
    body = '{"question": "What is LoRA? \\ud800", "history": [{"role": "user", "content": "\\udfff"}]}'
    response = client.post("/api/ask", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 200


def fail(error: Exception) -> Any:
    def ask(*_: object) -> None:
        raise error

    return ask


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(MemoryError(SECRET), 500, id="memory"),
        pytest.param(KnowledgeError(SECRET), 503, id="index"),
        pytest.param(NoIndex(SECRET), 503, id="no index"),
    ],
)
def test_a_fault_tells_an_id_and_no_inner_parts(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    monkeypatch.setattr(consultant, "ask", fail(error))
    response = ask(client, PROJECT)
    assert response.status_code == status
    assert response.json()["id"] in response.json()["error"]
    assert not re.search(r"secret|/srv|Traceback|Error", response.text)


def test_each_fault_has_an_id_of_its_own_that_is_in_the_log(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(consultant, "ask", fail(RuntimeError(SECRET)))
    first, second = ask(client, PROJECT).json()["id"], ask(client, PROJECT).json()["id"]
    assert first != second
    assert all(f"error id {identity}" in caplog.text for identity in (first, second))
    assert SECRET in caplog.text


def test_a_bad_question_of_the_ask_path_is_told_as_it_is(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consultant, "ask", fail(BadQuestion("Your message holds no words.")))
    response = ask(client, PROJECT)
    assert (response.status_code, response.json()) == (422, {"error": "Your message holds no words."})


@pytest.mark.parametrize("error", [None, NoIndex(SECRET)], ids=["answer", "known"])
def test_every_answer_carries_the_security_headers(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    if error:
        monkeypatch.setattr(consultant, "ask", fail(error))
    headers = ask(client, "thanks").headers
    assert {name: headers.get(name) for name in server.HEADERS} == server.HEADERS
