"""A request's body is read whole before anything parses it, up to a size and for a time."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.metrics import Metrics
from ui.replies import refusal

# Gradio's page sends the whole conversation with each question, and with each step back.
QUEUE = "/gradio_api/queue/join"
READ, COLLECTION = "/api/read", "/api/collection"
MAX_BODY = {QUEUE: 2_000_000, "/gradio_api/run/predict": 2_000_000, READ: 5_000_000, COLLECTION: 5_000_000}
MAX_BODY_ELSEWHERE = 64_000
BODY_SECONDS = 30.0
_SMALLER = {
    READ: "smaller file, or paste the part that matters",
    COLLECTION: "smaller file, or use: consultant ingest",
}


def capped(app: ASGIApp, metrics: Metrics) -> ASGIApp:
    """Read the body before anything parses it: 413 when it is too large, 408 when it does not come."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await app(scope, receive, send)
            return
        path = scope["path"]
        most = MAX_BODY.get(path, MAX_BODY_ELSEWHERE)
        try:
            told = Headers(scope=scope).get("content-length", "0")
            async with asyncio.timeout(BODY_SECONDS):
                body = None if told.isdigit() and int(told) > most else await _body(receive, most)
        except TimeoutError:
            metrics.refused("slow")
            slow = refusal(path, 408, f"The body did not come within {BODY_SECONDS:.0f} seconds. Send it again.")
            await slow(scope, receive, send)
            return
        if body is None:
            metrics.refused("size")
            what = _SMALLER.get(path, "shorter conversation")
            large = refusal(path, 413, f"The body is larger than {most // 1000:,} kB. Send a {what}.")
            await large(scope, receive, send)
            return
        await app(scope, _again(body, receive), send)

    return guard


async def _body(receive: Receive, most: int) -> Message | None:
    """The whole body as one message, or what ended it; None when it is longer than `most` bytes."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return message
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            return None
        if not message.get("more_body"):
            return {"type": "http.request", "body": b"".join(parts), "more_body": False}


def _again(message: Message, receive: Receive) -> Receive:
    """The message that was read, then whatever comes."""
    waiting = [message]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received
