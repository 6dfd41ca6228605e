"""The HTTP API of our own: POST /api/ask, whole or streamed, its OpenAPI document, and GET /healthz.

A stream is server-sent events. `text` is the next piece of the answer's Markdown, `restart` takes back all pieces
before it, and one `answer` ends it with the object that the call without a stream gives; or an `error` does.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from starlette.types import Receive, Scope, Send

from bot.errors import BadQuestion
from bot.types import Answer, Edit, Message, Role, Statement, so_far
from ui import render
from ui.asking import Asked, Desk
from ui.contract import AnswerObject, ErrorObject, HealthObject
from ui.replies import HOW_TO_ASK, logged, problem, told

__all__ = ["AskRequest", "logged", "read_history", "routes"]

MAX_TURNS = 200
MAX_EDITS = 40
# A message that is longer is a document; such belong to the knowledge base.
MAX_CHARACTERS = 4000
# A proxy must hand pieces on as they come, and nothing may keep an answer.
STREAM_HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
STILL_HERE = ": still writing\n\n"
# nginx's name for a client that went away; nobody reads it.
GONE = 499


class Turn(BaseModel):
    """One earlier turn of the conversation."""

    role: Literal["user", "assistant"]
    content: str


class SetFact(BaseModel):
    """A fact of the brief, set by hand; an empty value takes it out."""

    model_config = ConfigDict(extra="ignore")

    slot: str
    value: str


class AskRequest(BaseModel):
    """The body of POST /api/ask."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(description=f"At most {MAX_CHARACTERS:,} characters.")
    history: list[Turn] = Field(default_factory=list, max_length=MAX_TURNS)
    edits: list[SetFact] = Field(default_factory=list, max_length=MAX_EDITS)
    stream: StrictBool = Field(False, description="Answer with server-sent events.")
    html: StrictBool = Field(False, description="In a stream: the answer so far as safe HTML, instead of pieces.")


def read_history(raw: Any) -> list[Message]:
    """Turns from parsed JSON; raises ValueError naming the first thing that is wrong.

    >>> read_history([{"role": "user", "content": "hi"}])
    [Message(role='user', content='hi')]
    """
    if not isinstance(raw, list):
        raise ValueError("it is not a list")
    turns = []
    for n, item in enumerate(raw, 1):
        if not isinstance(item, dict) or item.get("role") not in ("user", "assistant"):
            raise ValueError(f"turn {n} has no role user or assistant")
        if not isinstance(item.get("content"), str):
            raise ValueError(f"turn {n} has no text as content")
        turns.append(Message(item["role"], item["content"]))
    return turns


def earlier(role: Role, content: str) -> Message:
    """A turn of the history; an answer comes back as the Markdown that it was sent as, and is read as its words."""
    return Message(role, render.unescape_markdown(content) if role == "assistant" else content)


def checked(question: str) -> str:
    """The question, unless it is too long; raises BadQuestion."""
    if len(question) > MAX_CHARACTERS:
        raise BadQuestion(
            f"Your message has {len(question):,} characters, and at most {MAX_CHARACTERS:,} are read. Shorten it."
        )
    return question


def routes(desk: Desk, library: Path | None = None) -> APIRouter:
    """The routes over one desk; the HTML of a stream links sections to the site of the corpus in `library`."""
    router = APIRouter()
    refused: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorObject} for status in (413, 422, 429, 500, 503)
    }
    answered: dict[str, Any] = {"model": AnswerObject, "content": {"text/event-stream": {"schema": {}}}}

    @router.get("/healthz", response_model=HealthObject)
    def healthz() -> dict[str, str]:
        """The process answers; whether it can advise is told by /readyz."""
        return {"status": "ok"}

    @router.post("/api/ask", responses={200: answered, **refused}, response_model=None)
    async def ask(body: AskRequest, request: Request) -> Response:
        """Answer a question, as one object or as a stream of events."""
        history = [earlier(turn.role, turn.content) for turn in body.history]
        edits = [Edit(fact.slot, fact.value) for fact in body.edits]
        asked = await desk.ask(checked(body.question), history, edits)
        if body.stream:
            return EventStream(asked, _pages(asked, library) if body.html else _pieces(asked))
        answer = await whole(asked, request)
        return JSONResponse(render.to_json(answer)) if answer else Response(status_code=GONE)

    @router.get("/api/openapi.json", include_in_schema=False)
    def document() -> dict[str, Any]:
        return get_openapi(title="Consultant", version=version("chatbot-consultant"), routes=router.routes)

    # The page is mounted at / and would answer these with a 404.
    @router.api_route("/api/ask", methods=["GET", "HEAD", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    def not_asked() -> JSONResponse:
        return JSONResponse({"error": f"Questions are sent by POST. {HOW_TO_ASK}"}, 405, headers={"Allow": "POST"})

    return router


class EventStream(StreamingResponse):
    """Server-sent events of an answer; when the reader goes away, it is given up at once."""

    media_type = "text/event-stream"

    def __init__(self, asked: Asked, events: AsyncGenerator[str, None]) -> None:
        super().__init__(events, headers=STREAM_HEADERS)
        self._asked = asked
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events, and end the answer however that ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._asked.close()
            await self._events.aclose()


async def whole(asked: Asked, request: Request) -> Answer | None:
    """The answer when it is complete; None when its reader went away meanwhile."""
    async with aclosing(asked.statements()) as statements:
        async for statement in statements:
            if statement is None and await request.is_disconnected():
                return None
    return asked.answer


@dataclass
class Growing:
    """The Markdown of an answer that grows, piece by piece."""

    statements: list[Statement] = field(default_factory=list)
    text: str = ""

    def add(self, statement: Statement) -> tuple[bool, str]:
        """Whether all before is taken back, and what is new."""
        self.statements = so_far(self.statements, statement)
        return self._grown(_without_open_table(self.statements))

    def end(self, answer: Answer) -> tuple[bool, str]:
        """The same for what was kept back."""
        return self._grown(answer.statements)

    def _grown(self, statements: Sequence[Statement]) -> tuple[bool, str]:
        before, self.text = self.text, render.markdown(statements)
        if self.text.startswith(before):
            return False, self.text[len(before) :]
        return True, self.text


def _without_open_table(statements: Sequence[Statement]) -> Sequence[Statement]:
    """A table is held back until it is whole: its head names all columns."""
    end = len(statements)
    while end and statements[end - 1].block == "cell":
        end -= 1
    return statements[:end]


async def _pieces(asked: Asked) -> AsyncGenerator[str, None]:
    """The events of a stream."""
    growing = Growing()

    def events(taken_back: bool, text: str) -> str:
        return (event("restart", None) if taken_back else "") + (event("text", text) if text else "")

    async for news in guarded(asked):
        if isinstance(news, Statement):
            yield events(*growing.add(news))
        elif isinstance(news, Answer):
            yield events(*growing.end(news)) + event("answer", render.to_json(news))
        else:
            yield news


async def _pages(asked: Asked, library: Path | None) -> AsyncGenerator[str, None]:
    """The events of a stream in HTML: whole each time, so that what was taken back is simply not there.

    Before the `answer`, a `panel` holds the status line and the cited passages.
    """
    statements: list[Statement] = []
    async for news in guarded(asked):
        if isinstance(news, Statement):
            statements = so_far(statements, news)
            yield event("html", render.answer_html(statements))
        elif isinstance(news, Answer):
            panel = {"status": render.status_html(news), "sources": render.sources_html(news, library)}
            yield event("panel", panel) + event("answer", render.to_json(news))
        else:
            yield news


async def guarded(asked: Asked) -> AsyncIterator[Statement | Answer | str]:
    """The statements and the answer; between them heartbeats, and in place of what fails an error, as events."""
    try:
        async with aclosing(asked.statements()) as statements:
            async for statement in statements:
                yield STILL_HERE if statement is None else statement
        assert asked.answer is not None, "the ask path ends with an answer"
        yield asked.answer
    # The stream is a boundary: its reader gets a sentence, the log the traceback under the same id.
    except Exception as error:  # noqa: BLE001
        _, sentence, identity = told(error)
        yield event("error", problem(sentence, identity))


def event(name: str, data: Any) -> str:
    """A server-sent event whose data is JSON on one line.

    >>> event("text", "a\\nb")
    'event: text\\ndata: "a\\\\nb"\\n\\n'
    """
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
