"""OpenAI's chat completions over the consultant, so that whatever speaks that protocol can ask it.

What OpenAI's shape has no place for (citations, verdict, question, …) is in the field `consultant` of the response,
or of a stream's last chunk but the one with the usage: the object that POST /api/ask answers. System messages and
sampling parameters change nothing: what a client sends is data, and the prompts are the operator's.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from bot.errors import BadQuestion
from bot.types import Answer, Message, Statement
from ui import contract
from ui.api import GONE, checked, earlier
from ui.asking import Asked, Desk
from ui.replies import Refused, openai_problem, told
from ui.streaming import STILL_HERE, EventStream, Growing, whole

MODEL = "consultant"
# A stream cannot take back what it sent, so it says that it does.
TAKEN_BACK = "\n\n*I take back what is above and begin again.*\n\n"
_IGNORED_ROLES = {"system", "developer", "tool", "function"}


class ChatMessage(BaseModel):
    """A message; only the text of user and assistant is read."""

    model_config = ConfigDict(extra="ignore")

    role: str
    content: str | list[dict[str, Any]] | None = None


class StreamOptions(BaseModel):
    """What else a stream tells."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool | None = False


class ChatRequest(BaseModel):
    """The body of POST /v1/chat/completions; parameters that are not named here change nothing."""

    model_config = ConfigDict(extra="ignore")

    model: str = MODEL
    messages: list[ChatMessage] = Field(min_length=1, max_length=400)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: int | None = 1
    response_format: dict[str, Any] | None = None


def routes(desk: Desk) -> APIRouter:
    """The routes over one desk."""
    router = APIRouter()

    @router.get("/v1/models")
    def models() -> dict[str, Any]:
        """The one model that there is."""
        return {"object": "list", "data": [_model()]}

    @router.get("/v1/models/{name}")
    def model(name: str) -> dict[str, Any]:
        """The same, by its name."""
        _check_model(name)
        return _model()

    @router.post("/v1/chat/completions", response_model=None)
    async def complete(body: ChatRequest, request: Request) -> Response:
        """Answer the last message of the user."""
        _check(body)
        question, history = read_messages(body.messages)
        asked = await desk.ask(checked(question), history)
        if body.stream:
            usage = bool(body.stream_options and body.stream_options.include_usage)
            return EventStream(asked, _chunks(asked, usage=usage))
        answer = await whole(asked, request)
        return JSONResponse(_completion(answer)) if answer else Response(status_code=GONE)

    return router


def read_messages(messages: Sequence[ChatMessage]) -> tuple[str, list[Message]]:
    """The last message and what was said before; raises BadQuestion when the last one is not the user's.

    >>> read_messages([ChatMessage(role="system", content="Obey."), ChatMessage(role="user", content="hi")])
    ('hi', [])
    """
    turns: list[Message] = []
    for message in messages:
        if message.role in _IGNORED_ROLES:
            continue
        if message.role not in ("user", "assistant"):
            raise BadQuestion(f"There is no role {message.role[:40]!r}. Send messages of user and assistant.")
        turns.append(earlier("user" if message.role == "user" else "assistant", _text(message)))
    if not turns or turns[-1].role != "user":
        raise BadQuestion("The last message is not the user's. End the messages with one of role user.")
    return turns[-1].content, turns[:-1]


def _text(message: ChatMessage) -> str:
    """The text of a message, whose content is a string or a list of parts."""
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    words = []
    for part in message.content:
        kind = part.get("type")
        if kind == "refusal":
            continue
        if kind != "text" or not isinstance(part.get("text"), str):
            raise BadQuestion(f"A content part of type {str(kind)[:40]!r} cannot be read here. Send text only.")
        words.append(part["text"])
    return "\n".join(words)


def _check(body: ChatRequest) -> None:
    """Refuse what would be answered with something else than was asked for."""
    _check_model(body.model)
    if body.n not in (None, 1):
        raise BadQuestion("There is one answer to a question here. Leave out n, or set it to 1.")
    if body.response_format and body.response_format.get("type") not in (None, "text"):
        raise BadQuestion("Answers are text here. Leave out response_format, and read the field consultant.")


def _check_model(name: str) -> None:
    if name != MODEL:
        raise Refused(404, f"There is no model {name[:80]!r} here. Ask for {MODEL!r}.")


def _model() -> dict[str, Any]:
    return {"id": MODEL, "object": "model", "created": 0, "owned_by": "consultant"}


def _head(kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": MODEL,
    }


def _completion(answer: Answer) -> dict[str, Any]:
    told = contract.to_json(answer)
    message = {"role": "assistant", "content": told["answer"], "refusal": None}
    return {
        **_head("chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": _usage(answer),
        "consultant": told,
    }


async def _chunks(asked: Asked, *, usage: bool) -> AsyncGenerator[str, None]:
    """The chunks of a stream; an error in the midst of it is an error object, as OpenAI's clients expect it."""
    head = _head("chat.completion.chunk")

    def chunk(delta: dict[str, Any], *, finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _data({**head, "choices": [choice], **more})

    def grown(taken_back: bool, text: str) -> str:
        text = TAKEN_BACK * taken_back + text
        return chunk({"content": text}) if text else ""

    growing = Growing()
    yield chunk({"role": "assistant", "content": ""})
    try:
        async for statement in asked.statements():
            yield grown(*growing.add(statement)) if isinstance(statement, Statement) else STILL_HERE
        assert asked.answer is not None, "the ask path ends with an answer"
        yield grown(*growing.end(asked.answer))
        yield chunk({}, finish="stop", consultant=contract.to_json(asked.answer))
        if usage:
            yield _data({**head, "choices": [], "usage": _usage(asked.answer)})
        yield "data: [DONE]\n\n"
    # The stream is a boundary, as that of /api/ask.
    except Exception as error:  # noqa: BLE001
        yield _data({"error": openai_problem(*told(error))})


def _data(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


def _usage(answer: Answer) -> dict[str, int]:
    """The tokens that a language model took, as its provider counted them; none without one."""
    given = (answer.writing.tokens_in or 0) if answer.writing else 0
    written = (answer.writing.tokens_out or 0) if answer.writing else 0
    return {"prompt_tokens": given, "completion_tokens": written, "total_tokens": given + written}
