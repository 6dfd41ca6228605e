"""How the server says no: one sentence with the next step, in the shape that the clients of a route read."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bot.errors import BadQuestion, ConsultantError
from knowledge.errors import KnowledgeError

log = logging.getLogger(__name__)
# The routes that speak OpenAI's protocol.
OPENAI = "/v1/"
KNOWN_ERRORS: tuple[type[Exception], ...] = (ConsultantError, KnowledgeError)
HOW_TO_ASK = 'Send {"question": "…", "history": [], "stream": false} as JSON.'
_HOW_TO_CHAT = 'Send {"model": "consultant", "messages": [{"role": "user", "content": "…"}]} as JSON.'
_OPENAI_TYPES = {401: "authentication_error", 429: "rate_limit_error"}


class Refused(Exception):
    """A request that is not served: the status and the sentence for its sender."""

    def __init__(self, status: int, sentence: str, *, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_after = retry_after


def refusal(path: str, status: int, sentence: str, *, identity: str = "", retry_after: int | None = None) -> Any:
    """The response: `{"error": sentence}`, or OpenAI's error object on its routes."""
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else None
    if not path.startswith(OPENAI):
        return JSONResponse(problem(sentence, identity), status, headers=headers)
    # OpenAI's clients know 400 for whatever is wrong with a request.
    status = 400 if status == 422 else status
    return JSONResponse({"error": openai_problem(status, sentence, identity)}, status, headers=headers)


def problem(sentence: str, identity: str = "") -> dict[str, Any]:
    """What is wrong, and the id under which the log has more."""
    return {"error": sentence, "id": identity} if identity else {"error": sentence}


def openai_problem(status: int, sentence: str, identity: str = "") -> dict[str, Any]:
    """The same as OpenAI's clients read it."""
    kind = _OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"message": sentence, "type": kind, "param": None, "code": identity or None}


def told(error: Exception) -> tuple[int, str, str]:
    """Status, sentence and id: 422 when the question is at fault, 503 when the index is, else 500.

    Whatever is not the asker's fault is logged under the id, and no inner part of it is told.
    """
    if isinstance(error, BadQuestion):
        return 422, str(error), ""
    identity = logged(error)
    if isinstance(error, KNOWN_ERRORS):
        return 503, f"The consultant cannot answer now. Tell its operator the error id {identity}.", identity
    return 500, f"Something went wrong here. Tell the operator the error id {identity}.", identity


def logged(error: Exception) -> str:
    """Log an error with its traceback; the id that comes back is all that a person is told."""
    identity = secrets.token_hex(4)
    log.error("error id %s", identity, exc_info=error)
    return identity


async def on_error(request: Request, error: Exception) -> Any:
    """A sentence with the next step for any error of the ask path, known or not."""
    status, sentence, identity = told(error)
    return refusal(request.url.path, status, sentence, identity=identity)


async def on_refused(request: Request, error: Exception) -> Any:
    """What a route or a guard turned down."""
    assert isinstance(error, Refused), "registered for this error alone"
    return refusal(request.url.path, error.status, str(error), retry_after=error.retry_after)


async def on_http(request: Request, error: Exception) -> Any:
    """What the framework itself turns down, such as a body that no parser gets to the end of."""
    assert isinstance(error, HTTPException), "registered for this error alone"
    if error.status_code == 400:
        return refusal(request.url.path, 422, f"The body cannot be read. {_how(request)}")
    return refusal(request.url.path, error.status_code, f"{error.detail}. The start page is at /.")


async def on_bad_body(request: Request, error: Exception) -> Any:
    """Name the first thing that is wrong with the body, and say what it should be."""
    assert isinstance(error, RequestValidationError), "registered for this error alone"
    first: Mapping[str, Any] = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    return refusal(request.url.path, 422, f"{where}: {first['msg']}. {_how(request)}")


def _how(request: Request) -> str:
    return _HOW_TO_CHAT if request.url.path.startswith(OPENAI) else HOW_TO_ASK
