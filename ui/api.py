"""The HTTP API of our own: POST /api/ask, whole or streamed, its OpenAPI document, and GET /healthz."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from bot.errors import BadQuestion
from bot.types import Edit, Message, Role
from ui import contract, render
from ui.asking import Desk
from ui.contract import AnswerObject, ErrorObject, HealthObject
from ui.replies import HOW_TO_ASK
from ui.streaming import EventStream, pages, pieces, whole

__all__ = ["AskRequest", "read_history", "routes"]

MAX_TURNS = 200
MAX_EDITS = 40
# A message that is longer is a document; such belong to the knowledge base.
MAX_CHARACTERS = 4000
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
            return EventStream(asked, pages(asked, library) if body.html else pieces(asked))
        answer = await whole(asked, request)
        return JSONResponse(contract.to_json(answer)) if answer else Response(status_code=GONE)

    @router.get("/api/openapi.json", include_in_schema=False)
    def document() -> dict[str, Any]:
        return get_openapi(title="Consultant", version=version("chatbot-consultant"), routes=router.routes)

    # The page is mounted at / and would answer these with a 404.
    @router.api_route("/api/ask", methods=["GET", "HEAD", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    def not_asked() -> JSONResponse:
        return JSONResponse({"error": f"Questions are sent by POST. {HOW_TO_ASK}"}, 405, headers={"Allow": "POST"})

    return router
