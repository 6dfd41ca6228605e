"""POST /api/ask and GET /healthz over a real socket."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.openapi.models import OpenAPI

from bot.consultant import Consultant
from bot.errors import BadQuestion
from bot.models import chat_model, parse
from bot.types import Draft, PromptVersion, Writing
from bot.writers.model import BRIEF, ModelWriter
from knowledge.errors import KnowledgeError, NoIndex
from tests.model_server import ModelServer
from tests.ui.conftest import serving
from ui import asking, server
from ui.contract import AnswerObject
from ui.headers import HEADERS

PROJECT = "We have no labelled data and two weeks. Should we fine-tune?"
SECRET = "secret in /srv/data/store.sqlite"


@pytest.fixture(scope="module")
def client(consultant: Consultant) -> Iterator[httpx.Client]:
    with serving(lambda: server.application(consultant)) as client:
        yield client


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


def test_an_answer_that_is_sent_back_gives_a_short_reply_its_meaning(client: httpx.Client) -> None:
    vague = "We want to sort our mails automatically. Should we fine-tune?"
    answer = ask(client, vague).json()
    history = [{"role": "user", "content": vague}, {"role": "assistant", "content": answer["answer"]}]
    replied = ask(client, answer["question"]["options"][0], history=history).json()
    assert answer["question"]["slot"] in [fact["slot"] for fact in replied["brief"]]
    assert replied["verdict"] is not None


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
        pytest.param(json.dumps({"question": "a" * 4001}), id="question too long"),
        pytest.param('{"question": "x", "stream": "true"}', id="stream no boolean"),
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
    monkeypatch.setattr(consultant, "stream", fail(error))
    response = ask(client, PROJECT)
    assert response.status_code == status
    assert response.json()["id"] in response.json()["error"]
    assert not re.search(r"secret|/srv|Traceback|Error", response.text)


def test_each_fault_has_an_id_of_its_own_that_is_in_the_log(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(consultant, "stream", fail(RuntimeError(SECRET)))
    first, second = ask(client, PROJECT).json()["id"], ask(client, PROJECT).json()["id"]
    assert first != second
    assert all(f"error id {identity}" in caplog.text for identity in (first, second))
    assert SECRET in caplog.text


def test_a_bad_question_of_the_ask_path_is_told_as_it_is(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consultant, "stream", fail(BadQuestion("Your message holds no words.")))
    response = ask(client, PROJECT)
    assert (response.status_code, response.json()) == (422, {"error": "Your message holds no words."})


@pytest.mark.parametrize("error", [None, NoIndex(SECRET)], ids=["answer", "known"])
def test_every_answer_carries_the_security_headers(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    if error:
        monkeypatch.setattr(consultant, "stream", fail(error))
    headers = ask(client, "thanks").headers
    assert {name: headers.get(name) for name in HEADERS} == HEADERS


# --- streams


class Scripted:
    """A writer that says what the test wants, slowly if wanted."""

    name = "scripted"
    prompt = PromptVersion("scripted", "1")

    def __init__(self, *says: Draft | Exception, seconds: float = 0.0) -> None:
        self.says = says
        self.seconds = seconds
        self.closed = False

    def write(self, *_: object) -> Iterator[Draft | Writing]:
        try:
            for piece in self.says:
                time.sleep(self.seconds)
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed = True


def scripted(consultant: Consultant, monkeypatch: pytest.MonkeyPatch, writer: Any) -> None:
    monkeypatch.setattr(consultant, "writer", writer)


def events(client: httpx.Client, question: str, **fields: Any) -> list[tuple[str, Any]]:
    """Name and data of each event of a stream."""
    response = ask(client, question, stream=True, **fields)
    assert response.status_code == 200, response.text
    blocks = [block for block in response.text.split("\n\n") if block.startswith("event: ")]
    lines = [block.split("\n") for block in blocks]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in lines]


def shown(found: list[tuple[str, Any]]) -> str:
    """The text that stands after all pieces."""
    text = ""
    for name, data in found:
        text = "" if name == "restart" else text + data if name == "text" else text
    return text


def timeless(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "timings_ms": None}


@pytest.mark.parametrize("question", [PROJECT, "RAG vs fine-tuning?", "thanks", "Who won the cup in 1954?"])
def test_a_stream_ends_with_what_the_call_without_gives(client: httpx.Client, question: str) -> None:
    found = events(client, question)
    answer = ask(client, question).json()
    assert [name for name, _ in found].count("answer") == 1
    assert timeless(found[-1][1]) == timeless(answer)
    assert shown(found) == answer["answer"]
    assert "restart" not in dict(found)


def test_a_stream_comes_in_pieces_that_no_proxy_keeps(client: httpx.Client) -> None:
    found = events(client, PROJECT)
    headers = ask(client, "thanks", stream=True).headers
    assert len(found) > 4
    assert headers["content-type"].startswith("text/event-stream")
    assert (headers["x-accel-buffering"], headers["cache-control"]) == ("no", "no-store")


def test_what_is_taken_back_is_said(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = [Draft("First.", "plain"), Draft("", "restart"), Draft("Second.", "plain")]
    scripted(consultant, monkeypatch, Scripted(*says))
    found = events(client, PROJECT)
    assert [name for name, _ in found] == ["text", "restart", "text", "answer"]
    assert shown(found) == found[-1][1]["answer"] == "Second."


def test_a_bad_question_is_turned_down_before_a_stream(client: httpx.Client) -> None:
    response = ask(client, "?!", stream=True)
    assert (response.status_code, list(response.json())) == (422, ["error"])


def test_a_fault_in_a_stream_is_an_event_with_an_id(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scripted(consultant, monkeypatch, Scripted(Draft("First.", "plain"), RuntimeError(SECRET)))
    found = events(client, PROJECT)
    assert [name for name, _ in found] == ["text", "error"]
    assert found[-1][1]["id"] in found[-1][1]["error"]
    assert SECRET not in json.dumps(found)
    assert f"error id {found[-1][1]['id']}" in caplog.text


def test_a_reader_who_waits_is_told_that_it_goes_on(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "HEARTBEAT", 0.1)
    scripted(consultant, monkeypatch, Scripted(Draft("Late.", "plain"), seconds=0.5))
    assert ": still writing\n\n" in ask(client, PROJECT, stream=True).text


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_model_is_cancelled_when_the_reader_goes_away(
    client: httpx.Client,
    consultant: Consultant,
    monkeypatch: pytest.MonkeyPatch,
    server: ModelServer,
    stream: bool,
) -> None:
    model = chat_model(parse(f"{server.url}#hang", Path()), api_key="secret")
    scripted(consultant, monkeypatch, ModelWriter(model, "x", "x", BRIEF))
    monkeypatch.setattr(asking, "HEARTBEAT", 0.5)
    with (
        suppress(httpx.ReadTimeout),
        client.stream("POST", "/api/ask", json={"question": PROJECT, "stream": stream}, timeout=3) as response,
    ):
        next(response.iter_text())
        assert until(lambda: server.requests, seconds=10)
    assert until(lambda: server.closed == 1, seconds=10)


def until(holds: Any, *, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_a_writer_is_ended_when_the_reader_goes_away(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Scripted(*[Draft(f"Piece {n}.", "plain") for n in range(200)], seconds=0.1)
    scripted(consultant, monkeypatch, writer)
    with client.stream("POST", "/api/ask", json={"question": PROJECT, "stream": True}) as response:
        assert "Piece" in next(response.iter_text())
    assert until(lambda: writer.closed, seconds=10)


# --- HTML for the widget


def test_the_html_of_a_stream_is_whole_each_time_and_its_panel_has_the_passages(client: httpx.Client) -> None:
    found = events(client, PROJECT, html=True)
    pages = [data for name, data in found if name == "html"]
    assert all(page.startswith("<p><strong>Start with prompt engineering") for page in pages)
    assert '<button type="button" class="cite" value="1">[1]</button>' in pages[-1]
    assert [name for name, _ in found][-2:] == ["panel", "answer"]
    assert "<mark>" in dict(found)["panel"]["sources"]
    assert "status-grounded" in dict(found)["panel"]["status"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://evil.example/a.png)",
        "[click](javascript:alert(1)) and [other](https://evil.example)",
        "<https://evil.example> and https://evil.example",
        '</p><button class="cite" value="1" onclick="alert(1)">x</button>',
        "`<svg/onload=alert(1)>`",
    ],
)
def test_what_a_model_or_a_document_says_is_no_markup_in_the_html(
    client: httpx.Client, consultant: Consultant, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    scripted(consultant, monkeypatch, Scripted(Draft(text, "plain")))
    (page,) = [data for name, data in events(client, PROJECT, html=True) if name == "html"]
    assert re.findall(r"<(\w+)", page) == ["p"]
    assert "href" not in page.replace(text, "")


# --- the document of the API


def test_the_document_of_the_api_is_valid_and_names_our_routes_alone(client: httpx.Client) -> None:
    document = client.get("/api/openapi.json").json()
    OpenAPI.model_validate(document)
    assert sorted(document["paths"]) == ["/api/ask", "/healthz"]
    references = re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document))
    assert set(references) <= set(document["components"]["schemas"])


@pytest.mark.parametrize("question", [PROJECT, "RAG vs fine-tuning?", "thanks", "We want to sort our mails."])
def test_answers_are_what_the_document_says(client: httpx.Client, question: str) -> None:
    AnswerObject.model_validate(ask(client, question).json())
