"""The HTTP API beside the page: POST /api/ask and GET /healthz."""

from __future__ import annotations

import logging
import secrets
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from bot.consultant import Consultant
from bot.errors import BadQuestion, ConsultantError
from bot.types import Edit, Message
from knowledge.errors import KnowledgeError
from ui import render

log = logging.getLogger(__name__)
MAX_TURNS = 200
MAX_EDITS = 40
_HOW_TO_ASK = 'Send {"question": "…", "history": [], "stream": false} as JSON.'


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

    question: str
    history: list[Turn] = Field(default_factory=list, max_length=MAX_TURNS)
    edits: list[SetFact] = Field(default_factory=list, max_length=MAX_EDITS)
    stream: Literal[False] = False


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


def routes(consultant: Consultant) -> APIRouter:
    """The routes over one consultant."""
    router = APIRouter()

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.post("/api/ask")
    async def ask(body: AskRequest) -> JSONResponse:
        history = [Message(turn.role, turn.content) for turn in body.history]
        edits = [Edit(fact.slot, fact.value) for fact in body.edits]
        answer = await run_in_threadpool(consultant.ask, body.question, history, edits)
        return JSONResponse(render.to_json(answer))

    # The page is mounted at / and would answer these with a 404.
    @router.api_route("/api/ask", methods=["GET", "HEAD", "PUT", "PATCH", "DELETE"])
    def not_asked() -> JSONResponse:
        return JSONResponse({"error": f"Questions are sent by POST. {_HOW_TO_ASK}"}, 405, headers={"Allow": "POST"})

    return router


async def on_known_error(_: Request, error: Exception) -> JSONResponse:
    """A sentence with the next step: 422 when the question is at fault, 503 when the index is."""
    if isinstance(error, BadQuestion):
        return JSONResponse({"error": str(error)}, status_code=422)
    identity = logged(error)
    return JSONResponse(
        {
            "error": f"The consultant cannot answer now. Tell its operator the error id {identity}.",
            "id": identity,
        },
        status_code=503,
    )


async def on_bad_body(_: Request, error: Exception) -> JSONResponse:
    """Name the first thing that is wrong with the body, and say what it should be."""
    assert isinstance(error, RequestValidationError), "registered for this error alone"
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    return JSONResponse(
        {"error": f"{where}: {first['msg']}. {_HOW_TO_ASK}"},
        status_code=422,
    )


async def on_unknown_error(_: Request, error: Exception) -> JSONResponse:
    """No internals in the answer; the id leads to the traceback in the log."""
    identity = logged(error)
    return JSONResponse(
        {"error": f"Something went wrong here. Tell the operator the error id {identity}.", "id": identity},
        status_code=500,
    )


def logged(error: Exception) -> str:
    """Log an error with its traceback; the id that comes back is all that a person is told."""
    identity = secrets.token_hex(4)
    log.error("error id %s", identity, exc_info=error)
    return identity


KNOWN_ERRORS: tuple[type[Exception], ...] = (ConsultantError, KnowledgeError)
