"""An answer as server-sent events.

`text` is the next piece of the answer's Markdown, `restart` takes back all pieces before it, and one `answer` ends it
with the object that the call without a stream gives; or an `error` does. The widget's frame needs markup that is safe
to insert: there `html` is the whole answer so far, made here because `render.py` is the only place where text becomes
markup, and whole because then nothing has to be taken back.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from bot.types import Answer, Statement, so_far
from ui import contract, render
from ui.asking import Asked
from ui.replies import problem, told

# A proxy must hand pieces on as they come, and nothing may keep an answer.
STREAM_HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
STILL_HERE = ": still writing\n\n"


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


def pieces(asked: Asked) -> AsyncGenerator[str, None]:
    """The events of a stream."""
    growing = Growing()

    def grown(taken_back: bool, text: str) -> str:
        return (event("restart", None) if taken_back else "") + (event("text", text) if text else "")

    def shown(news: Statement | Answer) -> str:
        if isinstance(news, Statement):
            return grown(*growing.add(news))
        return grown(*growing.end(news)) + event("answer", contract.to_json(news))

    return _events(asked, shown)


def pages(asked: Asked, library: Path | None) -> AsyncGenerator[str, None]:
    """The events of a stream in HTML: whole each time, so that what was taken back is simply not there.

    Before the `answer`, a `panel` holds the status line and the cited passages.
    """
    statements: list[Statement] = []

    def shown(news: Statement | Answer) -> str:
        nonlocal statements
        if isinstance(news, Statement):
            statements = so_far(statements, news)
            return event("html", render.answer_html(statements))
        panel = {"status": render.status_html(news), "sources": render.sources_html(news, library)}
        return event("panel", panel) + event("answer", contract.to_json(news))

    return _events(asked, shown)


async def _events(asked: Asked, shown: Callable[[Statement | Answer], str]) -> AsyncGenerator[str, None]:
    """Each statement and the answer as they are shown; between them heartbeats, and in place of what fails an
    error."""
    try:
        async with aclosing(asked.statements()) as statements:
            async for statement in statements:
                yield STILL_HERE if statement is None else shown(statement)
        assert asked.answer is not None, "the ask path ends with an answer"
        yield shown(asked.answer)
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
